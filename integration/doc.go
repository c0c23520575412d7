// Package integration tests the program as a whole, on brokers that kafkatest
// starts, and the files with which it is built, started and deployed.
package integration
