package security

import (
	"crypto/tls"
	"log/slog"
	"slices"
	"strings"

	"pageheat/failure"
	"pageheat/secret"
)

// Settings say how connections to brokers are secured. The zero value means that they are not.
// --tls-ca, --tls-cert and --tls-key also take PEM text that begins with "-----BEGIN".
type Settings struct {
	TLS           bool   `name:"tls" help:"Use TLS for connections to brokers."`
	TLSCA         string `name:"tls-ca" placeholder:"FILE" help:"PEM file with trusted CA certificates. Default: those of the system."`
	TLSCert       string `name:"tls-cert" placeholder:"FILE" help:"PEM file with the client certificate and its chain."`
	TLSKey        string `name:"tls-key" placeholder:"FILE" help:"PEM file with the private key of the client certificate."`
	TLSServerName string `name:"tls-server-name" placeholder:"NAME" help:"Host name to expect in broker certificates. Default: the broker's host."`

	SASLMechanism    string      `name:"sasl-mechanism" placeholder:"NAME" help:"SASL mechanism: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM."`
	SASLUsername     string      `name:"sasl-username" placeholder:"NAME" help:"User name for PLAIN or SCRAM."`
	SASLPassword     secret.Text `name:"sasl-password" hidden:"" help:"Password for PLAIN or SCRAM."`
	SASLPasswordFile string      `name:"sasl-password-file" placeholder:"FILE" help:"File with the password for PLAIN or SCRAM; or use $PAGEHEAT_SASL_PASSWORD."`

	OAuthTokenURL         string      `name:"oauth-token-url" placeholder:"URL" help:"Token endpoint for OAUTHBEARER."`
	OAuthClientID         string      `name:"oauth-client-id" placeholder:"ID" help:"OAuth client ID."`
	OAuthClientSecret     secret.Text `name:"oauth-client-secret" hidden:"" help:"OAuth client secret."`
	OAuthClientSecretFile string      `name:"oauth-client-secret-file" placeholder:"FILE" help:"File with the OAuth client secret; or use $PAGEHEAT_OAUTH_CLIENT_SECRET."`
	OAuthScope            string      `name:"oauth-scope" placeholder:"SCOPES" help:"OAuth scopes, separated by spaces."`
}

// The SASL mechanisms.
const (
	plainMechanism  = "PLAIN"
	scram256        = "SCRAM-SHA-256"
	scram512        = "SCRAM-SHA-512"
	oauthMechanism  = "OAUTHBEARER"
	mskIAMMechanism = "AWS_MSK_IAM"
)

func mechanisms() []string {
	return []string{plainMechanism, scram256, scram512, oauthMechanism, mskIAMMechanism}
}

// Open reads the files and checks everything that can be checked without a broker. The error is
// a [failure.Setting]. The logger gets a warning when a file can no longer be used later.
func (s Settings) Open(logger *slog.Logger) (*Security, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	made := &Security{exposed: s.exposed()}
	if s.TLS {
		made.certificates = &reloaded[*tls.Config]{what: "the files of TLS", logger: logger, read: s.tlsConfig}
		if _, err := made.certificates.get(); err != nil {
			return nil, err
		}
	}
	var err error
	made.login, err = s.openLogin(logger)
	return made, err
}

// validate returns a [failure.Setting] of what does not go together.
func (s Settings) validate() error {
	for name, value := range map[string]string{"tls-ca": s.TLSCA, "tls-cert": s.TLSCert, "tls-key": s.TLSKey, "tls-server-name": s.TLSServerName} {
		if value != "" && !s.TLS {
			return failure.BadSetting(name, "has no effect without --tls")
		}
	}
	if s.TLSCert == "" && s.TLSKey != "" {
		return failure.BadSetting("tls-cert", "--tls-key requires a certificate")
	}
	if s.TLSKey == "" && s.TLSCert != "" {
		return failure.BadSetting("tls-key", "--tls-cert requires a private key")
	}
	return s.validateLogin()
}

func (s Settings) validateLogin() error {
	if s.SASLMechanism != "" && !slices.Contains(mechanisms(), s.SASLMechanism) {
		return failure.BadSetting("sasl-mechanism", "%q: must be one of %s", s.SASLMechanism, strings.Join(mechanisms(), ", "))
	}
	var password, oauth bool // what the mechanism needs
	switch s.SASLMechanism {
	case plainMechanism, scram256, scram512:
		password = true
	case oauthMechanism:
		oauth = true
	}
	for _, given := range []struct {
		name  string
		set   bool
		taken bool
		with  string
	}{
		{"sasl-username", s.SASLUsername != "", password, "PLAIN or SCRAM"},
		{"sasl-password-file", s.SASLPasswordFile != "" || s.SASLPassword != "", password, "PLAIN or SCRAM"},
		{"oauth-token-url", s.OAuthTokenURL != "", oauth, oauthMechanism},
		{"oauth-client-id", s.OAuthClientID != "", oauth, oauthMechanism},
		{"oauth-client-secret-file", s.OAuthClientSecretFile != "" || s.OAuthClientSecret != "", oauth, oauthMechanism},
	} {
		if given.set && !given.taken {
			return failure.BadSetting(given.name, "has no effect without --sasl-mechanism %s", given.with)
		}
		if !given.set && given.taken {
			return failure.BadSetting(given.name, "required by --sasl-mechanism %s", s.SASLMechanism)
		}
	}
	if s.OAuthScope != "" && !oauth {
		return failure.BadSetting("oauth-scope", "has no effect without --sasl-mechanism %s", oauthMechanism)
	}
	if s.SASLPasswordFile != "" && s.SASLPassword != "" {
		return failure.BadSetting("sasl-password-file", "the password is set twice: in this file and as --sasl-password")
	}
	if s.OAuthClientSecretFile != "" && s.OAuthClientSecret != "" {
		return failure.BadSetting("oauth-client-secret-file", "the client secret is set twice: in this file and as --oauth-client-secret")
	}
	return nil
}

// exposed says what is sent without encryption that should not be; it is empty if nothing is.
func (s Settings) exposed() string {
	switch {
	case s.TLS:
		return ""
	case s.SASLMechanism == plainMechanism:
		return "the password is sent to the brokers without encryption: use --tls, or a SCRAM mechanism"
	case s.SASLMechanism == oauthMechanism, s.SASLMechanism == mskIAMMechanism:
		return "the token is sent to the brokers without encryption: use --tls"
	}
	return ""
}
