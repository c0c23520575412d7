package security

import (
	"context"
	"fmt"
	"log/slog"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"pageheat/secret"
)

// login is how a connection logs in with SASL.
type login struct {
	mechanism sasl.Mechanism

	user     string                                // of PLAIN and SCRAM
	password *reloaded[string]                     // of PLAIN and SCRAM
	token    func(context.Context) (string, error) // of OAUTHBEARER
}

// openLogin returns nil without SASL.
func (s Settings) openLogin(logger *slog.Logger) (*login, error) {
	l := &login{user: s.SASLUsername}
	switch s.SASLMechanism {
	case "":
		return nil, nil
	case plainMechanism, scram256, scram512:
		l.password = &reloaded[string]{what: "the SASL password", logger: logger, read: func() (string, error) {
			return secret.Read("sasl-password-file", s.SASLPasswordFile, s.SASLPassword)
		}}
		if _, err := l.password.get(); err != nil {
			return nil, err
		}
	case oauthMechanism, mskIAMMechanism:
		open := func() (*tokens, error) { return s.openTokens(logger) }
		if s.SASLMechanism == mskIAMMechanism {
			open = openMSK
		}
		source, err := open()
		if err != nil {
			return nil, err
		}
		l.token = source.get
	}
	switch s.SASLMechanism {
	case plainMechanism:
		l.mechanism = plain.Plain(func(context.Context) (plain.Auth, error) {
			password, err := l.password.get()
			return plain.Auth{User: l.user, Pass: password}, err
		})
	case scram256:
		l.mechanism = scram.Sha256(l.scram)
	case scram512:
		l.mechanism = scram.Sha512(l.scram)
	default:
		l.mechanism = bearer{oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			token, err := l.token(ctx)
			return oauth.Auth{Token: token}, err
		})}
	}
	return l, nil
}

func (l *login) scram(context.Context) (scram.Auth, error) {
	password, err := l.password.get()
	return scram.Auth{User: l.user, Pass: password}, err
}

// bearer is franz-go's OAUTHBEARER, with errors that say why a broker refuses the token.
type bearer struct{ sasl.Mechanism }

// Authenticate implements sasl.Mechanism.
func (b bearer) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	session, first, err := b.Mechanism.Authenticate(ctx, host)
	return bearerSession{session}, first, err
}

type bearerSession struct{ sasl.Session }

// Challenge implements sasl.Session. A broker that refuses the token answers with a JSON
// object (RFC 7628), and would give its error only after another message.
func (s bearerSession) Challenge(answer []byte) (bool, []byte, error) {
	if len(answer) > 0 {
		const most = 300
		text := answer[:min(most, len(answer))]
		if !utf8.Valid(text) {
			text = nil
		}
		return false, nil, fmt.Errorf("the broker refuses the token: %s: %w", text, kerr.SaslAuthenticationFailed)
	}
	return s.Session.Challenge(answer)
}
