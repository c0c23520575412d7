package batches

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Codec is how a batch is compressed, by the number that the protocol gives it.
type Codec int

// The codecs of the protocol, and zstd with a window as large as the JVM's decoder
// takes.
const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
	ZstdWide
)

// codecs is how many there are.
const codecs = 6

// number is the codec's number in a batch's attributes.
func (c Codec) number() int16 { return int16(min(c, Zstd)) }

// wideWindow is the largest window that the JVM's zstd takes by default.
const wideWindow = 128 << 20

// compress packs the records of a batch.
func (c Codec) compress(records []byte) ([]byte, error) {
	switch c {
	case None:
		return records, nil
	case ZstdWide:
		w, err := zstd.NewWriter(nil, zstd.WithWindowSize(wideWindow), zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(false))
		if err != nil {
			return nil, fmt.Errorf("making a zstd writer: %w", err)
		}
		return w.EncodeAll(records, nil), w.Close()
	}
	codec := map[Codec]kgo.CompressionCodec{Gzip: kgo.GzipCompression(), Snappy: kgo.SnappyCompression(),
		LZ4: kgo.Lz4Compression(), Zstd: kgo.ZstdCompression()}[c]
	compressor, err := kgo.DefaultCompressor(codec)
	if err != nil {
		return nil, fmt.Errorf("making a compressor: %w", err)
	}
	var buffer bytes.Buffer
	packed, _ := compressor.Compress(&buffer, records)
	return bytes.Clone(packed), nil
}

// header is a record's header.
type header struct {
	key   string
	value []byte // nil: null
}

// record is one message of a batch.
type record struct {
	key, value []byte // nil: null
	headers    []header
	timestamp  int64 // milliseconds
}

// appendRecord writes a record as it is in a batch that begins at a timestamp.
func appendRecord(dst []byte, r *record, offsetDelta int, first int64, scratch *[]byte) []byte {
	b := (*scratch)[:0]
	b = append(b, 0) // attributes
	b = binary.AppendVarint(b, r.timestamp-first)
	b = binary.AppendVarint(b, int64(offsetDelta))
	b = appendBytes(b, r.key)
	b = appendBytes(b, r.value)
	b = binary.AppendVarint(b, int64(len(r.headers)))
	for _, h := range r.headers {
		b = binary.AppendVarint(b, int64(len(h.key)))
		b = append(b, h.key...)
		b = appendBytes(b, h.value)
	}
	*scratch = b
	dst = binary.AppendVarint(dst, int64(len(b)))
	return append(dst, b...)
}

func appendBytes(b, value []byte) []byte {
	if value == nil {
		return binary.AppendVarint(b, -1)
	}
	b = binary.AppendVarint(b, int64(len(value)))
	return append(b, value...)
}

// Producer is who sends a batch: its id, epoch and the sequence number of the first
// record; no id is -1.
type Producer struct {
	ID            int64
	Epoch         int16
	Sequence      int32
	Transactional bool
}

// Nobody is a producer that is neither idempotent nor transactional.
func Nobody() Producer { return Producer{ID: -1, Epoch: -1, Sequence: -1} }

// The layout of a record batch: where its fields begin, and how long what comes
// before the records is.
const (
	lengthAt      = 8
	leaderEpochAt = 12
	magicAt       = 16
	crcAt         = 17
	attributesAt  = 21
	lastDeltaAt   = 23
	firstTimeAt   = 27
	maxTimeAt     = 35
	producerAt    = 43
	epochAt       = 51
	sequenceAt    = 53
	countAt       = 57
	recordsAt     = 61

	magic2           = 2
	transactionalBit = 1 << 4
)

// Wire is the batch as it is sent by a producer.
func (b *Batch) Wire(p Producer) []byte {
	w := make([]byte, recordsAt, recordsAt+len(b.packed))
	binary.BigEndian.PutUint32(w[lengthAt:], uint32(recordsAt-leaderEpochAt+len(b.packed)))
	binary.BigEndian.PutUint32(w[leaderEpochAt:], ^uint32(0))
	w[magicAt] = magic2
	attributes := b.codec.number()
	if p.Transactional {
		attributes |= transactionalBit
	}
	binary.BigEndian.PutUint16(w[attributesAt:], uint16(attributes))
	binary.BigEndian.PutUint32(w[lastDeltaAt:], uint32(len(b.Messages)-1))
	binary.BigEndian.PutUint64(w[firstTimeAt:], uint64(b.first))
	binary.BigEndian.PutUint64(w[maxTimeAt:], uint64(b.last))
	binary.BigEndian.PutUint64(w[producerAt:], uint64(p.ID))
	binary.BigEndian.PutUint16(w[epochAt:], uint16(p.Epoch))
	binary.BigEndian.PutUint32(w[sequenceAt:], uint32(p.Sequence))
	binary.BigEndian.PutUint32(w[countAt:], uint32(len(b.Messages)))
	w = append(w, b.packed...)
	if b.damage != nil {
		b.damage(w)
	}
	binary.BigEndian.PutUint32(w[crcAt:], crc32.Checksum(w[attributesAt:], crc32.MakeTable(crc32.Castagnoli)))
	if b.after != nil {
		b.after(w)
	}
	return w
}
