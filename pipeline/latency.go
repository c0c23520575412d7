package pipeline

import (
	"time"

	"github.com/IBM/sarama"

	"pageheat/codec"
)

// oldest keeps the timestamp of the oldest input record, in ms since 1970, of what is
// gathered and of what is on its way. The zero value has none. It belongs to one goroutine.
type oldest struct{ gathered, sent int64 }

// add takes the timestamp of a record that joins what is gathered; 0 or less is none.
func (o *oldest) add(timestamp int64) { o.gathered = codec.Older(o.gathered, timestamp) }

// send is called when what is gathered is sent.
func (o *oldest) send() { o.gathered, o.sent = 0, codec.Older(o.sent, o.gathered) }

// arrived returns the age of the oldest record of what was sent. It reports false if no
// record with a timestamp was sent since it was called last.
func (o *oldest) arrived(now time.Time) (age time.Duration, any bool) {
	if o.sent == 0 {
		return 0, false
	}
	age = max(now.Sub(time.UnixMilli(o.sent)), 0)
	o.sent = 0
	return age, true
}

// oldestOf is the timestamp in the [codec.HeaderOldest] of a record, 0 if there is none.
func oldestOf(m *sarama.ConsumerMessage) int64 {
	for _, h := range m.Headers {
		if string(h.Key) == codec.HeaderOldest {
			return codec.DecodeOldest(h.Value)
		}
	}
	return 0
}
