package pipeline

import (
	"context"
	"errors"
	"io"
	"time"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/processors"
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

	reader inputReader
	stream bool      // the reader waits for its turn
	stuck  time.Time // since when it has its turn and nothing is taken
	bundle int       // bytes of the last bundle
	stall  stall

	position *Position
}

func (in *Ingest) feed(ctx context.Context, s *session, out *feeder) error {
	d := &ingestDriver{Ingest: in, session: s, out: out, claim: out.claim.(inputSource),
		topic: out.claim.Topic(), part: out.claim.Partition(), reader: inputReader{unpacking: in.unpacking}}
	d.stage = processors.NewIngestStage(processors.IngestStart{Linger: in.config.Linger, Start: in.starts[d.part], Ends: in.ends[d.part],
		Volume: processors.DefaultIngestVolume()})
	defer d.reader.close()
	defer d.endStall() // the next owner finds out by itself
	d.position = in.config.Progress.Begin(Work{Role: "ingest", Topic: d.topic, Partition: d.part})
	defer d.position.End()
	return d.run(ctx)
}

var _ driver = (*ingestDriver)(nil)

// run drives the stage until it has come to its end.
func (d *ingestDriver) run(ctx context.Context) error { return d.out.drive(ctx, d.session.real(), d) }

func (d *ingestDriver) end() { d.stage.End() }

func (d *ingestDriver) next(now time.Time) processors.Action {
	d.stage.Unsettled(d.out.outstanding())
	d.stage.Stable(d.claim.Stable())
	return d.stage.Next(now)
}

func (d *ingestDriver) feeds(kind codec.Feed) {
	if kind == codec.FeedFlush {
		d.config.Metrics.flushed(d.part, d.claim.Stable()-d.stage.Last()-1)
	}
}

func (d *ingestDriver) act(ctx context.Context, a *processors.Action, now time.Time) error {
	switch a.Do {
	case processors.DoBegun:
		d.starting.Add(-1)
	case processors.DoCommit:
		d.session.commitUpTo(d.topic, d.part, a.Offset)
		d.position.Reached(a.Offset)
	case processors.DoCheckInput:
		id, err := d.ids(ctx, d.topic)
		if err != nil {
			return err
		}
		d.stage.InputID(id, now)
	}
	return nil
}

func (d *ingestDriver) await(ctx context.Context, input bool, s signals) error {
	if input && d.reader.more() && !d.stream {
		d.stuck = time.Time{}
		d.read(time.Now())
		return nil
	}
	d.releaseStuckBatch()
	var chunks <-chan *kafka.Chunk
	if input && !d.reader.more() {
		chunks = d.claim.Chunks() // otherwise back-pressure reaches the fetch
	}
	var alone chan<- struct{}
	if input && d.stream {
		alone = d.unpacking.alone
	}
	select {
	case chunk := <-chunks:
		d.claim.Taken()
		d.take(chunk)
	case alone <- struct{}{}:
		d.stream, d.reader.holds = false, true
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
		d.rewind(0, c.Err)
	case c.First > 0:
		d.endStall()
		d.stage.Gone(c.First)
	case c.Batches == nil:
		d.endStall()
	default:
		d.reader.take(c)
	}
}

// read gives the stage the next records of the chunk.
func (d *ingestDriver) read(now time.Time) {
	last := d.stage.Last()
	p, err := d.reader.next(last, d.stage.Until(), d.bundle+d.bundle/8+256)
	if p.last > last {
		d.readUpTo(p.last)
	}
	if p.message != nil {
		d.bundle = min(len(p.message), bundleBytes)
	}
	d.stage.Records(p.message, p.records, p.bytes, p.last, now)
	switch {
	case err == nil || errors.Is(err, io.EOF) || errors.Is(err, errBeyond):
	case errors.Is(err, errStreaming):
		d.stream = true
	default:
		d.rewind(d.reader.skip, err)
	}
}

// rewind reads on after a pause where something could not be read.
func (d *ingestDriver) rewind(skip int64, err error) {
	d.reader.close()
	d.stream = false
	next := d.stage.Last() + 1
	d.claim.Rewind(next, d.stalled(next, skip, err))
}

// releaseStuckBatch lets another claim read a large batch if this claim has its turn and
// nothing takes what it reads.
func (d *ingestDriver) releaseStuckBatch() {
	if !d.reader.holds {
		return
	}
	if d.stuck.IsZero() {
		d.stuck = time.Now()
	}
	if time.Since(d.stuck) > kafka.StuckAfter {
		d.reader.closeBatch() // its chunk is still there
	}
}

func (d *ingestDriver) heard(kind codec.Feed, _ time.Time) error {
	if kind == codec.FeedStart {
		d.stage.Started()
	} else {
		d.stage.Flushed()
	}
	return nil
}
