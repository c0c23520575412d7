package kafka

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/magiconair/properties"
)

// ReadProperties reads a properties file of Kafka's Java clients, such as the one that
// kafka-topics takes as --command-config. It returns the equivalent [Settings] by the names of
// their flags. Certificates and keys must be PEM. A property without an equivalent is an error that
// names it. Errors never contain secrets.
func ReadProperties(name string) (map[string]string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	// Without expansion: Kafka's own client takes ${ in a password as it is.
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	loaded, err := loader.LoadBytes(text)
	if err != nil {
		return nil, errors.New("not a file of Java properties")
	}
	p := &translation{from: loaded.Map(), to: make(map[string]string)}
	for _, name := range slices.Sorted(maps.Keys(p.from)) {
		if err := p.translate(name, strings.TrimSpace(p.from[name])); err != nil {
			return nil, fmt.Errorf("property %s: %w", name, err)
		}
	}
	return p.to, p.complete()
}

// translation turns properties into settings.
type translation struct{ from, to map[string]string }

// renamed are properties with a setting of the same meaning.
func renamed() map[string]string {
	return map[string]string{ //nolint:gosec // names of properties and flags, not secrets
		"bootstrap.servers":                   "brokers",
		"client.id":                           "client-id",
		"client.rack":                         "rack",
		"compression.type":                    "compression-type",
		"sasl.mechanism":                      "sasl-mechanism",
		"sasl.oauthbearer.token.endpoint.url": "oauth-token-url",
		"sasl.oauthbearer.client.credentials.client.id":     "oauth-client-id",
		"sasl.oauthbearer.client.credentials.client.secret": "oauth-client-secret",
		"sasl.oauthbearer.scope":                            "oauth-scope",
		"ssl.truststore.location":                           "tls-ca",
		"ssl.truststore.certificates":                       "tls-ca",
		"ssl.keystore.certificate.chain":                    "tls-cert",
		"ssl.keystore.key":                                  "tls-key",
	}
}

// expected are properties without a setting, with the values that pageheat supports.
func expected() map[string][]string {
	return map[string][]string{
		"ssl.truststore.type":                   {"PEM"},
		"ssl.keystore.type":                     {"PEM"},
		"ssl.endpoint.identification.algorithm": {"https", "HTTPS"},
		"ssl.protocol":                          {"TLSv1.3", "TLSv1.2", "TLS"},
		"ssl.enabled.protocols":                 {"TLSv1.2,TLSv1.3", "TLSv1.3,TLSv1.2"},
		"client.dns.lookup":                     {"use_all_dns_ips", "default"},
		"sasl.login.callback.handler.class": {
			"org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
			"org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler",
		},
		"sasl.client.callback.handler.class":   {"software.amazon.msk.auth.iam.IAMClientCallbackHandler"},
		"sasl.oauthbearer.jwt.retriever.class": {"org.apache.kafka.common.security.oauthbearer.ClientCredentialsJwtRetriever"},
	}
}

func (p *translation) translate(name, value string) error {
	if to := renamed()[name]; to != "" {
		return p.set(to, value)
	}
	if values := expected()[name]; values != nil {
		return expect(name, value, values)
	}
	switch name {
	case "security.protocol":
		return p.protocol(value)
	case "ssl.keystore.location": // in PEM it has both
		return errors.Join(p.set("tls-cert", value), p.set("tls-key", value))
	case "ssl.truststore.password", "ssl.keystore.password", "ssl.key.password":
		return errors.New("files in PEM need no password here: remove it; decrypt a private key with `openssl pkey -in FILE -out client.key`")
	case "sasl.jaas.config":
		return p.jaas(value)
	}
	known := slices.Concat(slices.Collect(maps.Keys(renamed())), slices.Collect(maps.Keys(expected())), []string{"security.protocol", "ssl.keystore.location", "sasl.jaas.config"})
	slices.Sort(known)
	return fmt.Errorf("unknown: remove it; pageheat knows %s", strings.Join(known, ", "))
}

