// Package dial opens connections to brokers for all Kafka clients of the program, with TLS or
// without: [Dialer.Options] for franz-go, [Dialer.Sarama] for sarama.
//
// A broker that is down refuses a connection at once. One that hangs, or a proxy with
// nothing behind it, accepts the connection and stays silent for the client's request
// timeout, which must be longer than the slowest request. So a connection has less time for
// its first answer than for later ones, and the client tries another broker within seconds.
package dial
