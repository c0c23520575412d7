package kafkatest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Security is how programs under test connect to a secured cluster: with TLS, as a user whose
// rights are checked.
type Security string

// The kinds of security.
const (
	SCRAM       Security = "scram"       // a password, SCRAM-SHA-512
	MutualTLS   Security = "mtls"        // a client certificate
	OAuthBearer Security = "oauthbearer" // tokens of the cluster's own endpoint
)

// testSecurity is the environment variable with the security of tests that have a choice.
const testSecurity = "PAGEHEAT_TEST_SECURITY"

// SecurityOfTests is what PAGEHEAT_TEST_SECURITY asks for: scram, mtls or oauthbearer. It is nil
// if the variable is not set: tests connect without TLS and logins.
func SecurityOfTests() []Security {
	switch s := Security(os.Getenv(testSecurity)); s {
	case "":
		return nil
	case SCRAM, MutualTLS, OAuthBearer:
		return []Security{s}
	default:
		panic(fmt.Sprintf("%s=%s: it is scram, mtls or oauthbearer", testSecurity, s))
	}
}

// reauthenticate is how often brokers want a login again on an open connection.
const reauthenticate = 10 * time.Second

// User is what a program needs to connect. See renew.go for how passwords and files change.
type User struct {
	// Principal is who the brokers see.
	Principal string
	// Brokers are the addresses for it.
	Brokers string
	// Security says which of the following are set.
	Security Security
	// Name is the user name or client ID.
	Name string
	// CA, Certificate, Key and Password are files. Without TLS there is no CA.
	CA, Certificate, Key, Password string
	// TokenURL is the token endpoint.
	TokenURL string
	// Secret is the client secret, and the password until Cluster.SetPassword.
	Secret string
}

// secured is what a cluster has for its users.
type secured struct {
	dir      string // of the files
	secret   string // of every client of the token endpoint
	tokens   *http.Server
	tokenURL string

	mu        sync.Mutex
	password  string     // of every SCRAM user
	authority *Authority // that issues certificates
	next      *Authority // that is trusted already
	users     map[Security]map[string]bool
}

// validFor is long enough for every run.
const validFor = 24 * time.Hour

