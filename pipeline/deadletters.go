package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/topology"
)

const (
	// deadLetterOverhead is what a dead letter takes besides the message: its own headers,
	// which are short, and the batch around it.
	deadLetterOverhead = 4 << 10
	// maxDeadLetter is the largest message that is kept whole, even if the topic takes larger
	// ones: it is held in memory.
	maxDeadLetter = topology.MaxMessageBytes - deadLetterOverhead
	// defaultDeadLetterLimit is the maximum size of a dead letter if the topic's limit is
	// unknown: somewhat below Kafka's default.
	defaultDeadLetterLimit = 1_000_000
	// sampleBytes is what is kept of a truncated value or key.
	sampleBytes = 1 << 10
	// shortSampleBytes is what is kept if the topic does not take even that.
	shortSampleBytes = 64
	// keptKey and keptHeaders bound the key and headers kept of a truncated record.
	keptKey     = 64 << 10
	keptHeaders = 64 << 10
	// minDeadLetterLimit is the size that every topic is expected to accept.
	minDeadLetterLimit = 8 << 10
	// usualClock bounds the timestamps that are tried as that of a dead letter: the client
	// cannot write two in one batch that are centuries apart.
	usualClock = 50 * 365 * 24 * time.Hour
)

// deadLetters makes records that the dead-letter topic accepts, and sends them with a
// producer of their own: a refusal there affects no other record.
type deadLetters struct {
	plain   sarama.AsyncProducer
	topic   string
	most    int // bytes of a record
	metrics *Metrics
}

// deadLetterLimit is the maximum size of a dead letter, by the topic's max.message.bytes.
func deadLetterLimit(maxMessageBytes string) int {
	n, err := strconv.Atoi(maxMessageBytes)
	if err != nil {
		return defaultDeadLetterLimit
	}
	return min(max(n-deadLetterOverhead, minDeadLetterLimit), maxDeadLetter)
}

// prepare completes a dead letter: the message's own headers come before those of pageheat, and
// what the topic would not take is truncated.
func (l *deadLetters) prepare(m *sarama.ProducerMessage, headers map[string][]byte) error {
	own, err := codec.DecodeHeaders(headers[codec.HeaderOwn])
	if err != nil && headers[codec.HeaderOwn] != nil {
		return err
	}
	about := m.Headers
	m.Headers = nil
	for _, h := range own {
		if !strings.HasPrefix(h.Name, codec.HeaderPrefix) { // such a one would be taken for ours
			m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Name), Value: h.Value})
		}
	}
	slices.SortFunc(about, func(a, b sarama.RecordHeader) int { return bytes.Compare(a.Key, b.Key) })
	m.Headers = append(m.Headers, about...)
	if ms, err := strconv.ParseInt(string(headers[codec.HeaderTime]), 10, 64); err == nil {
		m.Timestamp = time.UnixMilli(ms)
		if time.Until(m.Timestamp).Abs() > usualClock {
			l.keepTime(m)
		}
	}
	l.fit(m, l.most)
	return nil
}

// keepTime puts the message's timestamp into a header; the dead letter gets that of its sending.
func (l *deadLetters) keepTime(m *sarama.ProducerMessage) {
	setHeader(m, codec.HeaderTimestamp, strconv.FormatInt(m.Timestamp.UnixMilli(), 10))
	m.Timestamp = time.Time{}
}

// retry makes another record of a dead letter that the broker refused; nil if there is
// nothing left to try.
func (l *deadLetters) retry(m *sarama.ProducerMessage, err error) *sarama.ProducerMessage {
	again := &sarama.ProducerMessage{Topic: m.Topic, Key: m.Key, Value: m.Value, Headers: slices.Clone(m.Headers),
		Metadata: m.Metadata, Partition: m.Partition, Timestamp: m.Timestamp}
	var local sarama.ConfigurationError // above the producer's own limit
	switch {
	case kafka.Is(err, kerr.InvalidTimestamp) && !hasHeader(m, codec.HeaderTimestamp):
		l.keepTime(again)
		return again
	case kafka.Is(err, kerr.MessageTooLarge, kerr.RecordListTooLarge) || errors.As(err, &local):
		size := deadLetterSize(m)
		for _, step := range []struct{ most, sample int }{{min(size/2, minDeadLetterLimit*4), sampleBytes}, {0, sampleBytes}, {0, shortSampleBytes}, {0, 0}} {
			l.truncate(again, step.most, step.sample)
			if deadLetterSize(again) < size {
				return again
			}
		}
	}
	return nil
}

