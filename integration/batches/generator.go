package batches

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Message is one message of a batch, as a recount needs it.
type Message struct {
	// Value is the message; it may be shared between messages.
	Value []byte
	// Reason is why it is refused, as the header pageheat.reason says it; empty for a
	// behaviour.
	Reason string
}

// Batch is a record batch.
type Batch struct {
	// Messages are what is in it.
	Messages []Message
	// Broken says what is wrong with it, empty where all is well. A broker refuses a
	// batch that is broken.
	Broken string
	// Perhaps is set for what is wrong and does no harm: some brokers take it, or take
	// it in some codecs.
	Perhaps bool
	// Unpacked is how many bytes the records are before they are compressed.
	Unpacked int

	codec         Codec
	packed        []byte
	first, last   int64             // timestamps
	damage, after func(wire []byte) // before and after the checksum is set
}

// String describes the batch.
func (b *Batch) String() string {
	return fmt.Sprintf("%d records, %d bytes, codec %d, %d bytes on the wire, broken: %q", len(b.Messages), b.Unpacked, b.codec, len(b.packed), b.Broken)
}

// Generator makes batches; the same ones for the same seed. It belongs to one
// goroutine.
type Generator struct {
	random *rand.Rand
	now    int64 // milliseconds, of the run
	// huge is how many bytes a huge batch has unpacked at most.
	huge int
	// largest is how many bytes a batch may have on the wire.
	largest int
	scratch []byte
	pad     []byte
}

// NewGenerator returns a generator whose huge batches unpack to a given number of bytes at
// most.
func NewGenerator(seed uint64, huge int) *Generator {
	const largest = 1_000_000 // max.message.bytes is 1,048,588
	return &Generator{random: rand.New(rand.NewPCG(seed, 4)), now: time.Now().UnixMilli(), huge: huge, largest: largest,
		pad: bytes.Repeat([]byte("x"), 1<<20)}
}

// The sizes of batches.
const (
	mostRecords = 16_384
	someRecords = 50
	manyRecords = 2_000
)

// Next makes a batch that a broker takes, or that it refuses because it is broken.
func (g *Generator) Next() (*Batch, error) {
	switch n := g.random.IntN(1000); {
	case n < 600:
		return g.batch(1+g.random.IntN(someRecords), g.message)
	case n < 840:
		return g.batch(someRecords+g.random.IntN(manyRecords), g.short)
	case n < 870:
		return g.batch(mostRecords-g.random.IntN(2)*g.random.IntN(manyRecords), g.short)
	case n < 900:
		return g.large(1+g.random.IntN(someRecords), g.random.IntN(1<<20))
	case n < 905:
		return g.Huge()
	}
	return g.broken()
}

// Huge makes a batch that is small on the wire and becomes hundreds of MiB.
func (g *Generator) Huge() (*Batch, error) {
	size := 1000 + g.random.IntN(1<<20)
	bytes := g.huge/2 + g.random.IntN(g.huge/2)
	return g.large(min(max(1, bytes/size), mostRecords), size)
}

// batch makes one with a given number of records by a function, or of fewer where they do not
// fit on the wire.
func (g *Generator) batch(records int, message func() (record, string)) (*Batch, error) {
	codec := Codec(g.random.IntN(codecs))
	all := make([]record, records)
	reasons := make([]string, records)
	for i := range all {
		all[i], reasons[i] = message()
	}
	return g.pack(all, reasons, codec)
}

// pack puts records into a batch. Where it becomes too large for a broker it has half
// as many.
func (g *Generator) pack(all []record, reasons []string, codec Codec) (*Batch, error) {
	g.stamp(all)
	for {
		b := &Batch{codec: codec, first: all[0].timestamp}
		var records []byte
		b.last = b.first
		for i := range all {
			b.last = max(b.last, all[i].timestamp)
			records = appendRecord(records, &all[i], i, b.first, &g.scratch)
			b.Messages = append(b.Messages, Message{all[i].value, reasons[i]})
		}
		b.Unpacked = len(records)
		var err error
		if b.packed, err = codec.compress(records); err != nil {
			return nil, err
		}
		if len(b.packed) <= g.largest || len(all) == 1 {
			return b, nil
		}
		all = all[:len(all)/2]
	}
}

