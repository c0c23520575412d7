package recordbatch

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// Record is one record of a batch.
type Record struct {
	Offset int64
	// Raw is the record as it stands in the batch, its length before it. It is valid
	// until the next record is asked for, and nil where Truncated is set.
	Raw []byte
	// Truncated is a record that is too long to be given whole.
	Truncated *Truncated
}

// Truncated is what is kept of a record that is too long to be given whole.
type Truncated struct {
	// Timestamp is relative to that of the batch, in ms.
	Timestamp int64
	// Key is the key or its beginning, and KeySize the size of all of it; nil and -1
	// if it has none.
	Key     []byte
	KeySize int64
	// Value is the value or its beginning, ValueSize the size of all of it; nil and -1
	// if it has none. SHA256 is that of all of it.
	Value     []byte
	ValueSize int64
	SHA256    [sha256.Size]byte
	// Headers are the headers that are kept, in their order.
	Headers []Header
	// HeadersLeft is how many were left out.
	HeadersLeft int64
}

// Header is a header of a record. A nil value is one that it does not have.
type Header struct {
	Name  string
	Value []byte
}

// Reader gives the records of one batch. It belongs to one goroutine.
type Reader struct {
	limits  Limits
	batch   Batch
	buf     []byte    // what is unpacked and not read
	own     []byte    // what buf is part of, where src is set
	src     io.Reader // more, nil if all is in buf
	left    int
	last    int64 // offset of the last record, -1 before
	release func()
}

// Batch is the batch that is read.
func (r *Reader) Batch() *Batch { return &r.batch }

// Close gives the memory of the reader back. Records must not be used any more.
func (r *Reader) Close() {
	if r.release != nil {
		r.release()
		r.release = nil
	}
	r.buf, r.own, r.src = nil, nil, nil
}

// Next is the next record; io.EOF after the last. Another error is ErrCorrupt.
func (r *Reader) Next() (Record, error) {
	if r.left == 0 {
		return Record{}, io.EOF
	}
	length, prefix := binary.Varint(r.buf)
	if prefix <= 0 || length > int64(len(r.buf)-prefix) {
		var err error
		if length, prefix, err = r.await(); err != nil {
			return Record{}, err
		}
	}
	if length < 0 {
		return Record{}, r.corrupt("a record has a length of %d", length)
	}
	size := prefix + int(length)
	if size > r.limits.Record {
		return r.truncated(prefix, length)
	}
	if len(r.buf) < size {
		return Record{}, r.corrupt("a record of %d bytes where %d are left", length, len(r.buf)-prefix)
	}
	record := Record{Raw: r.buf[:size:size]}
	body := record.Raw[prefix:]
	if len(body) < 1 {
		return Record{}, r.corrupt("an empty record")
	}
	_, n := binary.Varint(body[1:]) // after the attributes, of which there are none: its time
	if n <= 0 {
		return Record{}, r.corrupt("a record without a time")
	}
	delta, m := binary.Varint(body[1+n:])
	if m <= 0 {
		return Record{}, r.corrupt("a record without an offset")
	}
	if !wellFormed(body[1+n+m:]) {
		return Record{}, r.corrupt("the record at the offset %d is not as long as its fields", r.batch.First+delta)
	}
	if err := r.advance(&record, delta); err != nil {
		return Record{}, err
	}
	r.buf = r.buf[size:]
	return record, nil
}

// wellFormed reports whether what follows a record's offset is a key, a value and
// headers, and nothing else.
func wellFormed(b []byte) bool {
	b, key := skip(b)
	b, value := skip(b)
	if !key || !value {
		return false
	}
	if len(b) == 1 && b[0] == 0 {
		return true // no headers
	}
	headers, n := binary.Varint(b)
	if n <= 0 || headers < 0 {
		return false
	}
	for b = b[n:]; headers > 0; headers-- {
		size, n := binary.Varint(b)
		if n <= 0 || size < 0 {
			return false // a name is needed
		}
		var name, value bool
		b, name = skip(b)
		b, value = skip(b)
		if !name || !value {
			return false
		}
	}
	return len(b) == 0
}

// skip skips a field with its size before it, -1 where there is none.
func skip(b []byte) (rest []byte, ok bool) {
	size, n := binary.Varint(b)
	if n <= 0 || size > int64(len(b)-n) {
		return nil, false
	}
	return b[n+int(max(size, 0)):], true
}

// advance sets the record's offset: offsets rise, within the batch.
func (r *Reader) advance(record *Record, delta int64) error {
	record.Offset = r.batch.First + delta
	if record.Offset <= r.last || record.Offset > r.batch.Last || delta < 0 {
		return r.corrupt("a record has the offset %d after %d", record.Offset, r.last)
	}
	r.last = record.Offset
	r.left--
	return nil
}

// corrupt is an error that says which record.
func (r *Reader) corrupt(format string, args ...any) error {
	return corrupt(format+" in the batch at the offset %d", append(args, r.batch.First)...)
}

