package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Feed is the kind of a message that package pipeline hands a goka processor. Such a
// message was never in Kafka: it stands for many records, or for something
// that happened. Its first byte is its kind, the rest is its body.
type Feed byte

// What an ingest processor is fed.
const (
	// FeedStart opens one input partition: an IngestStart.
	FeedStart Feed = 's'
	// FeedRecords holds consecutive input records: a bundle.
	FeedRecords Feed = 'r'
	// FeedTruncated is an input record that is too long to be held: a TruncatedRecord.
	FeedTruncated Feed = 'c'
	// FeedFlush asks for the pending sums: the offset up to which the input was read.
	FeedFlush Feed = 'f'
)

// What a heat processor is fed.
const (
	// FeedWrite is one record to be written to the table: its partition and its value,
	// see AppendWrite.
	FeedWrite Feed = 'w'
	// FeedForget is a request to forget a page that was taken in, to be written to the forget topic: its partition and
	// its value, see AppendWrite and [AppendForget].
	FeedForget Feed = 'g'
	// FeedLeaders are encoded leaders, to be sent on, see AppendFeedLeaders.
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
	// FeedPast is the final board of a past period, to be published with the next board.
	FeedPast Feed = 'o'
	// FeedRepublish asks for a board even if nothing has changed; no body.
	FeedRepublish Feed = 'q'
)

// AppendWrite appends the beginning of what is written to a table: the partition
// that it belongs to. Its value has to follow; nothing follows if the record is a tombstone.
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

// AppendFeedLeaders begins a FeedLeaders message with the timestamp of the oldest input
// record that the leaders are the first to count, in ms since 1970; 0 if it is unknown. The
// encoded leaders have to follow.
func AppendFeedLeaders(dst []byte, oldest int64) []byte {
	return binary.AppendUvarint(append(dst, byte(FeedLeaders)), uint64(oldest))
}

// SplitLeaders reads the body of a FeedLeaders message; leaders alias it.
func SplitLeaders(body []byte) (oldest int64, leaders []byte, err error) {
	u, n := binary.Uvarint(body)
	if n <= 0 || u > 1<<63-1 {
		return 0, nil, errors.New("leaders to be sent without a timestamp")
	}
	return int64(u), body[n:], nil
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
// begins after From. Messages at offsets (From, LostTo] were deleted by retention
// before they were read; LostTo == From if none were.
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

// A bundle is a FeedRecords message. After its kind it holds segments, each of
// records of one batch: how many bytes follow, what the records are relative to, and
// the records as they stand in the batch, each with its length before it. So records are not
// decoded before they are read.

// SegmentHeader says what the records of a segment are relative to.
type SegmentHeader struct {
	// Offset and Timestamp (ms since 1970) are those of the batch.
	Offset, Timestamp int64
	// AppendTime says that Timestamp is that of every record.
	AppendTime bool
}

// segmentLengthBytes is what the length of a segment takes.
const segmentLengthBytes = 4

// AppendSegmentHeader begins a segment at the end of a bundle. Records of the batch
// are appended as they are, then [EndSegment] is called with the same beginning, which
// is the bundle's length before.
func AppendSegmentHeader(dst []byte, h SegmentHeader) []byte {
	dst = append(dst, 0, 0, 0, 0, 0)
	if h.AppendTime {
		dst[len(dst)-1] = 1
	}
	dst = binary.AppendVarint(dst, h.Offset)
	return binary.AppendVarint(dst, h.Timestamp)
}

// EndSegment ends the segment that begins at a place of the bundle.
func EndSegment(bundle []byte, begin int) {
	binary.BigEndian.PutUint32(bundle[begin:], uint32(len(bundle)-begin-segmentLengthBytes))
}

// Header is a header of a Kafka record. A nil value is one that it does not have.
type Header struct {
	Name  string
	Value []byte
}

// Record is one input record of a bundle.
type Record struct {
	Offset    int64
	Timestamp int64 // ms since 1970
	// Key and Value alias the bundle; nil is one that the record does not have.
	Key, Value []byte

	headers []byte // their number and they, as in a batch
}

// AppendBundleRecord appends a record to a segment with the given offset and the
// timestamp 0, as a producer would have written it.
func AppendBundleRecord(dst []byte, base int64, r Record, headers ...Header) []byte {
	body := []byte{0} // attributes, of which there are none
	body = binary.AppendVarint(body, r.Timestamp)
	body = binary.AppendVarint(body, r.Offset-base)
	body = appendField(body, r.Key)
	body = appendField(body, r.Value)
	body = AppendHeaders(body, headers)
	dst = binary.AppendVarint(dst, int64(len(body)))
	return append(dst, body...)
}

// appendField appends a field with its size before it, -1 where there is none.
func appendField(dst, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(dst, -1)
	}
	return append(binary.AppendVarint(dst, int64(len(b))), b...)
}