// large makes records of one size, that compress well: behaviours among ignored
// members, headers or keys of that size, or text that is too large.
func (g *Generator) large(records, size int) (*Batch, error) {
	codec := []Codec{Gzip, LZ4, Zstd, ZstdWide}[g.random.IntN(4)]
	const valueKind, keyKind, headerKind, jsonKind = 0, 1, 2, 3
	kind := g.random.IntN(4)
	all := make([]record, records)
	reasons := make([]string, records)
	pad := g.pad[:min(size, len(g.pad)-1000)]
	text := append([]byte("/large|1|0|0|"), pad...)
	reason := "field-count"
	if len(text) > 64<<10 {
		reason = "too-large"
	}
	value := fmt.Appendf(nil, `{"page":"/large/%d","clicks":1,"minutes":0.5,"like":1,"referrer":"%s"}`, g.random.IntN(20), pad)
	for i := range all {
		switch kind {
		case valueKind:
			all[i].value, reasons[i] = text, reason
		case keyKind:
			all[i], reasons[i] = g.message()
			all[i].key = pad
		case headerKind:
			all[i], reasons[i] = g.message()
			all[i].headers = []header{{key: "h", value: pad}}
		case jsonKind:
			all[i].value = value
		}
	}
	return g.pack(all, reasons, codec)
}

// stamp gives the records timestamps, of many ages; not far in the future, which
// brokers refuse.
func (g *Generator) stamp(all []record) {
	kind := g.random.IntN(4)
	for i := range all {
		switch kind {
		case 0:
			all[i].timestamp = g.now
		case 1:
			all[i].timestamp = g.now - g.random.Int64N(int64(24*time.Hour/time.Millisecond))
		case 2:
			all[i].timestamp = g.random.Int64N(g.now) // since 1970, in no order
		case 3:
			all[i].timestamp = g.now - int64(len(all)-i)
		}
	}
}

// message is a message of any kind, rarely a good one, with a key and headers.
func (g *Generator) message() (record, string) {
	r, reason := g.short()
	switch g.random.IntN(4) {
	case 0:
		r.key = g.bytes(30)
	case 1:
		r.key = []byte{}
	}
	for range g.random.IntN(4) {
		r.headers = append(r.headers, header{key: string(g.bytes(10)), value: g.bytes(100)})
	}
	if g.random.IntN(50) == 0 {
		r.headers = append(r.headers, header{key: "pageheat.reason", value: []byte("mine")}, header{key: "", value: nil})
	}
	return r, reason
}

// goodEvery is how many messages there are to a good one.
const goodEvery = 100

// short is a message of any kind, without key and headers.
func (g *Generator) short() (record, string) {
	if g.random.IntN(goodEvery) == 0 {
		return record{value: g.good()}, ""
	}
	value, reason := g.bad()
	return record{value: value}, reason
}

// good is a behaviour.
func (g *Generator) good() []byte {
	page := fmt.Sprintf("/page/%d", g.random.IntN(200))
	if g.random.IntN(20) == 0 {
		page = strings.Repeat("é", 1+g.random.IntN(400)) + page
	}
	clicks, minutes, like := g.random.IntN(7), g.random.IntN(1_440_000), g.random.IntN(3)-1
	if g.random.IntN(3) == 0 {
		return fmt.Appendf(nil, `{"page":%q,"clicks":%d,"minutes":%d.%03d,"like":%d,"more":{"a":[1,null]}}`, page, clicks, minutes/1000, minutes%1000, like)
	}
	return fmt.Appendf(nil, "%s|%d|%d.%03d|%d", page, clicks, minutes/1000, minutes%1000, like)
}

