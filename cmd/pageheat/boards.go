package main

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"

	"pageheat/codec"
	"pageheat/kafka"
)

// boardRecord is a board and the record's value that it was read from.
type boardRecord struct {
	value []byte
	board *codec.Board
}

const (
	// boardWindow is how many records before the end are looked at first for
	// the newest board; where it is not among them, boardWindowGrows times as
	// many are.
	boardWindow      = 64
	boardWindowGrows = 16
)

// followBoards gives the newest board of a name, then every newer one as it is
// published. A board whose version is not greater than the last is ignored: it
// comes from an instance that has lost its place. The sequence ends after an
// error, which is errInterrupted where ctx is done.
func followBoards(ctx context.Context, p *program, name string) iter.Seq2[boardRecord, error] {
	return func(yield func(boardRecord, error) bool) {
		if err := follow(ctx, p, name, func(b boardRecord) bool { return yield(b, nil) }); err != nil {
			yield(boardRecord{}, err)
		}
	}
}

// follow gives boards to each until that returns false (nil) or something fails.
func follow(ctx context.Context, p *program, name string, each func(boardRecord) bool) error {
	newest, ends, err := newestBoard(ctx, p, name)
	if err != nil {
		return err
	}
	var version uint64
	if newest.board != nil {
		version = newest.board.Version
		if !each(newest) {
			return nil
		}
	}
	from := map[int32]int64{}
	for partition, span := range ends {
		from[partition] = span.end
	}
	output, err := p.kafka.Follow(ctx, "top", p.topo.Output, from)
	if err != nil {
		return err
	}
	defer output.Close()
	for r := range output.Records() {
		b, ok := p.readBoard(r, name)
		if !ok || b.board.Version <= version {
			continue
		}
		version = b.board.Version
		if !each(b) {
			return nil
		}
	}
	return interrupted(ctx, withHint(p.topo.Output, output.Err()))
}

// newestBoard reads back from the end of the output until it finds a board of the
// name; its board is nil where there is none. It also gives what the partitions held.
func newestBoard(ctx context.Context, p *program, name string) (boardRecord, map[int32]offsetSpan, error) {
	all, err := p.spans(ctx, p.topo.Output)
	if err != nil {
		return boardRecord{}, nil, err
	}
	var newest boardRecord
	for window := int64(boardWindow); ; window *= boardWindowGrows {
		whole := true
		at := map[int32]offsetSpan{}
		for partition, span := range all {
			from := max(span.start, span.end-window)
			whole = whole && from == span.start
			at[partition] = offsetSpan{from, span.end}
		}
		err := readSpans(ctx, p, p.topo.Output, at, func(r *kafka.Record) error {
			if b, ok := p.readBoard(r, name); ok && (newest.board == nil || b.board.Version > newest.board.Version) {
				newest = b
			}
			return nil
		})
		if err != nil || newest.board != nil || whole {
			return newest, all, err
		}
	}
}

// mostNames is how many names of boards are told.
const mostNames = 20

// boardNames are the names of the boards in the output, in order.
func boardNames(ctx context.Context, p *program) ([]string, error) {
	all, err := p.spans(ctx, p.topo.Output)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	err = readSpans(ctx, p, p.topo.Output, all, func(r *kafka.Record) error {
		if r.Value != nil && len(names) < mostNames {
			names[printable(string(r.Key))] = true
		}
		return nil
	})
	return slices.Sorted(maps.Keys(names)), err
}

// readBoard reads a record of the output; false where it is not a board of this
// name. What cannot be read is logged and left: a newer board follows.
func (p *program) readBoard(r *kafka.Record, name string) (boardRecord, bool) {
	if string(r.Key) != name || r.Value == nil {
		return boardRecord{}, false
	}
	b, err := codec.DecodeBoard(r.Value)
	if err != nil {
		p.log.Warn("skip a record that is no board", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "error", err)
		return boardRecord{}, false
	}
	return boardRecord{r.Value, b}, true
}

// interrupted is errInterrupted instead of an error that comes of ctx being done.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return errInterrupted
	}
	return err
}
