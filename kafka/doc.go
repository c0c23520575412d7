// Package kafka is the only one that opens clients of Kafka. A [Cluster] knows the
// brokers of a process and how they are reached, and opens every client with the same
// settings: those of franz-go, and those of sarama that goka needs.
//
// It knows nothing of behaviours, pages and boards.
package kafka