// bad is no behaviour, and why.
func (g *Generator) bad() ([]byte, string) {
	n := g.random.IntN(1000)
	kinds := []struct {
		reason string
		value  []byte
	}{
		{"empty", nil},
		{"empty", []byte{}},
		{"empty", []byte(" \t\r\n")},
		{"not-utf8", fmt.Appendf(nil, "/page/%d\xff|1|1|1", n)},
		{"not-utf8", append([]byte("/"), 0xc0, byte(n), 0xfe)},
		{"field-count", fmt.Appendf(nil, "/page/%d|1|1", n)},
		{"field-count", fmt.Appendf(nil, "/page/%d|1|1|1|", n)},
		{"field-count", fmt.Appendf(nil, "%d", n)},
		{"page-empty", []byte("|1|1|1")},
		{"page-too-long", append(bytes.Clone(g.pad[:1025+n]), "|1|1|1"...)},
		{"page-characters", fmt.Appendf(nil, "/page\x01%d|1|1|1", n)},
		{"clicks-not-a-number", fmt.Appendf(nil, "/page/%d|0x1|1|1", n)},
		{"clicks-not-a-number", fmt.Appendf(nil, "/page/%d|1.5|1|1", n)},
		{"clicks-out-of-range", fmt.Appendf(nil, "/page/%d|1000001|1|1", n)},
		{"clicks-out-of-range", fmt.Appendf(nil, "/page/%d|-1|1|1", n)},
		{"minutes-not-a-number", fmt.Appendf(nil, "/page/%d|1|NaN|1", n)},
		{"minutes-out-of-range", fmt.Appendf(nil, "/page/%d|1|1440.000000001|1", n)},
		{"minutes-out-of-range", fmt.Appendf(nil, "/page/%d|1|1e300|1", n)},
		{"like-not-a-number", fmt.Appendf(nil, "/page/%d|1|1|yes", n)},
		{"like-out-of-range", fmt.Appendf(nil, "/page/%d|1|1|2", n)},
		{"json-syntax", fmt.Appendf(nil, `{"page":"/page/%d","clicks":1`, n)},
		{"json-syntax", []byte("{")},
		{"json-type", fmt.Appendf(nil, `{"page":%d,"clicks":1,"minutes":1}`, n)},
		{"json-type", fmt.Appendf(nil, `{"page":"/page/%d","clicks":"1","minutes":1}`, n)},
	}
	k := kinds[g.random.IntN(len(kinds))]
	return k.value, k.reason
}

// bytes are random, at most a given number; now and then null.
func (g *Generator) bytes(most int) []byte {
	n := g.random.IntN(most + 1)
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.random.Uint32())
	}
	return b
}

// timeOfTheLog is a batch that says that the broker has set its timestamps.
const timeOfTheLog = "time of the log"

// broken makes a batch that a broker refuses.
func (g *Generator) broken() (*Batch, error) {
	b, err := g.batch(1+g.random.IntN(someRecords), g.message)
	if err != nil {
		return nil, err
	}
	kinds := []struct {
		what          string
		damage, after func([]byte)
	}{
		{what: "checksum", after: func(w []byte) { w[crcAt] ^= 1 << g.random.IntN(8) }},
		{what: "bytes changed", after: func(w []byte) { w[recordsAt+g.random.IntN(len(w)-recordsAt)] ^= 0x10 }},
		{what: "too many records counted", damage: func(w []byte) {
			binary.BigEndian.PutUint32(w[countAt:], uint32(len(b.Messages)+1))
			binary.BigEndian.PutUint32(w[lastDeltaAt:], uint32(len(b.Messages)))
		}},
		{what: "last offset", damage: func(w []byte) { binary.BigEndian.PutUint32(w[lastDeltaAt:], uint32(len(b.Messages)+6)) }},
		{what: "magic 0", damage: func(w []byte) { w[magicAt] = 0 }},
		{what: "magic 1", damage: func(w []byte) { w[magicAt] = 1 }},
		{what: "magic 3", damage: func(w []byte) { w[magicAt] = 3 }},
		{what: "length", damage: func(w []byte) {
			binary.BigEndian.PutUint32(w[lengthAt:], uint32(len(w)-lengthAt-4+g.random.IntN(100)+1))
		}},
		{what: "control batch", damage: func(w []byte) { w[attributesAt+1] |= 1 << 5 }},
		{what: timeOfTheLog, damage: func(w []byte) { w[attributesAt+1] |= 1 << 3 }},
	}
	if b.codec != None {
		kinds = append(kinds, struct {
			what          string
			damage, after func([]byte)
		}{what: "compressed bytes", damage: func(w []byte) {
			for i := recordsAt + (len(w)-recordsAt)/2; i < len(w); i++ {
				w[i] = byte(g.random.Uint32())
			}
		}})
	}
	k := kinds[g.random.IntN(len(kinds))]
	b.Broken, b.damage, b.after = k.what, k.damage, k.after
	b.Perhaps = k.what == timeOfTheLog
	return b, nil
}
