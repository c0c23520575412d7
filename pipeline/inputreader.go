package pipeline

import (
	"errors"
	"fmt"
	"io"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/kafka/recordbatch"
	"pageheat/processors"
)

// inputLimits say what is kept of a record. One that is held whole can be a dead
// letter as it is; of a longer one the value is still read where it may be a behaviour.
func inputLimits() recordbatch.Limits {
	return recordbatch.Limits{Record: processors.MaxDeadLetter, Value: codec.MaxJSONBytes, Sample: processors.DeadLetterSample,
		Key: processors.DeadLetterKey, Headers: processors.DeadLetterHeaders}
}

// unpacking is what the readers of one process share.
type unpacking struct {
	*recordbatch.Unpacker
	// alone holds a token while a reader has a batch open that is too large to be
	// unpacked as a whole: one such at a time.
	alone chan struct{}
}

func newUnpacking() *unpacking {
	return &unpacking{Unpacker: recordbatch.NewUnpacker(inputLimits()), alone: make(chan struct{}, 1)}
}

// inputReader reads the records of a chunk. It belongs to one goroutine.
type inputReader struct {
	*unpacking
	chunk     *kafka.Chunk
	rest      []byte              // batches that are not read
	open      *recordbatch.Reader // of the first of them, nil if it is not open
	size      int                 // its size in rest
	holds     bool                // the token
	truncated *recordbatch.Record // was read and is not given yet
	back      *recordbatch.Record // was read, and must be read again
	skip      int64               // the offset after the batch that cannot be read
	current   recordbatch.Batch
}

// portion is what a reader gives at a time.
type portion struct {
	message []byte // for goka; nil if the records are only skipped
	records int
	bytes   int
	last    int64 // the offset reached
	// oldest and newest are timestamps of the batches, in ms since 1970: of each that of its
	// first record. 0 is none.
	oldest, newest int64
}

// timestamp takes a timestamp.
func (p *portion) timestamp(t int64) {
	p.oldest, p.newest = codec.Older(p.oldest, t), max(p.newest, t)
}

// take begins with a chunk.
func (r *inputReader) take(c *kafka.Chunk) { r.chunk, r.rest = c, c.Batches }

// more reports whether there is something left to read.
func (r *inputReader) more() bool { return r.chunk != nil }

// close gives up what is left.
func (r *inputReader) close() {
	r.closeBatch()
	r.chunk, r.rest, r.truncated = nil, nil, nil
}

// closeBatch closes the open batch, so that another reader may have its large one.
func (r *inputReader) closeBatch() {
	if r.open != nil {
		r.open.Close()
		r.open, r.back = nil, nil
	}
	r.release()
}

func (r *inputReader) release() {
	if r.holds {
		<-r.alone
		r.holds = false
	}
}

// errStreaming says that a batch is too large to be read at the same time as another such batch.
var errStreaming = errors.New("the batch is read alone")

// errBeyond says that what comes next is beyond the end of the read.
var errBeyond = errors.New("the next record is beyond the end of the read")

// next gives the records after an offset, up to another one and the size of a bundle.
// errStreaming asks for the token; errBeyond says that there are no more up to the
// offset; io.EOF says that the chunk is read. Any other error is that of a batch that
// cannot be read. Records returned with an error are valid.
func (r *inputReader) next(last, until int64, sizeHint int) (p portion, err error) {
	p.last = last
	if r.truncated != nil {
		return r.giveTruncated(p)
	}
	for p.records < bundleRecords && len(p.message) < bundleBytes {
		if r.open == nil {
			if err := r.openBatch(&p, until); err != nil {
				return p, err
			}
			if r.open == nil {
				continue // it was stepped over
			}
		}
		if p.message == nil {
			p.message = append(make([]byte, 0, sizeHint), byte(codec.FeedRecords))
		}
		if err := r.segment(&p, until); err != nil {
			return p, err
		}
		if r.truncated != nil {
			if p.records == 0 {
				return r.giveTruncated(p)
			}
			return p, nil
		}
	}
	return p, nil
}

