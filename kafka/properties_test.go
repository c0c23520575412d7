package kafka

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/kafkatest"
)

func readProperties(t *testing.T, text string) (map[string]string, error) {
	t.Helper()
	return ReadProperties(kafkatest.WriteFile(t, t.TempDir(), "client.properties", []byte(text)))
}

// TestPropertiesOfJavaClients: files as Kafka's documentation and its vendors have them.
func TestPropertiesOfJavaClients(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want map[string]string
	}{
		"nothing": {"# nothing\n", map[string]string{}},
		"brokers": {"bootstrap.servers=a:9092,b:9092\nclient.id=heat\nclient.rack=a\nsecurity.protocol=PLAINTEXT\n",
			map[string]string{"brokers": "a:9092,b:9092", "client-id": "heat", "rack": "a", "tls": "false"}},
		"certificates": {`security.protocol=SSL
ssl.truststore.type=PEM
ssl.truststore.location=/etc/ca.pem
ssl.keystore.type = PEM
ssl.keystore.location: /etc/client.pem
ssl.endpoint.identification.algorithm=https
ssl.enabled.protocols=TLSv1.2,TLSv1.3
client.dns.lookup=use_all_dns_ips
`, map[string]string{"tls": "true", "tls-ca": "/etc/ca.pem", "tls-cert": "/etc/client.pem", "tls-key": "/etc/client.pem"}},
		"SCRAM": {`security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
  username="heat" \
  password="it\\"s ${a} \\\\ \= secret;";
`, map[string]string{"tls": "true", "sasl-mechanism": "SCRAM-SHA-512", "sasl-username": "heat", "sasl-password": `it"s ${a} \ = secret;`}},
		"PLAIN in single quotes": {"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username='heat' password=secret;\n",
			map[string]string{"tls": "false", "sasl-mechanism": "PLAIN", "sasl-username": "heat", "sasl-password": "secret"}},
		"OAUTHBEARER": {`security.protocol=SASL_SSL
sasl.mechanism=OAUTHBEARER
sasl.login.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler
sasl.oauthbearer.token.endpoint.url=https://idp.example/token
sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId="heat" clientSecret="secret" scope="a b";
`, map[string]string{"tls": "true", "sasl-mechanism": "OAUTHBEARER", "oauth-token-url": "https://idp.example/token", "oauth-client-id": "heat", "oauth-client-secret": "secret", "oauth-scope": "a b"}},
		"OAUTHBEARER of Kafka 4.1": {`security.protocol=SASL_SSL
sasl.mechanism=OAUTHBEARER
sasl.oauthbearer.token.endpoint.url=https://idp.example/token
sasl.oauthbearer.client.credentials.client.id=heat
sasl.oauthbearer.client.credentials.client.secret=secret
sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required ;
`, map[string]string{"tls": "true", "sasl-mechanism": "OAUTHBEARER", "oauth-token-url": "https://idp.example/token", "oauth-client-id": "heat", "oauth-client-secret": "secret"}},
		"Amazon MSK": {`security.protocol=SASL_SSL
sasl.mechanism=AWS_MSK_IAM
sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required;
sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler
`, map[string]string{"tls": "true", "sasl-mechanism": "AWS_MSK_IAM"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readProperties(t, c.text)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

// TestPropertiesThatPageheatCannotTake are refused by name, and no secret is repeated.
func TestPropertiesThatPageheatCannotTake(t *testing.T) {
	const canary = "canary"
	for text, says := range map[string]string{
		"acks=all":                               "property acks: unknown: remove it; pageheat knows bootstrap.servers",
		"security.protocol=TLS":                  `property security.protocol: "TLS": must be PLAINTEXT, SSL`,
		"ssl.truststore.type=JKS":                "property ssl.truststore.type: \"JKS\": must be PEM: convert a truststore with `keytool -list -rfc",
		"ssl.keystore.type=PKCS12":               "`openssl pkcs12 -in FILE",
		"ssl.keystore.password=canary":           "property ssl.keystore.password: files in PEM need no password",
		"ssl.endpoint.identification.algorithm=": "property ssl.endpoint.identification.algorithm: host names in certificates are always verified",
		"security.protocol=SSL\nssl.keystore.location=a\nssl.keystore.key=canary": "property ssl.keystore.location: another property also sets --tls-key",
		"security.protocol=SASL_SSL": "property sasl.mechanism: required",
		"sasl.mechanism=PLAIN":       "property security.protocol: must be SASL_SSL",
		"ssl.truststore.location=a":  "property security.protocol: must be SSL",
		"sasl.jaas.config=org.example.Login required password=\"canary\";":                                      "property sasl.jaas.config: unknown module org.example.Login",
		"sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required password=\"canary\"": "property sasl.jaas.config: must be MODULE",
		"sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required password=\"canary;":  "property sasl.jaas.config: options must be",
		"sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required tokenauth=\"true\";": "property sasl.jaas.config: unknown option tokenauth",
		"sasl.login.callback.handler.class=org.example.Handler":                                                 `property sasl.login.callback.handler.class: "org.example.Handler": must be`,
		"a=\\u00zz canary": "not a file of Java properties",
	} {
		_, err := readProperties(t, text)
		require.ErrorContains(t, err, says, text)
		assert.NotContains(t, err.Error(), canary)
	}
	_, err := ReadProperties(t.TempDir() + "/none")
	require.ErrorContains(t, err, "none")
}

// TestPEMTextInProperties: it may be one line there.
func TestPEMTextInProperties(t *testing.T) {
	w := newWorld(t)
	client := w.authority.Issue("heat")
	line := func(text []byte) string { return strings.Join(strings.Fields(string(text)), " ") }
	text := "security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.certificates=" + line(w.authority.PEM) +
		"\nssl.keystore.type=PEM\nssl.keystore.certificate.chain=" + strings.ReplaceAll(strings.TrimSpace(string(client.Chain)), "\n", "\\n\\\n  ") +
		"\nssl.keystore.key=" + line(client.Key) + "\n"
	got, err := readProperties(t, text)
	require.NoError(t, err)
	s := Settings{Brokers: w.brokers(t, w.tls(t, w.authority)).ListenAddrs()}
	s.Security.TLS, s.Security.TLSCA, s.Security.TLSCert, s.Security.TLSKey = got["tls"] == "true", got["tls-ca"], got["tls-cert"], got["tls-key"]
	require.NoError(t, cluster(t, s.Brokers, s.Security).Reach(t.Context()))
}
