// Package deadletters reads the messages that were refused back from the dead letters, and
// sends them to the input again.
package deadletters

import (
	"time"

	"pageheat/codec"
	"pageheat/kafka"
)

// Message is a message that was refused, as its dead letter has it. What it shares with
// the record is not to be changed.
type Message struct {
	codec.DeadLetter
	// Key and Value are the message's; nil: it had none. They are not whole where
	// Truncated says so.
	Key, Value []byte
	// Time is the message's own timestamp, zero if it is not known.
	Time time.Time
}

// Read reads a record of the dead-letter topic.
func Read(r *kafka.Record) Message {
	m := Message{DeadLetter: codec.ReadDeadLetter(kafka.Headers(r)), Key: r.Key, Value: r.Value}
	const appended = 1 // by the broker: it is not that of the message
	switch {
	case !m.DeadLetter.Time.IsZero():
		m.Time = m.DeadLetter.Time
	case r.Attrs.TimestampType() != appended:
		m.Time = r.Timestamp.UTC()
	}
	return m
}