// openBatch opens the next batch, or skips it if it holds no readable records.
func (r *inputReader) openBatch(p *portion, until int64) error {
	if len(r.rest) == 0 {
		r.close()
		return io.EOF
	}
	b, rest, err := recordbatch.Parse(r.rest)
	if err != nil {
		_, r.skip = recordbatch.Whole(r.rest[:min(len(r.rest), max(b.Size, 0))])
		return fmt.Errorf("the batch at offset %d: %w", b.First, err)
	}
	if b.First > until {
		p.last = max(p.last, until)
		return errBeyond
	}
	if b.Last <= p.last || b.Records == 0 || b.Control() || r.aborts(&b) {
		if b.Control() {
			r.ends(&b)
		}
		p.last = max(p.last, b.Last)
		r.rest = rest
		return nil
	}
	r.skip, r.size = b.Last+1, b.Size
	if r.holds {
		r.open, err = r.Stream(b)
	} else if r.open, err = r.Open(b); errors.Is(err, recordbatch.ErrLarge) {
		return errStreaming
	}
	if err != nil {
		r.release()
		return fmt.Errorf("the batch at offset %d: %w", b.First, err)
	}
	return nil
}

// aborts reports whether a batch belongs to a transaction that was aborted.
func (r *inputReader) aborts(b *recordbatch.Batch) bool {
	offsets := r.chunk.Aborted[b.ProducerID]
	return b.Transactional() && len(offsets) > 0 && offsets[0] <= b.First
}

// ends handles a control record, which ends the transaction of its producer that began
// last.
func (r *inputReader) ends(b *recordbatch.Batch) {
	if offsets := r.chunk.Aborted[b.ProducerID]; len(offsets) > 0 && offsets[0] <= b.First {
		r.chunk.Aborted[b.ProducerID] = offsets[1:]
	}
}

// segment adds records of the open batch to a bundle.
func (r *inputReader) segment(p *portion, until int64) error {
	b := r.open.Batch()
	begin := len(p.message)
	p.timestamp(b.Timestamp())
	p.message = codec.AppendSegmentHeader(p.message, codec.SegmentHeader{Offset: b.First, Timestamp: b.Timestamp(), AppendTime: b.LogAppendTime()})
	empty := len(p.message)
	finish := func() {
		if len(p.message) == empty {
			p.message = p.message[:begin]
		} else {
			codec.EndSegment(p.message, begin)
		}
		if len(p.message) == 1 {
			p.message = nil
		}
	}
	defer finish()
	for p.records < bundleRecords && len(p.message) < bundleBytes {
		record, err := r.nextRecord()
		if errors.Is(err, io.EOF) {
			p.last = max(p.last, b.Last)
			r.rest = r.rest[r.size:]
			r.closeBatch()
			return nil
		}
		if err != nil {
			r.closeBatch()
			return err
		}
		if record.Offset <= p.last {
			continue
		}
		if record.Offset > until {
			back := record // or every record would be allocated
			r.back, p.last = &back, until
			return errBeyond
		}
		if record.Truncated != nil {
			truncated := record
			r.truncated, r.current = &truncated, *b
			return nil
		}
		p.message = append(p.message, record.Raw...)
		p.records++
		p.bytes += len(record.Raw)
		p.last = record.Offset
	}
	return nil
}

// nextRecord is the next record of the open batch.
func (r *inputReader) nextRecord() (recordbatch.Record, error) {
	if r.back == nil {
		return r.open.Next()
	}
	record := *r.back
	r.back = nil
	return record, nil
}

// giveTruncated gives the record that is too long to be held.
func (r *inputReader) giveTruncated(p portion) (portion, error) {
	record, truncated := r.truncated, r.truncated.Truncated
	r.truncated = nil
	out := codec.TruncatedRecord{Offset: record.Offset, Timestamp: r.current.Timestamp(), Key: truncated.Key, KeySize: truncated.KeySize,
		Value: truncated.Value, ValueSize: truncated.ValueSize, SHA256: truncated.SHA256, HeadersLeft: truncated.HeadersLeft}
	if !r.current.LogAppendTime() {
		out.Timestamp += truncated.Timestamp
	}
	for _, h := range truncated.Headers {
		out.Headers = append(out.Headers, codec.Header{Name: h.Name, Value: h.Value})
	}
	p.message = codec.AppendTruncatedRecord(nil, out)
	p.records, p.bytes, p.last = 1, len(p.message), record.Offset
	p.timestamp(out.Timestamp)
	return p, nil
}