// BundleReader reads the records of a bundle. It aliases the bundle.
type BundleReader struct {
	header  SegmentHeader
	oldest  int64
	segment []byte // what is left of the segment
	rest    []byte // segments after it
}

// ReadBundle reads the body of a FeedRecords message.
func ReadBundle(body []byte) BundleReader { return BundleReader{rest: body} }

// Oldest is the lowest timestamp of the batches that were read from so far, each that of its
// first record, in ms since 1970; 0 if none has one.
func (b *BundleReader) Oldest() int64 { return b.oldest }

// More reports whether there is another record.
func (b *BundleReader) More() bool { return len(b.segment) > 0 || len(b.rest) > 0 }

// open goes on to the next segment.
func (b *BundleReader) open() error {
	if len(b.rest) < segmentLengthBytes {
		return errors.New("a bundle ends within the length of a segment")
	}
	length := int64(binary.BigEndian.Uint32(b.rest))
	f := fieldReader{b: b.rest[segmentLengthBytes:]}
	if length < 1 || length > int64(len(f.b)) {
		return errors.New("a bundle ends within a segment")
	}
	f.b, b.rest = f.b[:length], f.b[length:]
	b.header.AppendTime = f.b[0] == 1
	f.b = f.b[1:]
	b.header.Offset, b.header.Timestamp = f.varint(), f.varint()
	if f.bad || len(f.b) == 0 {
		return errors.New("a segment of a bundle without records")
	}
	b.segment = f.b
	b.oldest = Older(b.oldest, b.header.Timestamp)
	return nil
}

// Next is the next record.
func (b *BundleReader) Next() (r Record, err error) {
	if len(b.segment) == 0 {
		if err := b.open(); err != nil {
			return r, err
		}
	}
	f := fieldReader{b: b.segment}
	length := f.varint()
	if f.bad || length < 1 || length > int64(len(f.b)) {
		return r, errors.New("a bundle ends within a record")
	}
	f.b, b.segment = f.b[:length], f.b[length:]
	f.b = f.b[1:] // attributes
	r.Timestamp = b.header.Timestamp
	if elapsed := f.varint(); !b.header.AppendTime {
		r.Timestamp += elapsed
	}
	r.Offset = b.header.Offset + f.varint()
	r.Key = f.field()
	r.Value = f.field()
	r.headers = f.b
	if f.bad {
		return r, errors.New("a record of a bundle without its fields")
	}
	return r, nil
}

// RawHeaders are the record's headers as they stand in the record: their number, then
// name and value of each. [DecodeHeaders] takes them apart.
func (r *Record) RawHeaders() []byte { return r.headers }

// DecodeHeaders takes headers apart, in their order; values alias b.
func DecodeHeaders(b []byte) ([]Header, error) {
	f := fieldReader{b: b}
	n := f.varint()
	if f.bad || n < 0 || n > int64(len(f.b)) {
		return nil, errors.New("headers without their count")
	}
	var headers []Header
	for range n {
		headers = append(headers, Header{Name: string(f.field()), Value: f.field()})
	}
	if f.bad || len(f.b) > 0 {
		return nil, errors.New("malformed headers")
	}
	return headers, nil
}

// AppendHeaders appends headers as they stand in a record.
func AppendHeaders(dst []byte, headers []Header) []byte {
	dst = binary.AppendVarint(dst, int64(len(headers)))
	for _, h := range headers {
		dst = appendField(dst, append([]byte{}, h.Name...))
		dst = appendField(dst, h.Value)
	}
	return dst
}

// fieldReader reads fields as they stand in a record.
type fieldReader struct {
	b   []byte
	bad bool
}

func (f *fieldReader) varint() int64 {
	if len(f.b) > 0 && f.b[0] < 0x80 { // most are short
		x := f.b[0]
		f.b = f.b[1:]
		return int64(x>>1) ^ -int64(x&1)
	}
	value, n := binary.Varint(f.b)
	if n <= 0 {
		f.b, f.bad = nil, true
		return 0
	}
	f.b = f.b[n:]
	return value
}

