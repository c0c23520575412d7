package views

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"pageheat/codec"
	"pageheat/kafka"
)

// Output reads boards from the output topic without keeping the others, for commands that show
// a single board. It connects on the first call.
type Output struct {
	// Cluster has the topic.
	Cluster *kafka.Cluster
	// Topic is its name.
	Topic string
	// Logger gets records that are not boards.
	Logger *slog.Logger
}

// Published is a board with the record's value that it was read from.
type Published struct {
	Value []byte
	Board *codec.Board
	// Origin is the header with what the board was made from, see [codec.DecodeOrigin]; nil without it.
	Origin []byte
}

// mostNames is the maximum number of board names returned.
const mostNames = 20

// Follow yields the newest board of a name, then every newer one when it is published. It
// ignores a board whose version is not greater than the last: it comes from an instance that
// was replaced. The sequence ends with an error, which is that of ctx if ctx is done.
func (o Output) Follow(ctx context.Context, name string) iter.Seq2[Published, error] {
	return func(yield func(Published, error) bool) {
		if err := o.follow(ctx, name, func(p Published) bool { return yield(p, nil) }); err != nil {
			yield(Published{}, err)
		}
	}
}

// follow passes boards to each until that returns false (nil) or an error occurs.
func (o Output) follow(ctx context.Context, name string, each func(Published) bool) error {
	newest, bounds, err := o.newest(ctx, name)
	if err != nil {
		return err
	}
	var version uint64
	if newest.Board != nil {
		version = newest.Board.Version
		if !each(newest) {
			return nil
		}
	}
	from := map[int32]int64{}
	for partition, b := range bounds {
		from[partition] = b.End
	}
	output, err := o.Cluster.Follow(ctx, "top", o.Topic, from)
	if err != nil {
		return err
	}
	defer output.Close()
	for r := range output.Records() {
		p, ok := o.read(r, name)
		if !ok || p.Board.Version <= version {
			continue
		}
		version = p.Board.Version
		if !each(p) {
			return nil
		}
	}
	return kafka.Missing(o.Topic, output.Err())
}

// Newest reads back from the end of the topic until it finds a board of the name; its Board is
// nil if there is none.
func (o Output) Newest(ctx context.Context, name string) (Published, error) {
	newest, _, err := o.newest(ctx, name)
	return newest, err
}

// newest also returns the bounds of the partitions.
func (o Output) newest(ctx context.Context, name string) (Published, map[int32]kafka.Bounds, error) {
	all, err := o.Cluster.AllBounds(ctx, o.Topic)
	if err != nil {
		return Published{}, nil, err
	}
	var newest Published
	for partition, b := range all { // one, unless the topic is another program's too
		search := codec.NewBoardSearch[Published](b.Start, b.End)
		for from, to, more := search.Next(); more; from, to, more = search.Next() {
			err := o.Cluster.ReadBounds(ctx, o.Topic, map[int32]kafka.Bounds{partition: {Start: from, End: to}}, func(r *kafka.Record) error {
				if p, ok := o.read(r, name); ok {
					search.Found(p.Board.Version, p)
				}
				return nil
			})
			if err != nil {
				return newest, all, err
			}
		}
		if p := search.Newest(); p != nil && (newest.Board == nil || p.Board.Version > newest.Board.Version) {
			newest = *p
		}
	}
	return newest, all, nil
}

// Names returns the names of the boards in the topic, in order, up to mostNames. Groups and periods of
// a board have its name.
func (o Output) Names(ctx context.Context) ([]string, error) {
	all, err := o.Cluster.AllBounds(ctx, o.Topic)
	if err != nil {
		return nil, err
	}
	keys := map[string]bool{}
	err = o.Cluster.ReadBounds(ctx, o.Topic, all, func(r *kafka.Record) error {
		switch key := string(r.Key); {
		case r.Value == nil:
			delete(keys, key)
		case len(keys) < maxBoards:
			keys[key] = true
		}
		return nil
	})
	names := map[string]bool{}
	for key := range keys {
		name, _, _ := strings.Cut(key, "/")
		names[name] = true
	}
	sorted := slices.Sorted(maps.Keys(names))
	return sorted[:min(len(sorted), mostNames)], err
}

// read reads a record; false if it is not a board of this name. Malformed records are logged
// and skipped: a newer board follows.
func (o Output) read(r *kafka.Record, name string) (Published, bool) {
	if string(r.Key) != name || r.Value == nil {
		return Published{}, false
	}
	b, err := codec.DecodeBoard(r.Value)
	if err != nil {
		o.Logger.Warn("skipped a record that is not a board", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "error", err)
		return Published{}, false
	}
	p := Published{Value: r.Value, Board: b}
	for name, value := range kafka.Headers(r) {
		if name == codec.HeaderPositions {
			p.Origin = value
		}
	}
	return p, true
}
