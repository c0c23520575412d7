package security

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/failure"
	"pageheat/integration/kafkatest"
)

// TestSettingsThatCannotBeUsed: the error names the setting, and no secret.
func TestSettingsThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	const canary = "canary"
	write := func(name, text string) string { return kafkatest.WriteFile(t, dir, name, []byte(text)) }
	own, other := kafkatest.NewAuthority(t).Issue("heat"), kafkatest.NewAuthority(t).Issue("heat")
	cert, key, otherKey := write("cert", string(own.Chain)), write("key", string(own.Key)), write("other", string(other.Key))
	encrypted := write("encrypted", strings.ReplaceAll(string(own.Key), "PRIVATE KEY", "ENCRYPTED PRIVATE KEY"))
	jks, p12 := write("store.jks", "\xfe\xed\xfe\xed rest"), write("store.p12", "\x30\x82 rest")
	for name, c := range map[string]struct {
		s       Settings
		setting string
		says    string
	}{
		"no --tls":             {Settings{TLSCA: cert}, "tls-ca", "without --tls"},
		"no such file":         {Settings{TLS: true, TLSCA: dir + "/none"}, "tls-ca", "none"},
		"not PEM":              {Settings{TLS: true, TLSCA: write("text", "text")}, "tls-ca", "nothing in PEM"},
		"a key only":           {Settings{TLS: true, TLSCA: key}, "tls-ca", "no certificate"},
		"a JKS truststore":     {Settings{TLS: true, TLSCA: jks}, "tls-ca", "`keytool -list -rfc -keystore " + jks},
		"a PKCS12 truststore":  {Settings{TLS: true, TLSCA: p12}, "tls-ca", "`keytool -list -rfc -keystore " + p12},
		"a JKS keystore":       {Settings{TLS: true, TLSCert: jks, TLSKey: key}, "tls-cert", "`keytool -importkeystore -srckeystore " + jks},
		"a PKCS12 keystore":    {Settings{TLS: true, TLSCert: p12, TLSKey: key}, "tls-cert", "`openssl pkcs12 -in " + p12},
		"no key":               {Settings{TLS: true, TLSCert: cert}, "tls-key", "private key"},
		"no certificate":       {Settings{TLS: true, TLSKey: key}, "tls-cert", "certificate"},
		"another's key":        {Settings{TLS: true, TLSCert: cert, TLSKey: otherKey}, "tls-cert", "does not match"},
		"an encrypted key":     {Settings{TLS: true, TLSCert: cert, TLSKey: encrypted}, "tls-key", "openssl pkey"},
		"unknown mechanism":    {Settings{SASLMechanism: "GSSAPI"}, "sasl-mechanism", "SCRAM-SHA-512"},
		"no user":              {Settings{SASLMechanism: "PLAIN", SASLPassword: canary}, "sasl-username", "PLAIN"},
		"no password":          {Settings{SASLMechanism: "SCRAM-SHA-256", SASLUsername: "heat"}, "sasl-password-file", "SCRAM-SHA-256"},
		"two passwords":        {Settings{SASLMechanism: "PLAIN", SASLUsername: "heat", SASLPassword: canary, SASLPasswordFile: cert}, "sasl-password-file", "twice"},
		"an empty password":    {Settings{SASLMechanism: "PLAIN", SASLUsername: "heat", SASLPasswordFile: write("empty", "\n")}, "sasl-password-file", "empty"},
		"user without login":   {Settings{SASLUsername: "heat"}, "sasl-username", "no effect"},
		"secret without OAuth": {Settings{SASLMechanism: "AWS_MSK_IAM", OAuthClientSecret: canary}, "oauth-client-secret-file", "no effect"},
		"no token endpoint":    {Settings{SASLMechanism: "OAUTHBEARER", OAuthClientID: "heat", OAuthClientSecret: canary}, "oauth-token-url", "OAUTHBEARER"},
		"a plain endpoint":     {Settings{SASLMechanism: "OAUTHBEARER", OAuthClientID: "heat", OAuthClientSecret: canary, OAuthTokenURL: "http://idp.example/token"}, "oauth-token-url", "https"},
		"a login in the URL":   {Settings{SASLMechanism: "OAUTHBEARER", OAuthClientID: "heat", OAuthClientSecret: canary, OAuthTokenURL: "https://heat:canary@idp.example/token"}, "oauth-token-url", "must not hold"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.s.Open(slog.New(slog.DiscardHandler))
			var wrong *failure.Setting
			require.ErrorAs(t, err, &wrong)
			assert.Equal(t, c.setting, wrong.Name)
			assert.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), canary)
		})
	}
}

// TestSecretsAreNotPrinted in whatever form.
func TestSecretsAreNotPrinted(t *testing.T) {
	s := Settings{SASLPassword: "canary", OAuthClientSecret: "canary"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		assert.NotContains(t, fmt.Sprintf(format, s), "canary", format)
	}
	text, err := json.Marshal(s)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "canary")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("settings", "password", s.SASLPassword, "all", s)
	assert.NotContains(t, log.String(), "canary")
}

func TestWhatIsSentWithoutEncryption(t *testing.T) {
	endpoint := Settings{SASLMechanism: "OAUTHBEARER", OAuthClientID: "heat", OAuthClientSecret: "x", OAuthTokenURL: "https://idp.example/token"}
	for _, c := range []struct {
		s       Settings
		exposed bool
	}{
		{Settings{}, false},
		{Settings{SASLMechanism: "PLAIN", SASLUsername: "heat", SASLPassword: "x"}, true},
		{Settings{TLS: true, SASLMechanism: "PLAIN", SASLUsername: "heat", SASLPassword: "x"}, false},
		{Settings{SASLMechanism: "SCRAM-SHA-256", SASLUsername: "heat", SASLPassword: "x"}, false},
		{endpoint, true},
	} {
		made, err := c.s.Open(slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		assert.Equal(t, c.exposed, made.Exposed() != "", "%v", c.s)
	}
}

// TestAPasswordFileIsReadAtEachLogin, without the line's end.
func TestAPasswordFileIsReadAtEachLogin(t *testing.T) {
	dir := t.TempDir()
	file := kafkatest.WriteFile(t, dir, "password", []byte(" old \r\n"))
	made, err := Settings{SASLMechanism: "PLAIN", SASLUsername: "heat", SASLPasswordFile: file}.Open(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	says := func() string {
		_, first, err := made.login.mechanism.Authenticate(t.Context(), "")
		require.NoError(t, err)
		return string(first)
	}
	assert.Equal(t, "\x00heat\x00 old ", says())
	kafkatest.WriteFile(t, dir, "password", []byte("new"))
	assert.Equal(t, "\x00heat\x00new", says())
	require.NoError(t, os.Remove(file))
	assert.Equal(t, "\x00heat\x00new", says(), "it stays until there is another one")
}
