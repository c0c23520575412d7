package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"golang.org/x/sync/errgroup"

	"pageheat/boards"
	"pageheat/boards/boardsettings"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/snapshot"
	"pageheat/topology"
)

// DefaultMaxPages is the default of BoardConfig.MaxPages.
const DefaultMaxPages = 5_000_000

// Wanted is a board of a time.
type Wanted struct {
	// Definition is that of the board, complete and valid.
	Definition boards.Definition
	// Group, if not empty, is the group whose board is wanted, and Period the name of the period of a
	// calendar board whose final board is wanted. At most one of them is given.
	Group, Period string
	// AsOf is the T of the board, which is cut to the board's step. Without Period it is the time that the
	// board is as of; with one, a T before the period is closed gives a board that is not final.
	AsOf time.Time
	// Until is the last minute whose behaviours count. The zero value stands for all minutes.
	Until boards.Minute
	// Offsets are those of the input below which behaviours count. Nil stands for all that is there.
	Offsets codec.Offsets
	// Since are the offsets from which on behaviours count. Nil stands for all that is there.
	Since codec.Offsets
	// Heat, if not nil, has such offsets by partition of the heat table, for the pages of each: see [BoardCut].
	// Then Offsets and Since are only what the board says of itself.
	Heat []HeatCut
}

// below returns the offset of an input partition below which behaviours of some page count.
func (w *Wanted) below(q int32, end int64) int64 {
	switch {
	case w.Heat != nil:
		to := int64(0)
		for _, cut := range w.Heat {
			at, _ := cut.Below.Get(q)
			to = max(to, at)
		}
		return to
	case w.Offsets != nil:
		to, _ := w.Offsets.Get(q) // a partition that was added later counts from 0 on
		return to
	default:
		return end
	}
}

// since returns the offset of an input partition from which on behaviours of some page count.
func (w *Wanted) since(q int32) int64 {
	if w.Heat == nil {
		since, _ := w.Since.Get(q)
		return since
	}
	since := int64(math.MaxInt64)
	for _, cut := range w.Heat {
		at, _ := cut.Since.Get(q)
		since = min(since, at)
	}
	return since
}

// Key returns the key of the board in the output.
func (w *Wanted) Key() string {
	if of := cmp.Or(w.Group, w.Period); of != "" {
		return w.Definition.Name + "/" + of
	}
	return w.Definition.Name
}

// BoardConfig configures a recount of a board.
type BoardConfig struct {
	// Cluster reaches the brokers. It is not closed.
	Cluster *kafka.Cluster
	// Input is the name of the topic with the behaviours.
	Input string
	// Limits must be those that the input was counted with.
	Limits heat.Limits
	// Wanted is the board.
	Wanted Wanted
	// Forgotten are the pages that were forgotten: their behaviours before do not count. Nil stands for none.
	Forgotten *snapshot.Forgotten
	// MaxPages is the maximum number of pages with behaviours that count: memory grows with them. 0 means
	// DefaultMaxPages.
	MaxPages int
	// Parallel and Progress are as in [Config].
	Parallel int
	Progress snapshot.Progress
}

// RecountedBoard is a board that was counted from the input.
type RecountedBoard struct {
	// Board is the board. It has no version, and no pages' history.
	Board codec.Board
	// Messages is the number of messages that were read, and Invalid that of invalid ones among them.
	Messages, Invalid uint64
	// Elsewhere is the number of valid behaviours among them that are not on the board: of other times,
	// or of pages that it does not have.
	Elsewhere uint64
	// Pages is the number of pages with behaviours that count.
	Pages int
	// Gone are, by partition of the input, the offsets at which it begins: where what the broker has
	// deleted before them might have counted.
	Gone codec.Offsets
}

// ErrTooManyPages is wrapped by the error of [RecountBoard] if more pages than BoardConfig.MaxPages have
// behaviours that count.
var ErrTooManyPages = errors.New("too many pages")