// secure makes the certificates and the token endpoint of a cluster, and returns the listeners.
func (c *Cluster) secure(ctx context.Context, cfg Config) ([]Listener, error) {
	dir, err := os.MkdirTemp("", "pageheat-security-")
	if err != nil {
		return nil, fmt.Errorf("kafkatest: making a directory for certificates: %w", err)
	}
	secret := rand.Text()
	s := &secured{dir: dir, secret: secret, password: secret, users: make(map[Security]map[string]bool)}
	c.secured = s
	if s.authority, err = newAuthority(validFor); err != nil {
		return nil, err
	}
	if err := s.write(s.authority.PEM); err != nil {
		return nil, err
	}
	if _, err := writeFile(dir, "password", []byte(s.password)); err != nil {
		return nil, err
	}
	again := cfg.Reauthenticate
	if again == 0 {
		again = reauthenticate
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", loopback(0))
	if err != nil {
		return nil, fmt.Errorf("kafkatest: listening for a token endpoint: %w", err)
	}
	s.tokenURL = "http://" + l.Addr().String()
	s.tokens = &http.Server{Handler: Tokens{Secret: s.secret, Replace: again}, ReadHeaderTimeout: within}
	go func() { _ = s.tokens.Serve(l) }() // until Close

	var all []Listener
	for _, kind := range cfg.Security {
		l := Listener{Name: kind.Listener(), Protocol: "SASL_SSL", Properties: PEMProperties(s.file("server.pem"), "")}
		switch kind {
		case SCRAM:
			l.Properties["sasl.enabled.mechanisms"] = "SCRAM-SHA-512"
			l.Properties["scram-sha-512.sasl.jaas.config"] = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
		case OAuthBearer:
			l.Properties["sasl.enabled.mechanisms"] = "OAUTHBEARER"
			l.Properties["oauthbearer.sasl.jaas.config"] = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"
		case MutualTLS:
			l.Protocol, l.Properties = "SSL", PEMProperties(s.file("server.pem"), s.file("ca.pem"))
		}
		if kind != MutualTLS {
			l.Properties["connections.max.reauth.ms"] = fmt.Sprint(again.Milliseconds())
		}
		all = append(all, l)
	}
	return all, nil
}

// secureEmbedded lets users log in to an embedded cluster with passwords.
func (c *Cluster) secureEmbedded() error {
	dir, err := os.MkdirTemp("", "pageheat-security-")
	if err != nil {
		return fmt.Errorf("kafkatest: making a directory for passwords: %w", err)
	}
	secret := rand.Text()
	c.secured = &secured{dir: dir, secret: secret, password: secret, users: make(map[Security]map[string]bool)}
	c.security, c.further = []Security{SCRAM}, map[string][]string{SCRAM.Listener(): c.brokers}
	_, err = writeFile(dir, "password", []byte(secret))
	return err
}

// proxied is the listener for clients that come through proxies.
func proxied(security []Listener) Listener {
	l := Listener{Protocol: "PLAINTEXT"}
	if len(security) > 0 {
		l = security[0]
		l.Properties = maps.Clone(l.Properties)
	}
	l.Name = "PROXY"
	return l
}

// Listener is the name of the brokers' listener; see Cluster.Listener.
func (s Security) Listener() string { return strings.ToUpper(string(s)) }

func (s *secured) file(name string) string { return s.dir + "/" + name }

// write issues the certificates of the brokers and of all users, and writes them and the
// trusted authorities.
func (s *secured) write(trusted ...[]byte) error {
	files := map[string][]byte{"ca.pem": slices.Concat(trusted...)}
	server, err := s.authority.issue(validFor)
	if err != nil {
		return err
	}
	files["server.pem"] = server.Both()
	for user := range s.users[MutualTLS] {
		if files[user+".pem"], files[user+".key"], err = s.client(user); err != nil {
			return err
		}
	}
	for name, text := range files {
		if _, err := writeFile(s.dir, name, text); err != nil {
			return err
		}
	}
	return nil
}

// client issues the certificate of a user.
func (s *secured) client(user string) (chain, key []byte, err error) {
	c, err := s.authority.issue(validFor, user)
	return c.Chain, c.Key, err
}

func (s *secured) close() error {
	var errs []error
	if s.tokens != nil {
		errs = append(errs, s.tokens.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// Security are the kinds of security of the cluster; none if its clients connect without.
func (c *Cluster) Security() []Security { return slices.Clone(c.security) }

// User returns a user of a secured cluster, who is made if there is none of that name yet. He
// has no rights until AllowUser.
func (c *Cluster) User(ctx context.Context, kind Security, name string) (User, error) {
	s := c.secured
	if s == nil || !slices.Contains(c.security, kind) {
		return User{}, fmt.Errorf("kafkatest: the cluster has no security %q", kind)
	}
	u := User{Principal: "User:" + name, Brokers: c.Listener(kind.Listener()), Security: kind, Name: name}
	if c.fake == nil {
		u.CA = s.file("ca.pem")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u.Secret = s.secret
	known := s.users[kind][name]
	var err error
	switch kind {
	case SCRAM:
		u.Password = s.file("password")
		if !known {
			err = c.setPassword(ctx, name, s.password)
		}
	case MutualTLS:
		u.Principal, u.Certificate, u.Key = "User:CN="+name, s.file(name+".pem"), s.file(name+".key")
		if !known {
			var chain, key []byte
			if chain, key, err = s.client(name); err == nil {
				_, err = writeFile(s.dir, name+".key", key)
			}
			if err == nil {
				_, err = writeFile(s.dir, name+".pem", chain)
			}
		}
	case OAuthBearer:
		u.TokenURL = s.tokenURL
	}
	if err != nil {
		return User{}, err
	}
	if s.users[kind] == nil {
		s.users[kind] = make(map[string]bool)
	}
	s.users[kind][name] = true
	return u, nil
}

// setPassword tells the brokers the password of a user, and waits until all know it.
func (c *Cluster) setPassword(ctx context.Context, name, password string) error {
	const iterations = 4096
	return c.asSuperUser(func(cl *kgo.Client) error {
		answers, err := kadm.NewClient(cl).AlterUserSCRAMs(ctx, nil,
			[]kadm.UpsertSCRAM{{User: name, Mechanism: kadm.ScramSha512, Iterations: iterations, Password: password}})
		if err == nil {
			err = answers.Error()
		}
		if err != nil {
			return fmt.Errorf("kafkatest: setting the password of %s: %w", name, err)
		}
		return c.everyBroker(ctx, func(ctx context.Context, b *kgo.Broker) error {
			return knowsUser(ctx, b, name)
		})
	})
}

// AllowUser gives a user rights and waits until all brokers know them.
func (c *Cluster) AllowUser(ctx context.Context, u User, rights ...Right) error {
	return c.allow(ctx, u.Principal, rights)
}
