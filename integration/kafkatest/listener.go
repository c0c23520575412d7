package kafkatest

import "strings"

// Listener is an additional address of each real broker, for clients with TLS or a login. The
// tests' own clients need neither.
type Listener struct {
	// Name is the listener's name, in upper case.
	Name string
	// Protocol is SSL, SASL_PLAINTEXT or SASL_SSL.
	Protocol string
	// Properties are the listener's own settings, without "listener.name.NAME.".
	Properties map[string]string
}

// PEMProperties returns the settings of a listener with TLS from PEM files. If there is a
// truststore, clients need a certificate that its authority has issued.
func PEMProperties(keystore, truststore string) map[string]string {
	p := map[string]string{"ssl.keystore.type": "PEM", "ssl.keystore.location": keystore}
	if truststore != "" {
		p["ssl.truststore.type"], p["ssl.truststore.location"], p["ssl.client.auth"] = "PEM", truststore, "required"
	}
	return p
}

// WithListener gives every broker of a real cluster an additional address.
func WithListener(l Listener) Option {
	return func(c *Config) { c.Listeners = append(c.Listeners, l) }
}

// Listener returns the addresses of an additional listener, as one comma-separated string.
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
