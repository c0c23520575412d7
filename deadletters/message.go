// Package deadletters reads refused messages from the dead-letter topic, and sends them to the
// input again.
package deadletters

import (
	"time"

	"pageheat/codec"
	"pageheat/kafka"
)

// Message is a refused message, as stored in its dead letter. It aliases the record; do not
// modify it.
type Message struct {
	codec.DeadLetter
	// Key and Value are those of the message; nil for none. Truncated tells if they are
	// incomplete.
	Key, Value []byte
	// Time is the message's own timestamp, zero if it is not known.
	Time time.Time
}

// Read reads a record of the dead-letter topic.
func Read(r *kafka.Record) Message {
	m := Message{DeadLetter: codec.ReadDeadLetter(kafka.Headers(r)), Key: r.Key, Value: r.Value}
	const appended = 1 // by the broker, so it is not the message's timestamp
	switch {
	case !m.DeadLetter.Time.IsZero():
		m.Time = m.DeadLetter.Time
	case r.Attrs.TimestampType() != appended:
		m.Time = r.Timestamp.UTC()
	}
	return m
}
