// Package batchtest makes record batches for tests, as any producer might.
package batchtest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Codec is how a batch is compressed.
type Codec int

// The codecs. Xerial is snappy as Java's library frames it.
const (
	Plain Codec = iota
	Gzip
	Snappy
	Lz4
	Zstd
	Xerial
)

// Codecs are all codecs.
func Codecs() []Codec { return []Codec{Plain, Gzip, Snappy, Lz4, Zstd, Xerial} }

// String is the name of the codec.
func (c Codec) String() string {
	return [...]string{"plain", "gzip", "snappy", "lz4", "zstd", "xerial"}[c]
}

// Encode makes a batch that begins at an offset. The records' offsets are relative to
// it where they are set, otherwise consecutive.
func Encode(c Codec, first int64, records []*kgo.Record) []byte {
	var payload []byte
	base := time.UnixMilli(0)
	if len(records) > 0 && !records[0].Timestamp.IsZero() {
		base = records[0].Timestamp
	}
	last := int32(-1)
	for _, r := range records {
		last = max(last+1, int32(r.Offset))
		payload = append(payload, record(r, last, r.Timestamp.UnixMilli()-base.UnixMilli())...)
	}
	return Batch(c, first, max(last, 0), len(records), base.UnixMilli(), Compress(c, bytes.NewReader(payload)))
}

// record encodes a record.
func record(r *kgo.Record, delta int32, elapsed int64) []byte {
	if r.Timestamp.IsZero() {
		elapsed = 0
	}
	k := kmsg.NewRecord()
	k.OffsetDelta, k.TimestampDelta64, k.Key, k.Value = delta, elapsed, r.Key, r.Value
	for _, h := range r.Headers {
		header := kmsg.NewHeader()
		header.Key, header.Value = h.Key, h.Value
		k.Headers = append(k.Headers, header)
	}
	encoded := k.AppendTo(nil)
	_, prefix := binary.Varint(encoded)
	k.Length = int32(len(encoded) - prefix)
	return k.AppendTo(nil)
}

// Batch makes a batch of a payload that is compressed.
func Batch(c Codec, first int64, last int32, records int, timestamp int64, payload []byte) []byte {
	if c == Xerial {
		c = Snappy
	}
	b := kmsg.NewRecordBatch()
	b.FirstOffset, b.Magic, b.Attributes, b.LastOffsetDelta = first, 2, int16(c), last
	b.PartitionLeaderEpoch, b.ProducerID, b.ProducerEpoch, b.FirstSequence = -1, -1, -1, -1
	b.FirstTimestamp, b.MaxTimestamp = timestamp, timestamp
	b.NumRecords, b.Records = int32(records), payload
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	return Sum(raw)
}

// Sum sets the checksum of a batch right, whatever was done to it.
func Sum(batch []byte) []byte {
	binary.BigEndian.PutUint32(batch[17:], crc32.Checksum(batch[21:], crc32.MakeTable(crc32.Castagnoli)))
	return batch
}

// Compress compresses what is read from in, however much it is, but for snappy.
func Compress(c Codec, in io.Reader) []byte {
	var out bytes.Buffer
	var w io.WriteCloser
	switch c {
	case Plain:
		return must(io.ReadAll(in))
	case Snappy:
		return s2.EncodeSnappy(nil, must(io.ReadAll(in)))
	case Xerial:
		out.WriteString("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")
		all := must(io.ReadAll(in))
		for len(all) > 0 {
			n := min(len(all), 32<<10)
			block := s2.EncodeSnappy(nil, all[:n])
			out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(block))))
			out.Write(block)
			all = all[n:]
		}
		return out.Bytes()
	case Gzip:
		w = must(gzip.NewWriterLevel(&out, gzip.BestSpeed))
	case Lz4:
		w = lz4.NewWriter(&out)
	case Zstd:
		w = must(zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1)))
	}
	must(io.Copy(w, in))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
