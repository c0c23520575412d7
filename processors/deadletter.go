package processors

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lovoo/goka"

	"pageheat/codec"
	"pageheat/topology"
)

const (
	// DeadLetterOverhead is what a dead letter takes besides the message, in bytes: its own
	// headers, which are short, and the batch around it.
	DeadLetterOverhead = 4 << 10
	// MaxDeadLetter is the largest message that is kept whole, in bytes, even if the topic takes
	// larger ones: it is held in memory.
	MaxDeadLetter = topology.MaxMessageBytes - DeadLetterOverhead
	// DeadLetterSample is what is kept of a truncated value or key, in bytes.
	DeadLetterSample = 1 << 10
	// DeadLetterKey bounds the key kept of a message that is too long to be held, in bytes.
	DeadLetterKey = 64 << 10
	// DeadLetterHeaders bounds the headers kept of such a message, in bytes.
	DeadLetterHeaders = 64 << 10

	// defaultDeadLetterLimit is the maximum size of a dead letter if the topic's limit is
	// unknown: somewhat below Kafka's default.
	defaultDeadLetterLimit = 1_000_000
	// minDeadLetterLimit is the size that every topic is expected to accept.
	minDeadLetterLimit = 8 << 10
	// shortSample is what is kept if the topic does not take even DeadLetterSample.
	shortSample = 64
	// usualClock bounds the timestamps that are tried as that of a dead letter: the client
	// cannot write two in one batch that are centuries apart.
	usualClock = 50 * 365 * 24 * time.Hour
	// truncationHeaderBytes bounds the size of the header that says what was truncated.
	truncationHeaderBytes = 64
)

// DeadLetterLimit is the maximum size of a dead letter, in bytes, by the topic's
// max.message.bytes, which is empty if it is unknown.
func DeadLetterLimit(maxMessageBytes string) int {
	n, err := strconv.Atoi(maxMessageBytes)
	if err != nil {
		return defaultDeadLetterLimit
	}
	return min(max(n-DeadLetterOverhead, minDeadLetterLimit), MaxDeadLetter)
}

// DeadLetter is a record for the dead-letter topic. It is not changed after it is made.
type DeadLetter struct {
	// Key and Value are those of the message, or the beginning of them; nil if it has none.
	Key, Value []byte
	// Headers are the message's own ones before those of pageheat.
	Headers []codec.Header
	// Time is the timestamp; zero for that of the sending.
	Time time.Time
}

// NewDeadLetter completes a dead letter that ingest's callback has emitted. What does not fit
// into a size, in bytes, is truncated. The value belongs to the dead letter.
func NewDeadLetter(key string, value []byte, headers goka.Headers, most int, now time.Time) (*DeadLetter, error) {
	d := &DeadLetter{Value: value}
	if _, none := headers[codec.HeaderNoKey]; !none {
		d.Key = []byte(key)
	}
	if raw := headers[codec.HeaderOwn]; raw != nil {
		own, err := codec.DecodeHeaders(raw)
		if err != nil {
			return nil, err
		}
		for _, h := range own {
			if !ours(h) { // such a one would be taken for ours
				d.Headers = append(d.Headers, h)
			}
		}
	}
	own := len(d.Headers)
	for name, v := range headers {
		if name != codec.HeaderNoKey && name != codec.HeaderOwn && name != codec.HeaderTime {
			d.Headers = append(d.Headers, codec.Header{Name: name, Value: v})
		}
	}
	slices.SortFunc(d.Headers[own:], func(a, b codec.Header) int { return strings.Compare(a.Name, b.Name) })
	if ms, err := strconv.ParseInt(string(headers[codec.HeaderTime]), 10, 64); err == nil {
		d.Time = time.UnixMilli(ms)
		if d.Time.Sub(now).Abs() > usualClock {
			d.keepTime()
		}
	}
	d.truncate(most, DeadLetterSample)
	return d, nil
}

// Truncated reports whether the dead letter is not the whole message.
func (d *DeadLetter) Truncated() bool { return d.has(codec.HeaderTruncated) }

