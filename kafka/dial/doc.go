// Package dial opens connections to brokers, for all Kafka clients of the program
// alike: [Dialer.Options] for franz-go, [Dialer.Sarama] for sarama.
//
// A broker that is down refuses a connection at once. One that hangs, or a proxy with
// nothing behind it, takes the connection and stays silent, for as long as the
// client's request timeout, which has to be longer than the slowest request. So a
// connection has less time for its first answer than for any later one: the client
// then goes on to another broker within seconds.
package dial
