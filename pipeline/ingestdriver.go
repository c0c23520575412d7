package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/IBM/sarama"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/processors"
	"pageheat/tracing"
)

// ingestDriver drives the stage of a session of one input partition: it gives it what is
// read, and carries out what it asks for.
type ingestDriver struct {
	*Ingest
	session *session
	out     *feeder
	stage   *processors.IngestStage
	claim   inputSource
	topic   string
	part    int32

	reader    inputReader
	nextChunk time.Time // is fetched then at the earliest
	bundle    int       // bytes of the last bundle
	stalled   bool      // it was said that an offset cannot be read

	position *Position

	records int       // since the last flush
	last    time.Time // the timestamp of the last batch
	oldest  oldest
	spans   tracing.Spans
}

func (in *Ingest) feed(ctx context.Context, s *session, out *feeder) error {
	d := &ingestDriver{Ingest: in, session: s, out: out, claim: out.claim.(inputSource),
		topic: out.claim.Topic(), part: out.claim.Partition(), reader: inputReader{unpacking: in.unpacking}}
	d.stage = processors.NewIngestStage(processors.IngestStart{Linger: in.config.Linger, Start: in.starts[d.part], Ends: in.ends[d.part],
		Volume: processors.DefaultIngestVolume(), CommitEvery: processors.IngestCommitEvery})
	defer d.reader.close()
	defer d.forgetStall()
	d.position = in.config.Progress.Begin(processors.Work{Role: "ingest", Topic: d.topic, Partition: d.part})
	defer d.position.End()
	defer d.spans.End()
	return out.drive(ctx, s.real(), d)
}

var _ driver = (*ingestDriver)(nil)

func (d *ingestDriver) end() { d.stage.End() }

func (d *ingestDriver) next(now time.Time) processors.Action {
	d.stage.Unsettled(d.out.outstanding())
	d.stage.Stable(d.claim.Stable())
	return d.stage.Next(now)
}

func (d *ingestDriver) feeds(kind codec.Feed) {
	if kind == codec.FeedFlush {
		d.config.Metrics.flushed(d.part, d.records, d.claim.Stable()-d.stage.Last()-1, d.last)
		d.records = 0
		d.oldest.send()
		d.spans.Send()
	}
}

func (d *ingestDriver) send(ctx context.Context, m *sarama.ConsumerMessage) error {
	return d.out.send(ctx, m)
}

func (d *ingestDriver) act(ctx context.Context, a *processors.Action, now time.Time) error {
	switch a.Do {
	case processors.DoCommit:
		d.session.commitUpTo(d.topic, d.part, a.Offset)
		d.position.Reached(a.Offset)
		d.commit()
	case processors.DoReadAgain:
		d.claim.Rewind(a.Offset, a.Until.Sub(now))
	case processors.DoYield:
		d.reader.closeBatch() // its chunk is still there
	case processors.DoCheckInput:
		id, at, err := d.topics.idAt(ctx, d.topic, now)
		if err != nil {
			return err
		}
		d.stage.InputID(id, at)
	}
	return nil
}

func (d *ingestDriver) await(ctx context.Context, a *processors.Action, s signals) error {
	var chunks <-chan *kafka.Chunk
	var turn chan<- struct{}
	switch {
	case !a.Input: // back-pressure reaches the fetch
	case a.Turn:
		turn = d.unpacking.alone
	case d.reader.more():
		d.read(time.Now())
		return nil
	default:
		chunks = d.claim.Chunks()
	}
	select {
	case chunk := <-chunks:
		d.claim.Taken()
		d.take(chunk)
	case turn <- struct{}{}:
		d.reader.holds = true
		d.stage.Turn(true)
	case <-s.wake:
	case <-s.due:
	case <-s.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// take takes a chunk.
func (d *ingestDriver) take(c *kafka.Chunk) {
	switch {
	case c.Err != nil:
		d.unreadable(0, c.Err)
	case c.First > 0:
		d.stage.Gone(c.First)
	case c.Batches == nil:
		d.stage.Readable()
	default:
		d.reader.take(c)
		d.nextChunk = c.Next
	}
	d.endStall()
}

// read gives the stage the next records of the chunk.
func (d *ingestDriver) read(now time.Time) {
	held := d.reader.holds
	p, err := d.reader.next(d.stage.Last(), d.stage.Until(), d.bundle+d.bundle/8+256)
	if p.message != nil {
		d.bundle = min(len(p.message), bundleBytes)
	}
	d.stage.Records(p.message, p.records, p.bytes, p.last, now)
	d.records += p.records
	d.oldest.add(p.oldest)
	d.trace(p.message, now)
	if p.newest > 0 {
		d.last = time.UnixMilli(p.newest)
	}
	if !d.reader.more() {
		d.stage.Rests(d.nextChunk)
	}
	d.endStall()
	switch {
	case err == nil || errors.Is(err, io.EOF) || errors.Is(err, errBeyond):
	case errors.Is(err, errStreaming):
		d.stage.Large()
	default:
		d.unreadable(d.reader.skip, err)
	}
	if held && !d.reader.holds {
		d.stage.Turn(false)
	}
}

// unreadable tells the stage, and once the operator, that the next offset cannot be read. skip
// is the offset after the unreadable batch, 0 if unknown.
func (d *ingestDriver) unreadable(skip int64, err error) {
	d.reader.close()
	first := d.stage.Unreadable(time.Now())
	offset, _ := d.stage.Stalled()
	d.config.Conditions.Set("ingest", d.about(), fmt.Errorf("partition %d of %s is stalled at offset %d: %w", d.part, d.topic, offset, err))
	if !first {
		return
	}
	d.stalled = true
	d.config.Metrics.inputUnreadable(d.part, true)
	hint := "repair the broker's log; or delete the unreadable records with kafka-delete-records, which declares them lost"
	if skip > offset {
		hint = fmt.Sprintf("repair the broker's log; or give up offsets %d to %d: delete the records below offset %d with kafka-delete-records, which declares them lost", offset, skip-1, skip)
	}
	d.config.Logger.Error("an input partition is stalled: a batch cannot be read; retrying, the other partitions go on",
		"topic", d.topic, "partition", d.part, "offset", offset, "error", err, "hint", hint)
}

// endStall tells the operator when an offset that could not be read is past.
func (d *ingestDriver) endStall() {
	if offset, stalled := d.stage.Stalled(); d.stalled && !stalled {
		d.forgetStall()
		d.config.Logger.Info("a stalled input partition is read again", "topic", d.topic, "partition", d.part, "offset", offset)
	}
}

// forgetStall clears what says that an offset cannot be read. The next owner finds out by
// itself.
func (d *ingestDriver) forgetStall() {
	if d.stalled {
		d.stalled = false
		d.config.Metrics.inputUnreadable(d.part, false)
		d.config.Conditions.Set("ingest", d.about(), nil)
	}
}

func (d *ingestDriver) about() string { return fmt.Sprintf("input partition %d", d.part) }

func (d *ingestDriver) heard(kind codec.Feed, now time.Time) error {
	if kind == codec.FeedStart {
		d.stage.Started()
		return nil
	}
	d.stage.Flushed()
	d.spans.Arrived()
	if age, any := d.oldest.arrived(now); any {
		d.config.Metrics.ingested.Observe(age.Seconds())
	}
	return nil
}