// RecountBoard counts a board from the input alone, with the arithmetic of package boards. The pipeline may
// run in the meantime, or never have known the board.
//
// It reads each partition from the first record that may count, which the broker finds by its timestamp,
// up to the end. Memory grows with the pages that have behaviours that count, and not with messages.
func RecountBoard(ctx context.Context, cfg BoardConfig) (RecountedBoard, error) {
	if cfg.MaxPages <= 0 {
		cfg.MaxPages = DefaultMaxPages
	}
	if cfg.Parallel <= 0 {
		cfg.Parallel = 2 * runtime.GOMAXPROCS(0)
	}
	count, err := newBoardCount(&cfg.Wanted, cfg.MaxPages)
	if err != nil {
		return RecountedBoard{}, err
	}
	input, err := snapshot.LookAt(ctx, cfg.Cluster, cfg.Input)
	if err != nil {
		return RecountedBoard{}, err
	}
	count.input, count.forgotten = input.ID, cfg.Forgotten
	result := RecountedBoard{}
	from, err := cfg.bounds(ctx, &input, count.begins(), &result)
	if err != nil {
		return RecountedBoard{}, err
	}
	total := int64(0)
	for q := range from {
		total += max(0, input.End[q]-from[q])
	}
	read, done := cfg.Progress.Step("recounting the input", total)
	var mu sync.Mutex // guards the result
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(cfg.Parallel)
	for q := range from {
		group.Go(func() error {
			got, err := cfg.partition(reading, count, &input, int32(q), from[q], read)
			mu.Lock()
			defer mu.Unlock()
			result.Messages += got.messages
			result.Invalid += got.invalid
			result.Elsewhere += got.elsewhere
			return err
		})
	}
	err = group.Wait()
	done()
	if err != nil {
		return RecountedBoard{}, err
	}
	result.Elsewhere += count.settle()
	result.Pages = count.pages()
	result.Board = cfg.Wanted.described(count)
	if result.Board.Offsets = cfg.Wanted.Offsets; result.Board.Offsets == nil {
		result.Board.Offsets = codec.NewOffsets(input.End)
	}
	result.Board.Since = cfg.Wanted.Since
	result.Board.Counted, result.Board.Pages, err = count.board(ctx)
	return result, err
}

// bounds finds out, by partition, where to begin, and cuts the ends to the wanted offsets. It notes what is
// gone.
func (cfg *BoardConfig) bounds(ctx context.Context, input *snapshot.Topic, begins boards.Minute, result *RecountedBoard) ([]int64, error) {
	from := append([]int64(nil), input.Start...)
	for q := range from {
		to := cfg.Wanted.below(int32(q), input.End[q])
		if to > input.End[q] {
			return nil, fmt.Errorf("topic %s partition %d ends at offset %d: there is no offset %d to count up to", input.Name, q, input.End[q], to)
		}
		input.End[q] = to
		if begins > 0 {
			at, err := cfg.Cluster.OffsetSince(ctx, input.Name, int32(q), begins.Time())
			if err != nil {
				return nil, err
			}
			from[q] = max(from[q], at)
		}
		from[q] = max(from[q], cfg.Wanted.since(int32(q)))
		if from[q] == input.Start[q] && from[q] > 0 {
			result.Gone = append(result.Gone, codec.PartitionOffset{Partition: int32(q), Offset: from[q]})
		}
	}
	for _, of := range cfg.Wanted.Offsets {
		if int(of.Partition) >= len(from) && of.Offset > 0 {
			return nil, fmt.Errorf("topic %s has no partition %d to count up to offset %d", input.Name, of.Partition, of.Offset)
		}
	}
	return from, nil
}

// boardSums is what the recount of one input partition gives.
type boardSums struct{ messages, invalid, elsewhere uint64 }

// partition counts one input partition.
func (cfg *BoardConfig) partition(ctx context.Context, count *boardCount, input *snapshot.Topic, q int32, from int64, read func(int)) (boardSums, error) {
	var got boardSums
	places := count.places()
	var since, below []int64 // by partition of the heat table
	for _, cut := range cfg.Wanted.Heat {
		first, _ := cut.Since.Get(q)
		end, _ := cut.Below.Get(q)
		since, below = append(since, first), append(below, end)
	}
	err := input.Read(ctx, cfg.Cluster, q, from, input.End[q], func(records []*kafka.Record, next int64) error {
		for _, r := range records {
			got.messages++
			behaviour, refusal := codec.ParseBehaviour(r.Value, cfg.Limits)
			if refusal != nil {
				got.invalid++
				continue
			}
			if below != nil {
				p := topology.Partition(behaviour.Page, len(below))
				if r.Offset < since[p] || r.Offset >= below[p] {
					got.elsewhere++
					continue
				}
			}
			counted, err := count.take(places, boards.MinuteOfMillis(r.Timestamp.UnixMilli()), boardPosition{q, r.Offset}, behaviour)
			if err != nil {
				return err
			}
			if !counted {
				got.elsewhere++
			}
		}
		read(int(next - from))
		from = next
		return nil
	})
	if errors.Is(err, kerr.OffsetOutOfRange) {
		err = fmt.Errorf("%w: the input was deleted while it was read: %w", ErrCannotRecount, err)
	}
	return got, err
}

// described returns what a board's record says of itself.
func (w *Wanted) described(count *boardCount) codec.Board {
	d := w.Definition
	b := codec.Board{Board: w.Key(), Group: w.Group}
	if d.Kind != boards.AllTime {
		b.Kind, b.AsOf = d.Kind.String(), count.asOf.Time()
	}
	if d.Kind == boards.Calendar {
		b.Period = count.counted.PeriodName(count.slot)
		b.Final = w.Period != "" && count.counted.Closes(count.slot) <= count.asOf
	}
	if d.Name != boards.AllTime.String() {
		b.DefinitionHash, b.Definition = d.Hash(), boardsettings.Object(d)
	}
	return b
}