func (f *fieldReader) field() []byte {
	size := f.varint()
	if size < 0 || size > int64(len(f.b)) {
		f.bad = f.bad || size >= 0
		return nil
	}
	field := f.b[:size:size]
	f.b = f.b[size:]
	return field
}

// TruncatedRecord is an input record that is too long to be held, with what is kept of it.
type TruncatedRecord struct {
	Offset    int64
	Timestamp int64 // ms since 1970
	// Key and Value are those of the record or their beginnings, KeySize and
	// ValueSize the sizes of all of them; nil and -1 if it has none.
	Key, Value         []byte
	KeySize, ValueSize int64
	// SHA256 is that of the whole value.
	SHA256 [32]byte
	// Headers are those that are kept, HeadersLeft how many are not.
	Headers     []Header
	HeadersLeft int64
}

// AppendTruncatedRecord appends the feed message of a truncated record.
func AppendTruncatedRecord(dst []byte, r TruncatedRecord) []byte {
	dst = append(dst, byte(FeedTruncated))
	for _, n := range []int64{r.Offset, r.Timestamp, r.KeySize, r.ValueSize, r.HeadersLeft} {
		dst = binary.AppendVarint(dst, n)
	}
	dst = append(dst, r.SHA256[:]...)
	dst = appendField(dst, r.Key)
	dst = appendField(dst, r.Value)
	for _, h := range r.Headers {
		dst = appendField(dst, append([]byte{}, h.Name...))
		dst = appendField(dst, h.Value)
	}
	return dst
}

// DecodeTruncatedRecord reads the body of such a feed message, which it aliases.
func DecodeTruncatedRecord(body []byte) (r TruncatedRecord, err error) {
	f := fieldReader{b: body}
	for _, n := range []*int64{&r.Offset, &r.Timestamp, &r.KeySize, &r.ValueSize, &r.HeadersLeft} {
		*n = f.varint()
	}
	f.b = f.b[copy(r.SHA256[:], f.b):]
	r.Key, r.Value = f.field(), f.field()
	for !f.bad && len(f.b) > 0 {
		r.Headers = append(r.Headers, Header{Name: string(f.field()), Value: f.field()})
	}
	if f.bad {
		return r, errors.New("a malformed truncated record")
	}
	return r, nil
}

// AppendFlush appends a FeedFlush message: the pending sums go out as ranges that
// reach to an offset, above the last record if nothing readable is in between.
func AppendFlush(dst []byte, to int64) []byte {
	return binary.AppendVarint(append(dst, byte(FeedFlush)), to)
}

// DecodeFlush reads the body of a FeedFlush message.
func DecodeFlush(body []byte) (to int64, err error) {
	to, n := binary.Varint(body)
	if n <= 0 || n != len(body) {
		return 0, errors.New("a flush without an offset")
	}
	return to, nil
}

func appendNullable(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b))+1)
	return append(dst, b...)
}

func splitNullable(b []byte) (field, rest []byte, err error) {
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
// value (nil if there is none), Positions its header, Further the newest of further boards, Above an
// epoch that was seen in use, Partitions the number of heat partitions.
type EpochRequest struct {
	Partitions int32
	Above      uint64
	Board      []byte
	Positions  []byte
	Further    []EpochBoard
}

// EpochBoard is a board with its header.
type EpochBoard struct{ Board, Positions []byte }

// AppendEpochRequest appends a FeedEpoch message.
func AppendEpochRequest(dst []byte, r EpochRequest) []byte {
	dst = append(dst, byte(FeedEpoch))
	dst = binary.AppendUvarint(dst, uint64(r.Partitions))
	dst = binary.AppendUvarint(dst, r.Above)
	dst = appendNullable(dst, r.Board)
	dst = appendNullable(dst, r.Positions)
	for _, b := range r.Further {
		dst = appendNullable(appendNullable(dst, b.Board), b.Positions)
	}
	return dst
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
	if r.Board, body, err = splitNullable(body[n+m:]); err != nil {
		return r, fmt.Errorf("the board of an epoch request: %w", err)
	}
	if r.Positions, body, err = splitNullable(body); err != nil {
		return r, fmt.Errorf("the positions of an epoch request: %w", err)
	}
	for len(body) > 0 {
		var b EpochBoard
		if b.Board, body, err = splitNullable(body); err != nil {
			return r, fmt.Errorf("a further board of an epoch request: %w", err)
		}
		if b.Positions, body, err = splitNullable(body); err != nil {
			return r, fmt.Errorf("the positions of a further board of an epoch request: %w", err)
		}
		r.Further = append(r.Further, b)
	}
	return r, nil
}
