// Package security secures connections to brokers, for both Kafka clients: by TLS, and by a
// login with SASL. [Settings] are what an operator gives; [Settings.Open] checks them.
//
// TLS is the business of the dialer (package dial), which asks [Security.TLS] for a
// configuration at each connection. SASL is spoken by the clients, since brokers may ask for
// it again on a connection that is open (KIP-368): [Security.Franz] and [Security.Sarama] give
// both of them the same credentials.
//
// Certificates, keys, passwords and client secrets are read from their files again at each
// connection, so renewed files need no restart. Connections that are open stay as they are.
// While a file cannot be used, what was read last is used, and the log has a warning.
//
// No secret is part of an error, a log line or a printed setting.
package security