// set refuses two values for one setting, as in a location and a text.
func (p *translation) set(name, value string) error {
	if earlier, twice := p.to[name]; twice && earlier != value {
		return fmt.Errorf("another property also sets --%s", name)
	}
	p.to[name] = value
	return nil
}

// expect refuses a value that pageheat does not support.
func expect(name, value string, values []string) error {
	switch {
	case slices.Contains(values, value):
		return nil
	case strings.HasSuffix(name, "store.type"):
		return fmt.Errorf("%q: must be PEM: convert a truststore with `keytool -list -rfc -keystore FILE > ca.pem`, a keystore with `openssl pkcs12 -in FILE -nodes -out client.pem` (a JKS one first with `keytool -importkeystore -srckeystore FILE -destkeystore client.p12 -deststoretype PKCS12`)", value)
	case name == "ssl.endpoint.identification.algorithm":
		return errors.New("host names in certificates are always verified: remove it, or set --tls-server-name")
	}
	return fmt.Errorf("%q: must be %s", value, strings.Join(values, " or "))
}

func (p *translation) protocol(value string) error {
	tls := "false"
	switch value {
	case "PLAINTEXT", "SASL_PLAINTEXT":
	case "SSL", "SASL_SSL":
		tls = "true"
	default:
		return fmt.Errorf("%q: must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", value)
	}
	return p.set("tls", tls)
}

// loginModules are the modules of sasl.jaas.config, with their options and the settings that
// mean the same.
func loginModules() map[string]map[string]string {
	password := map[string]string{"username": "sasl-username", "password": "sasl-password"}
	return map[string]map[string]string{
		"org.apache.kafka.common.security.plain.PlainLoginModule": password,
		"org.apache.kafka.common.security.scram.ScramLoginModule": password,
		"org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule": { //nolint:gosec // names of options and flags, not secrets
			"clientId": "oauth-client-id", "clientSecret": "oauth-client-secret", "scope": "oauth-scope",
		},
		"software.amazon.msk.auth.iam.IAMLoginModule": {},
	}
}

// jaas reads `MODULE required NAME="VALUE" ...;`.
func (p *translation) jaas(value string) error {
	whole := regexp.MustCompile(`(?s)^([\w.]+)\s+required\s*(.*?)\s*;$`).FindStringSubmatch(value)
	if whole == nil {
		return errors.New(`must be MODULE required NAME="VALUE" ...;`)
	}
	options, known := loginModules()[whole[1]]
	if !known {
		return fmt.Errorf("unknown module %s: pageheat knows %s", whole[1], strings.Join(slices.Sorted(maps.Keys(loginModules())), ", "))
	}
	option := regexp.MustCompile(`(?s)^(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"';]+))\s*`)
	for rest := whole[2]; rest != ""; {
		found := option.FindStringSubmatch(rest)
		if found == nil {
			return errors.New(`options must be NAME="VALUE"`)
		}
		rest = rest[len(found[0]):]
		to := options[found[1]]
		if to == "" {
			return fmt.Errorf("unknown option %s", found[1])
		}
		quoted := regexp.MustCompile(`(?s)\\(.)`).ReplaceAllString(found[2]+found[3], "$1")
		if err := p.set(to, quoted+found[4]); err != nil {
			return err
		}
	}
	return nil
}

// complete refuses properties that have no effect with security.protocol.
func (p *translation) complete() error {
	login := strings.HasPrefix(p.from["security.protocol"], "SASL_")
	for _, name := range slices.Sorted(maps.Keys(p.to)) {
		switch {
		case strings.HasPrefix(name, "tls-") && p.to["tls"] != "true":
			return errors.New("property security.protocol: must be SSL or SASL_SSL, since other properties are for TLS")
		case (strings.HasPrefix(name, "sasl-") || strings.HasPrefix(name, "oauth-")) && !login:
			return errors.New("property security.protocol: must be SASL_SSL or SASL_PLAINTEXT, since other properties are for SASL")
		}
	}
	if login && p.to["sasl-mechanism"] == "" {
		return errors.New("property sasl.mechanism: required by security.protocol")
	}
	return nil
}
