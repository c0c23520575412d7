package adapter

import (
	"context"
	"errors"
	"io"
	"time"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/processors"
)

// ingestFeed drives the stage of a session of one input partition: it gives it what is
// read, and carries out what it asks for.
type ingestFeed struct {
	*Ingest
	session *session
	out     *outlet
	stage   *processors.IngestStage
	claim   inputSource
	topic   string
	part    int32

	reader inputReader
	stream bool      // the reader waits for its turn
	stuck  time.Time // since when it has its turn and nothing is taken
	bundle int       // bytes of the last bundle
	still  standstill

	position *Position
}

func (in *Ingest) feed(ctx context.Context, s *session, out *outlet) error {
	f := &ingestFeed{Ingest: in, session: s, out: out, claim: out.claim.(inputSource),
		topic: out.claim.Topic(), part: out.claim.Partition(), reader: inputReader{unpacking: in.unpacking}}
	f.stage = processors.NewIngestStage(processors.IngestStart{Linger: in.config.Linger, Start: in.starts[f.part], Ends: in.ends[f.part],
		Volume: processors.DefaultIngestVolume()})
	defer f.reader.close()
	defer f.moves() // whoever is next finds out
	f.position = in.config.Progress.Begin(Work{Role: "ingest", Topic: f.topic, Partition: f.part})
	defer f.position.End()
	return f.run(ctx)
}

var _ driver = (*ingestFeed)(nil)

// run drives the stage until it has come to its end.
func (f *ingestFeed) run(ctx context.Context) error { return f.out.drive(ctx, f.session.real(), f) }

func (f *ingestFeed) end() { f.stage.End() }

func (f *ingestFeed) next(now time.Time) processors.Action {
	f.stage.Unsettled(f.out.outstanding())
	f.stage.Stable(f.claim.Stable())
	return f.stage.Next(now)
}

func (f *ingestFeed) feeds(kind codec.Feed) {
	if kind == codec.FeedFlush {
		f.config.Metrics.flushed(f.part, f.claim.Stable()-f.stage.Last()-1)
	}
}

func (f *ingestFeed) act(ctx context.Context, a *processors.Action, now time.Time) error {
	switch a.Do {
	case processors.DoBegun:
		f.starting.Add(-1)
	case processors.DoCommit:
		f.session.commitUpTo(f.topic, f.part, a.Offset)
		f.position.Reached(a.Offset)
	case processors.DoCheckInput:
		id, err := f.ids(ctx, f.topic)
		if err != nil {
			return err
		}
		f.stage.InputID(id, now)
	}
	return nil
}

func (f *ingestFeed) await(ctx context.Context, input bool, s signals) error {
	if input && f.reader.more() && !f.stream {
		f.stuck = time.Time{}
		f.read(time.Now())
		return nil
	}
	f.giveWay()
	var chunks <-chan *kafka.Chunk
	if input && !f.reader.more() {
		chunks = f.claim.Chunks() // otherwise back-pressure reaches the fetch
	}
	var alone chan<- struct{}
	if input && f.stream {
		alone = f.unpacking.alone
	}
	select {
	case chunk := <-chunks:
		f.claim.Taken()
		f.take(chunk)
	case alone <- struct{}{}:
		f.stream, f.reader.holds = false, true
	case <-s.wake:
	case <-s.due:
	case <-s.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// take takes note of a chunk.
func (f *ingestFeed) take(c *kafka.Chunk) {
	switch {
	case c.Err != nil:
		f.rewind(0, c.Err)
	case c.First > 0:
		f.moves()
		f.stage.Gone(c.First)
	case c.Batches == nil:
		f.moves()
	default:
		f.reader.take(c)
	}
}

// read gives the stage the next records of the chunk.
func (f *ingestFeed) read(now time.Time) {
	last := f.stage.Last()
	p, err := f.reader.next(last, f.stage.Until(), f.bundle+f.bundle/8+256)
	if p.last > last {
		f.reads(p.last)
	}
	if p.message != nil {
		f.bundle = min(len(p.message), bundleBytes)
	}
	f.stage.Records(p.message, p.records, p.bytes, p.last, now)
	switch {
	case err == nil || errors.Is(err, io.EOF) || errors.Is(err, errBeyond):
	case errors.Is(err, errStreaming):
		f.stream = true
	default:
		f.rewind(f.reader.skip, err)
	}
}

// rewind reads on after a pause where something could not be read.
func (f *ingestFeed) rewind(skip int64, err error) {
	f.reader.close()
	f.stream = false
	next := f.stage.Last() + 1
	f.claim.Rewind(next, f.unreadable(next, skip, err))
}

// giveWay lets another claim read a batch that is read alone, where this one has its turn
// and nothing takes what it reads.
func (f *ingestFeed) giveWay() {
	if !f.reader.holds {
		return
	}
	if f.stuck.IsZero() {
		f.stuck = time.Now()
	}
	if time.Since(f.stuck) > kafka.StuckAfter {
		f.reader.closeBatch() // its chunk is still there
	}
}

func (f *ingestFeed) heard(kind codec.Feed, _ time.Time) error {
	if kind == codec.FeedStart {
		f.stage.Started()
	} else {
		f.stage.Flushed()
	}
	return nil
}
