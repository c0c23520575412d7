package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Feed is the kind of a message that the adapter hands a goka processor. Such a
// message was never in Kafka: it stands for many records, or for something
// that happened. Its first byte is its kind, the rest is its body.
type Feed byte

// What an ingest processor is fed.
const (
	// FeedStart opens one input partition: an IngestStart.
	FeedStart Feed = 's'
	// FeedRecords holds consecutive input records: a bundle.
	FeedRecords Feed = 'r'
	// FeedFlush asks for what was gathered; no body.
	FeedFlush Feed = 'f'
)

// What a heat processor is fed.
const (
	// FeedWrite is one changed record of the table, to be written: its partition
	// and its value, see AppendWrite.
	FeedWrite Feed = 'w'
	// FeedLeaders are encoded leaders, to be sent on.
	FeedLeaders Feed = 'l'
)

// What a ranking processor is fed.
const (
	// FeedHeard are encoded leaders that were received, with their offset, see
	// AppendHeard.
	FeedHeard Feed = 'h'
	// FeedEpoch asks for a new epoch: an EpochRequest.
	FeedEpoch Feed = 'e'
	// FeedPublish asks for a board if it would differ from the last; no body.
	FeedPublish Feed = 'p'
	// FeedRepublish asks for a board even if nothing has changed; no body.
	FeedRepublish Feed = 'q'
)

// AppendWrite appends the beginning of what is written to a table: the partition
// that it belongs to. Its value has to follow.
func AppendWrite(dst []byte, partition int32) []byte {
	return binary.AppendUvarint(dst, uint64(partition))
}

// SplitWrite returns the partition and the value of what AppendWrite began; value
// aliases b.
func SplitWrite(b []byte) (partition int32, value []byte, err error) {
	u, n := binary.Uvarint(b)
	if n <= 0 || u > 1<<31-1 {
		return 0, nil, errors.New("a write to a table without its partition")
	}
	return int32(u), b[n:len(b):len(b)], nil
}

// AppendHeard appends a FeedHeard message: leaders that were at an offset.
func AppendHeard(dst []byte, offset int64, leaders []byte) []byte {
	dst = binary.AppendUvarint(append(dst, byte(FeedHeard)), uint64(offset))
	return append(dst, leaders...)
}

// SplitHeard reads the body of a FeedHeard message; leaders alias it.
func SplitHeard(body []byte) (offset int64, leaders []byte, err error) {
	u, n := binary.Uvarint(body)
	if n <= 0 || u > 1<<63-1 {
		return 0, nil, errors.New("leaders without their offset")
	}
	return int64(u), body[n:], nil
}

// SplitFeed returns the kind and the body of a feed message; body aliases b.
func SplitFeed(b []byte) (kind Feed, body []byte, err error) {
	if len(b) == 0 {
		return 0, nil, errors.New("an empty feed message")
	}
	return Feed(b[0]), b[1:], nil
}

// IngestStart says where an input partition is read from: the first range
// begins after From. Messages at offsets (From, LostTo] were taken by retention
// before they were read; LostTo == From where none were.
type IngestStart struct {
	Input  TopicID
	From   int64
	LostTo int64
}

// AppendIngestStart appends a FeedStart message.
func AppendIngestStart(dst []byte, s IngestStart) []byte {
	dst = append(dst, byte(FeedStart))
	dst = append(dst, s.Input[:]...)
	dst = binary.AppendVarint(dst, s.From)
	return binary.AppendVarint(dst, s.LostTo)
}

// DecodeIngestStart reads the body of a FeedStart message.
func DecodeIngestStart(body []byte) (IngestStart, error) {
	var s IngestStart
	if len(body) < len(s.Input) {
		return s, fmt.Errorf("an ingest start of %d bytes", len(body))
	}
	body = body[copy(s.Input[:], body):]
	from, n := binary.Varint(body)
	if n <= 0 {
		return s, errors.New("an ingest start without an offset")
	}
	lost, m := binary.Varint(body[n:])
	if m <= 0 || n+m != len(body) {
		return s, errors.New("an ingest start without a second offset, or with more")
	}
	s.From, s.LostTo = from, lost
	return s, nil
}

// Record is one input record of a bundle. A nil key or value is one that the
// record does not have.
type Record struct {
	Offset     int64
	Key, Value []byte
}

// AppendBundleRecord appends a record to a bundle, which begins with the byte
// FeedRecords.
func AppendBundleRecord(dst []byte, r Record) []byte {
	dst = binary.AppendUvarint(dst, uint64(r.Offset))
	dst = appendNullable(dst, r.Key)
	return appendNullable(dst, r.Value)
}

func appendNullable(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b))+1)
	return append(dst, b...)
}

// BundleRecord takes the first record off the body of a bundle, and returns
// what is left. Key and value alias the body. An empty body has no record: the
// caller stops before.
func BundleRecord(body []byte) (r Record, rest []byte, err error) {
	offset, n := binary.Uvarint(body)
	if n <= 0 || offset > 1<<63-1 {
		return r, nil, errors.New("a bundle record without an offset")
	}
	r.Offset = int64(offset)
	if r.Key, rest, err = cutNullable(body[n:]); err != nil {
		return r, nil, fmt.Errorf("the key of the bundle record at offset %d: %w", r.Offset, err)
	}
	if r.Value, rest, err = cutNullable(rest); err != nil {
		return r, nil, fmt.Errorf("the value of the bundle record at offset %d: %w", r.Offset, err)
	}
	return r, rest, nil
}

func cutNullable(b []byte) (field, rest []byte, err error) {
	size, n := binary.Uvarint(b)
	switch {
	case n <= 0:
		return nil, nil, errors.New("no length")
	case size == 0:
		return nil, b[n:], nil
	case size-1 > uint64(len(b)-n):
		return nil, nil, fmt.Errorf("%d bytes where %d should be", len(b)-n, size-1)
	}
	end := n + int(size-1)
	return b[n:end:end], b[end:], nil
}

// EpochRequest asks the ranking for a new epoch. Board is the newest board's
// value (nil if there is none), Positions its header, Above an epoch that was
// seen in use, Partitions the number of heat partitions.
type EpochRequest struct {
	Partitions int32
	Above      uint64
	Board      []byte
	Positions  []byte
}

// AppendEpochRequest appends a FeedEpoch message.
func AppendEpochRequest(dst []byte, r EpochRequest) []byte {
	dst = append(dst, byte(FeedEpoch))
	dst = binary.AppendUvarint(dst, uint64(r.Partitions))
	dst = binary.AppendUvarint(dst, r.Above)
	dst = appendNullable(dst, r.Board)
	return appendNullable(dst, r.Positions)
}

// DecodeEpochRequest reads the body of a FeedEpoch message; its fields alias
// body.
func DecodeEpochRequest(body []byte) (r EpochRequest, err error) {
	partitions, n := binary.Uvarint(body)
	if n <= 0 || partitions > 1<<31-1 {
		return r, errors.New("an epoch request without partitions")
	}
	above, m := binary.Uvarint(body[n:])
	if m <= 0 {
		return r, errors.New("an epoch request without an epoch")
	}
	r.Partitions, r.Above = int32(partitions), above
	if r.Board, body, err = cutNullable(body[n+m:]); err != nil {
		return r, fmt.Errorf("the board of an epoch request: %w", err)
	}
	if r.Positions, body, err = cutNullable(body); err != nil {
		return r, fmt.Errorf("the positions of an epoch request: %w", err)
	}
	if len(body) != 0 {
		return r, fmt.Errorf("%d bytes after an epoch request", len(body))
	}
	return r, nil
}
