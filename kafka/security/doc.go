// Package security secures connections to brokers, for both Kafka clients, with TLS and SASL.
// [Settings] are what an operator sets; [Settings.Open] validates them.
//
// The dialer (package dial) makes the TLS connection, and asks [Security.TLS] for the
// configuration of each one. The clients authenticate, since brokers may require it again on an
// open connection (KIP-368): [Security.Franz] and [Security.Sarama] give both clients the same
// credentials.
//
// Files with certificates, keys, passwords and client secrets are read again for each connection,
// so renewed files need no restart. Open connections stay as they are. If a file cannot be used,
// the last good version stays in use, and the log has a warning.
//
// No secret is part of an error, a log line or a printed setting.
package security