// fit truncates a dead letter to a size.
func (l *deadLetters) fit(m *sarama.ProducerMessage, most int) { l.truncate(m, most, sampleBytes) }

// truncationHeaderBytes bounds the size of the header that says what was truncated.
const truncationHeaderBytes = 64

// truncate shortens a dead letter to a size if possible: first its value, then its key, leaving a
// sample of both, then the message's own headers.
func (l *deadLetters) truncate(m *sarama.ProducerMessage, most, sample int) {
	if deadLetterSize(m) <= most {
		return
	}
	most -= truncationHeaderBytes
	var truncated []string
	if v, ok := m.Value.(sarama.ByteEncoder); ok && len(v) > sample {
		truncated = append(truncated, codec.TruncatedValue)
		if !hasHeader(m, codec.HeaderSize) {
			sum := sha256.Sum256(v)
			setHeader(m, codec.HeaderSize, strconv.Itoa(len(v)))
			setHeader(m, codec.HeaderSHA256, hex.EncodeToString(sum[:]))
		}
		m.Value = slices.Clone(v[:sample]) // or all of it would be held
	}
	if k, ok := m.Key.(sarama.StringEncoder); ok && len(k) > sample && deadLetterSize(m) > most {
		truncated = append(truncated, codec.TruncatedKey)
		if !hasHeader(m, codec.HeaderKeySize) {
			setHeader(m, codec.HeaderKeySize, strconv.Itoa(len(k)))
		}
		m.Key = sarama.StringEncoder(strings.Clone(string(k[:sample])))
	}
	size := deadLetterSize(m)
	kept := m.Headers[:0:0]
	for _, h := range slices.Backward(m.Headers) {
		if size > most && !ours(h) {
			size -= headerSize(h)
			if !slices.Contains(truncated, codec.TruncatedHeaders) {
				truncated = append(truncated, codec.TruncatedHeaders)
			}
			continue
		}
		kept = append(kept, h)
	}
	slices.Reverse(kept)
	m.Headers = kept
	l.noteTruncation(m, truncated)
}

// noteTruncation records in a header what was truncated, now and before.
func (l *deadLetters) noteTruncation(m *sarama.ProducerMessage, truncated []string) {
	if len(truncated) == 0 {
		return
	}
	before := ""
	for _, h := range m.Headers {
		if string(h.Key) == codec.HeaderTruncated {
			before = string(h.Value)
		}
	}
	if before == "" {
		l.metrics.truncatedDeadLetter()
	} else {
		for word := range strings.SplitSeq(before, ",") {
			if !slices.Contains(truncated, word) {
				truncated = append(truncated, word)
			}
		}
	}
	setHeader(m, codec.HeaderTruncated, strings.Join(truncated, ","))
}

// ours reports whether a header is one of pageheat.
func ours(h sarama.RecordHeader) bool {
	return strings.HasPrefix(string(h.Key), codec.HeaderPrefix)
}

// setHeader sets the last header of a name, which is the one that counts.
func setHeader(m *sarama.ProducerMessage, name, value string) {
	for i, h := range slices.Backward(m.Headers) {
		if string(h.Key) == name {
			m.Headers[i].Value = []byte(value)
			return
		}
	}
	m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(name), Value: []byte(value)})
}

func hasHeader(m *sarama.ProducerMessage, name string) bool {
	return slices.ContainsFunc(m.Headers, func(h sarama.RecordHeader) bool { return string(h.Key) == name })
}

// headerSize is what a header takes at most.
func headerSize(h sarama.RecordHeader) int { return len(h.Key) + len(h.Value) + 10 }

// deadLetterSize is what a dead letter takes at most.
func deadLetterSize(m *sarama.ProducerMessage) int {
	size := 0
	if m.Key != nil {
		size += m.Key.Length()
	}
	if m.Value != nil {
		size += m.Value.Length()
	}
	for _, h := range m.Headers {
		size += headerSize(h)
	}
	return size
}