// await reads more, until the next record, if it is not too long, is in the buffer.
func (r *Reader) await() (length int64, prefix int, err error) {
	if err := r.fill(binary.MaxVarintLen32); err != nil {
		return 0, 0, err
	}
	if length, prefix = binary.Varint(r.buf); prefix <= 0 || length > math.MaxInt32 {
		return 0, 0, r.corrupt("%d bytes where the length of a record should be", len(r.buf))
	}
	if length >= 0 && prefix+int(length) <= r.limits.Record {
		err = r.fill(prefix + int(length))
	}
	return length, prefix, err
}

// fill reads more until that many bytes are in the buffer, or there is no more.
func (r *Reader) fill(size int) error {
	if r.src == nil || len(r.buf) >= size {
		return nil
	}
	if cap(r.own) < size {
		r.own = make([]byte, 0, max(size, streamBytes))
	} else if cap(r.own) > streamBytes && size <= streamBytes {
		r.own = make([]byte, 0, streamBytes) // after a long record
	}
	r.own = append(r.own[:0], r.buf...) // the regions may overlap
	n, err := io.ReadAtLeast(r.src, r.own[len(r.own):cap(r.own)], size-len(r.own))
	r.own = r.own[:len(r.own)+n]
	r.buf = r.own
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil // a caller that needs more finds that it is not there
	}
	return r.unpacking(err)
}

func (r *Reader) unpacking(err error) error {
	if errors.Is(err, ErrCorrupt) {
		return err
	}
	return corrupt("unpacking: %v", err)
}

// rest is what the reader has not read, as an io.Reader.
type rest struct{ r *Reader }

// Read implements io.Reader.
func (s rest) Read(p []byte) (int, error) {
	if len(s.r.buf) > 0 {
		n := copy(p, s.r.buf)
		s.r.buf = s.r.buf[n:]
		return n, nil
	}
	if s.r.src == nil {
		return 0, io.EOF
	}
	return s.r.src.Read(p)
}

// truncated reads a record that is too long to be given whole.
func (r *Reader) truncated(prefix int, length int64) (Record, error) {
	r.buf = r.buf[prefix:]
	all := &io.LimitedReader{R: rest{r}, N: length}
	f := &fields{in: bufio.NewReaderSize(all, truncatedBuffer)}
	c := &Truncated{}
	f.skip(1) // attributes, of which there are none
	c.Timestamp = f.varint()
	delta := f.varint()
	c.Key, c.KeySize = f.bytes(r.limits.Key, r.limits.Sample, io.Discard)
	sum := sha256.New()
	c.Value, c.ValueSize = f.bytes(r.limits.Value, r.limits.Sample, sum)
	sum.Sum(c.SHA256[:0])
	headers := f.varint()
	for kept := 0; headers > 0 && f.err == nil; headers-- {
		if kept >= r.limits.Headers {
			f.skipBytes()
			f.skipBytes()
			c.HeadersLeft++
			continue
		}
		name, size := f.bytes(r.limits.Headers-kept, 0, io.Discard)
		if size < 0 {
			f.fail(corrupt("a header without a name"))
		}
		value, valueSize := f.bytes(max(r.limits.Headers-kept-len(name), 0), 0, io.Discard)
		kept += len(name) + len(value) + headerCost
		if int64(len(name)) < size || int64(len(value)) < valueSize {
			c.HeadersLeft++
			continue
		}
		c.Headers = append(c.Headers, Header{Name: string(name), Value: value})
	}
	if f.err == nil && (headers < 0 || all.N > 0 || f.in.Buffered() > 0) {
		f.err = corrupt("a record of %d bytes has more than its fields", length)
	}
	if f.err != nil {
		return Record{}, r.unpacking(f.err)
	}
	record := Record{Truncated: c}
	return record, r.advance(&record, delta)
}

const (
	// truncatedBuffer is how much of a truncated record is read at once.
	truncatedBuffer = 32 << 10
	// headerCost is what a header takes besides its bytes, so that there are not too
	// many of empty ones.
	headerCost = 48
)

// fields reads the fields of a record. After an error it reads nothing.
type fields struct {
	in  *bufio.Reader
	err error
}

func (f *fields) fail(err error) {
	if f.err == nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = corrupt("a record ends before its fields do")
		}
		f.err = err
	}
}

func (f *fields) varint() int64 {
	if f.err != nil {
		return 0
	}
	n, err := binary.ReadVarint(f.in)
	if err != nil {
		f.fail(err)
	}
	return n
}

func (f *fields) skip(n int64) {
	if f.err != nil || n <= 0 {
		return
	}
	if _, err := io.CopyN(io.Discard, f.in, n); err != nil {
		f.fail(err)
	}
}

func (f *fields) skipBytes() { f.skip(f.varint()) }

// bytes reads a field with its size before it: all of it, if it has at most keep
// bytes, otherwise only as much as sample. It is written to into as a whole.
func (f *fields) bytes(keep, sample int, into io.Writer) (field []byte, size int64) {
	size = f.varint()
	if f.err != nil || size < 0 {
		return nil, -1
	}
	if size > int64(keep) {
		keep = sample
	}
	field = make([]byte, min(size, int64(keep)))
	if _, err := io.ReadFull(f.in, field); err != nil {
		f.fail(err)
		return nil, size
	}
	_, _ = into.Write(field) // of a hash or to nowhere
	if _, err := io.CopyN(into, f.in, size-int64(len(field))); err != nil {
		f.fail(err)
	}
	return field, size
}
