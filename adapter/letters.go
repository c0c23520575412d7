package adapter

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
	// letterOverhead is what a dead letter takes besides the message: its own headers,
	// which are short, and the batch around it.
	letterOverhead = 4 << 10
	// mostLetter is the largest message that is kept whole, whatever the topic takes: it
	// has to be held in memory.
	mostLetter = topology.MaxMessageBytes - letterOverhead
	// usualLetter is what a dead letter may take where it is not known what its topic
	// takes: somewhat below Kafka's default.
	usualLetter = 1_000_000
	// cutBytes is what is left of a value, or of a key, that is cut.
	cutBytes = 1 << 10
	// shortCut is what is left of one where the topic does not even take that.
	shortCut = 64
	// keptKey and keptHeaders are what is kept of those of a record that is too long to
	// be held.
	keptKey     = 64 << 10
	keptHeaders = 64 << 10
	// leastLetter is what every topic is expected to take.
	leastLetter = 8 << 10
	// usualClock bounds the timestamps that are tried as that of a letter: the client
	// can not write two in one batch that are centuries apart.
	usualClock = 50 * 365 * 24 * time.Hour
)

// letters makes records of the dead-letter topic such that it takes them, and sends them
// by a producer of its own: what is refused there concerns nobody else.
type letters struct {
	plain   sarama.AsyncProducer
	topic   string
	most    int // bytes of a record
	metrics *Metrics
}

// limit is the most bytes of a letter, by the topic's max.message.bytes.
func letterLimit(maxMessageBytes string) int {
	n, err := strconv.Atoi(maxMessageBytes)
	if err != nil {
		return usualLetter
	}
	return min(max(n-letterOverhead, leastLetter), mostLetter)
}

// prepare completes a letter: the message's own headers come before those of pageheat, and
// what the topic would not take is cut.
func (l *letters) prepare(m *sarama.ProducerMessage, headers map[string][]byte) error {
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

// keepTime puts the message's timestamp into a header; the letter gets that of its sending.
func (l *letters) keepTime(m *sarama.ProducerMessage) {
	setHeader(m, codec.HeaderTimestamp, strconv.FormatInt(m.Timestamp.UnixMilli(), 10))
	m.Timestamp = time.Time{}
}

// retry makes another record of a letter that the broker refused; nil where nothing is
// left to be tried.
func (l *letters) retry(m *sarama.ProducerMessage, err error) *sarama.ProducerMessage {
	again := &sarama.ProducerMessage{Topic: m.Topic, Key: m.Key, Value: m.Value, Headers: slices.Clone(m.Headers),
		Metadata: m.Metadata, Partition: m.Partition, Timestamp: m.Timestamp}
	var local sarama.ConfigurationError // above the producer's own limit
	switch {
	case kafka.Is(err, kerr.InvalidTimestamp) && !hasHeader(m, codec.HeaderTimestamp):
		l.keepTime(again)
		return again
	case kafka.Is(err, kerr.MessageTooLarge, kerr.RecordListTooLarge) || errors.As(err, &local):
		size := letterSize(m)
		for _, step := range []struct{ most, sample int }{{min(size/2, leastLetter*4), cutBytes}, {0, cutBytes}, {0, shortCut}, {0, 0}} {
			l.cut(again, step.most, step.sample)
			if letterSize(again) < size {
				return again
			}
		}
	}
	return nil
}

// fit cuts a letter to a size.
func (l *letters) fit(m *sarama.ProducerMessage, most int) { l.cut(m, most, cutBytes) }

// toldBytes is at least what the header takes that says what was cut.
const toldBytes = 64

// cut cuts a letter to a size, if that is possible: first its value, then its key, of both
// of which a sample is left, then the headers that are not of pageheat.
func (l *letters) cut(m *sarama.ProducerMessage, most, sample int) {
	if letterSize(m) <= most {
		return
	}
	most -= toldBytes
	var cut []string
	if v, ok := m.Value.(sarama.ByteEncoder); ok && len(v) > sample {
		cut = append(cut, codec.CutValue)
		if !hasHeader(m, codec.HeaderSize) {
			sum := sha256.Sum256(v)
			setHeader(m, codec.HeaderSize, strconv.Itoa(len(v)))
			setHeader(m, codec.HeaderSHA256, hex.EncodeToString(sum[:]))
		}
		m.Value = slices.Clone(v[:sample]) // or all of it would be held
	}
	if k, ok := m.Key.(sarama.StringEncoder); ok && len(k) > sample && letterSize(m) > most {
		cut = append(cut, codec.CutKey)
		if !hasHeader(m, codec.HeaderKeySize) {
			setHeader(m, codec.HeaderKeySize, strconv.Itoa(len(k)))
		}
		m.Key = sarama.StringEncoder(strings.Clone(string(k[:sample])))
	}
	size := letterSize(m)
	kept := m.Headers[:0:0]
	for _, h := range slices.Backward(m.Headers) {
		if size > most && !ours(h) {
			size -= headerSize(h)
			if !slices.Contains(cut, codec.CutHeaders) {
				cut = append(cut, codec.CutHeaders)
			}
			continue
		}
		kept = append(kept, h)
	}
	slices.Reverse(kept)
	m.Headers = kept
	l.tell(m, cut)
}

// tell says in a header what was cut, together with what was cut before.
func (l *letters) tell(m *sarama.ProducerMessage, cut []string) {
	if len(cut) == 0 {
		return
	}
	before := ""
	for _, h := range m.Headers {
		if string(h.Key) == codec.HeaderCut {
			before = string(h.Value)
		}
	}
	if before == "" {
		l.metrics.cutLetter()
	} else {
		for word := range strings.SplitSeq(before, ",") {
			if !slices.Contains(cut, word) {
				cut = append(cut, word)
			}
		}
	}
	setHeader(m, codec.HeaderCut, strings.Join(cut, ","))
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

// letterSize is what a letter takes at most.
func letterSize(m *sarama.ProducerMessage) int {
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
