package security

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"

	"pageheat/secret"
)

// Security is how connections to brokers are secured. A nil one means that they are not. It is
// safe for concurrent use.
type Security struct {
	certificates *reloaded[*tls.Config] // nil without TLS
	login        *login                 // nil without SASL
	exposed      string
}

// Exposed warns of what is sent without encryption that should not be; it is empty if nothing is.
func (s *Security) Exposed() string {
	if s == nil {
		return ""
	}
	return s.exposed
}

// TLS returns what gives the configuration of the next connection, nil without TLS. The
// configuration must not be changed.
func (s *Security) TLS() func() (*tls.Config, error) {
	if s == nil || s.certificates == nil {
		return nil
	}
	return s.certificates.get
}

// Mechanism is the SASL mechanism as brokers know it, empty without SASL.
func (s *Security) Mechanism() string {
	if s == nil || s.login == nil {
		return ""
	}
	return s.login.mechanism.Name()
}

// Franz has a client of franz-go log in.
func (s *Security) Franz() []kgo.Opt {
	if s == nil || s.login == nil {
		return nil
	}
	return []kgo.Opt{kgo.SASL(s.login.mechanism)}
}

// Sarama has the clients of a configuration log in.
func (s *Security) Sarama(c *sarama.Config) {
	if s == nil || s.login == nil {
		return
	}
	to := &c.Net.SASL
	to.Enable = true
	to.Mechanism = sarama.SASLMechanism(s.login.mechanism.Name())
	to.User = s.login.user
	switch to.Mechanism {
	case oauthMechanism:
		to.TokenProvider = tokenProvider{s.login.token}
	case scram256, scram512:
		to.Password = secret.Mask // SCRAM clients get it from the mechanism, but sarama demands one
		to.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{mechanism: s.login.mechanism} }
	default:
		// Sarama keeps this one for the client's life: when it has changed, the client fails
		// to connect, and its role begins again with a new client.
		to.Password, _ = s.login.password.get() // it was read before: there is one
	}
}

// scramClient has franz-go's SCRAM work for sarama, which has none of its own.
type scramClient struct {
	mechanism sasl.Mechanism
	session   sasl.Session
	first     []byte // what opens the exchange, until it is sent
	done      bool
}

// Begin implements sarama.SCRAMClient.
func (c *scramClient) Begin(_, _, _ string) (err error) {
	c.session, c.first, err = c.mechanism.Authenticate(context.Background(), "")
	return err
}

// Step implements sarama.SCRAMClient.
func (c *scramClient) Step(challenge string) (string, error) {
	if opening := c.first; opening != nil {
		c.first = nil
		return string(opening), nil
	}
	done, reply, err := c.session.Challenge([]byte(challenge))
	if err != nil {
		return "", fmt.Errorf("logging in with %s: %w", c.mechanism.Name(), err)
	}
	c.done = done
	return string(reply), nil
}

// Done implements sarama.SCRAMClient.
func (c *scramClient) Done() bool { return c.done }

// tokenProvider gives sarama the tokens for OAUTHBEARER.
type tokenProvider struct {
	token func(context.Context) (string, error)
}

// Token implements sarama.AccessTokenProvider.
func (p tokenProvider) Token() (*sarama.AccessToken, error) {
	token, err := p.token(context.Background())
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, errors.New("the token is empty")
	}
	return &sarama.AccessToken{Token: token}, nil
}
