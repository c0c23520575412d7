package kafkatest

import "strings"

// Listener is a further address of each real broker, where clients connect in another way than
// the tests' own, which need no login and no TLS.
type Listener struct {
	// Name is the listener's, in upper case.
	Name string
	// Protocol is SSL, SASL_PLAINTEXT or SASL_SSL.
	Protocol string
	// Properties are the listener's own settings, without "listener.name.NAME.".
	Properties map[string]string
}

// PEMProperties are the settings of a listener with TLS, of files in PEM. Clients need a
// certificate that the authority of the truststore has issued if there is one.
func PEMProperties(keystore, truststore string) map[string]string {
	p := map[string]string{"ssl.keystore.type": "PEM", "ssl.keystore.location": keystore}
	if truststore != "" {
		p["ssl.truststore.type"], p["ssl.truststore.location"], p["ssl.client.auth"] = "PEM", truststore, "required"
	}
	return p
}

// WithListener gives every broker of a real cluster a further address.
func WithListener(l Listener) Option {
	return func(c *Config) { c.Listeners = append(c.Listeners, l) }
}

// Listener are the addresses of a further listener, as one comma-separated string.
func (c *Cluster) Listener(name string) string { return strings.Join(c.further[name], ",") }

// add adds it to the settings of a broker that listens at an address and advertises another.
func (l Listener) add(p map[string]string, address, advertised string) {
	p["listeners"] += "," + l.Name + "://" + address
	p["advertised.listeners"] += "," + l.Name + "://" + advertised
	p["listener.security.protocol.map"] += "," + l.Name + ":" + l.Protocol
	for name, value := range l.Properties {
		p["listener.name."+strings.ToLower(l.Name)+"."+name] = value
	}
}
