package pipeline

import (
	"errors"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/kafka"
	"pageheat/processors"
)

// deadLetters sends dead letters with a producer of their own: a refusal there affects no other
// record.
type deadLetters struct {
	plain   sarama.AsyncProducer
	topic   string
	most    int // bytes of a record
	metrics *Metrics
}

// record is the record of a dead letter that was emitted.
func (l *deadLetters) record(e *emission, partition int32, key string, value []byte, headers goka.Headers) (*sarama.ProducerMessage, error) {
	d, err := processors.NewDeadLetter(key, value, headers, l.most, time.Now())
	if err != nil {
		return nil, err
	}
	return l.recordOf(e, partition, d), nil
}

// again is the record of a dead letter that the broker refused; nil if there is nothing left to
// try.
func (l *deadLetters) again(m *sarama.ProducerMessage, err error) *sarama.ProducerMessage {
	e := m.Metadata.(*emission)
	var d *processors.DeadLetter
	var local sarama.ConfigurationError // above the producer's own limit
	switch {
	case kafka.Is(err, kerr.InvalidTimestamp):
		d = e.letter.WithoutTime()
	case kafka.Is(err, kerr.MessageTooLarge, kerr.RecordListTooLarge) || errors.As(err, &local):
		d = e.letter.Smaller()
	}
	if d == nil {
		return nil
	}
	return l.recordOf(e, m.Partition, d)
}

func (l *deadLetters) recordOf(e *emission, partition int32, d *processors.DeadLetter) *sarama.ProducerMessage {
	if d.Truncated() && (e.letter == nil || !e.letter.Truncated()) {
		l.metrics.truncatedDeadLetter()
	}
	e.letter = d
	m := &sarama.ProducerMessage{Topic: l.topic, Partition: partition, Timestamp: d.Time, Metadata: e,
		Headers: make([]sarama.RecordHeader, len(d.Headers))}
	if d.Key != nil {
		m.Key = sarama.ByteEncoder(d.Key)
	}
	if d.Value != nil {
		m.Value = sarama.ByteEncoder(d.Value)
	}
	for i, h := range d.Headers {
		m.Headers[i] = sarama.RecordHeader{Key: []byte(h.Name), Value: h.Value}
	}
	return m
}