// WithoutTime is the dead letter for a topic that does not take its timestamp; nil if it has
// that of the sending.
func (d *DeadLetter) WithoutTime() *DeadLetter {
	if d.has(codec.HeaderTimestamp) {
		return nil
	}
	again := d.clone()
	again.keepTime()
	return again
}

// Smaller is the dead letter for a topic that does not take its size; nil if it cannot be smaller.
func (d *DeadLetter) Smaller() *DeadLetter {
	size, again := d.size(), d.clone()
	for _, step := range []struct{ most, sample int }{
		{min(size/2, minDeadLetterLimit*4), DeadLetterSample}, {0, DeadLetterSample}, {0, shortSample}, {0, 0},
	} {
		again.truncate(step.most, step.sample)
		if again.size() < size {
			return again
		}
	}
	return nil
}

func (d *DeadLetter) clone() *DeadLetter {
	return &DeadLetter{Key: d.Key, Value: d.Value, Headers: slices.Clone(d.Headers), Time: d.Time}
}

// keepTime puts the message's timestamp into a header; the dead letter gets that of its sending.
func (d *DeadLetter) keepTime() {
	d.set(codec.HeaderTimestamp, strconv.FormatInt(d.Time.UnixMilli(), 10))
	d.Time = time.Time{}
}

// truncate shortens a dead letter to a size if possible: first its value, then its key, leaving a
// sample of both, then the message's own headers.
func (d *DeadLetter) truncate(most, sample int) {
	if d.size() <= most {
		return
	}
	most -= truncationHeaderBytes
	var truncated []string
	if len(d.Value) > sample {
		truncated = append(truncated, codec.TruncatedValue)
		if !d.has(codec.HeaderSize) {
			sum := sha256.Sum256(d.Value)
			d.set(codec.HeaderSize, strconv.Itoa(len(d.Value)))
			d.set(codec.HeaderSHA256, hex.EncodeToString(sum[:]))
		}
		d.Value = bytes.Clone(d.Value[:sample]) // or all of it would be held
	}
	if len(d.Key) > sample && d.size() > most {
		truncated = append(truncated, codec.TruncatedKey)
		if !d.has(codec.HeaderKeySize) {
			d.set(codec.HeaderKeySize, strconv.Itoa(len(d.Key)))
		}
		d.Key = bytes.Clone(d.Key[:sample])
	}
	size := d.size()
	kept := d.Headers[:0:0]
	for _, h := range slices.Backward(d.Headers) {
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
	d.Headers = kept
	d.noteTruncation(truncated)
}

// noteTruncation records in a header what was truncated, now and before.
func (d *DeadLetter) noteTruncation(truncated []string) {
	if len(truncated) == 0 {
		return
	}
	for _, h := range d.Headers {
		if h.Name != codec.HeaderTruncated {
			continue
		}
		for word := range strings.SplitSeq(string(h.Value), ",") {
			if !slices.Contains(truncated, word) {
				truncated = append(truncated, word)
			}
		}
	}
	d.set(codec.HeaderTruncated, strings.Join(truncated, ","))
}

// ours reports whether a header is one of pageheat.
func ours(h codec.Header) bool { return strings.HasPrefix(h.Name, codec.HeaderPrefix) }

// set sets the last header of a name, which is the one that counts.
func (d *DeadLetter) set(name, value string) {
	for i, h := range slices.Backward(d.Headers) {
		if h.Name == name {
			d.Headers[i].Value = []byte(value)
			return
		}
	}
	d.Headers = append(d.Headers, codec.Header{Name: name, Value: []byte(value)})
}

func (d *DeadLetter) has(name string) bool {
	return slices.ContainsFunc(d.Headers, func(h codec.Header) bool { return h.Name == name })
}

// headerSize is what a header takes at most.
func headerSize(h codec.Header) int { return len(h.Name) + len(h.Value) + 10 }

// size is what a dead letter takes at most.
func (d *DeadLetter) size() int {
	size := len(d.Key) + len(d.Value)
	for _, h := range d.Headers {
		size += headerSize(h)
	}
	return size
}
