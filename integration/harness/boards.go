package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/kafkatest"
)

// Page is a page as it is shown, on the board or alone. Decimals are kept as they
// were written.
type Page struct {
	Rank         int         `json:"rank"`
	PreviousRank int         `json:"previous_rank"`
	RankSince    string      `json:"rank_since"`
	Page         string      `json:"page"`
	Heat         json.Number `json:"heat"`
	Clicks       json.Number `json:"clicks"`
	Minutes      json.Number `json:"minutes"`
	Likes        json.Number `json:"likes"`
	Behaviours   json.Number `json:"behaviours"`
}

// Board is a record of the output topic.
type Board struct {
	Board     string           `json:"board"`
	Version   uint64           `json:"version"`
	UpdatedAt string           `json:"updated_at"`
	Counted   int64            `json:"counted"`
	Offsets   map[string]int64 `json:"offsets"`
	Pages     []Page           `json:"pages"`

	// Value is the record's value, and Came when it was read.
	Value []byte    `json:"-"`
	Came  time.Time `json:"-"`
}

// covers reports whether every message before the ends is in the board.
func (b *Board) covers(ends Ends) bool {
	for partition, end := range ends {
		if end > 0 && b.Offsets[strconv.Itoa(int(partition))] < end {
			return false
		}
	}
	return true
}

// Boards follows the output topic from its beginning. It may be used by several
// goroutines.
type Boards struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	newest  *Board
	count   int
	wrong   []string
	older   int // boards with a version that is not greater than one before
	arrived []time.Time
	rises   map[string][]time.Time // when an offset rose, by input partition
	changed chan struct{}
}

// Follow begins to follow the site's output. It ends with the test.
func (s *Site) Follow() *Boards {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b := &Boards{cancel: cancel, done: make(chan struct{}), changed: make(chan struct{}), rises: map[string][]time.Time{}}
	client := kafkatest.Client(s.t, s.Cluster, kgo.ConsumeTopics(s.Output),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.MetadataMinAge(100*time.Millisecond))
	go func() {
		defer close(b.done)
		for ctx.Err() == nil {
			fetches := client.PollFetches(ctx)
			fetches.EachRecord(func(r *kgo.Record) { b.take(r) })
		}
	}()
	s.t.Cleanup(func() {
		cancel()
		<-b.done
	})
	return b
}

// take judges a record and keeps it if it is the newest.
func (b *Boards) take(r *kgo.Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := &Board{Value: r.Value, Came: time.Now()}
	if err := json.Unmarshal(r.Value, next); err != nil {
		b.wrong = append(b.wrong, fmt.Sprintf("offset %d is no board: %v: %q", r.Offset, err, r.Value))
		return
	}
	if string(r.Key) != next.Board {
		b.wrong = append(b.wrong, fmt.Sprintf("offset %d: board %q has key %q", r.Offset, next.Board, r.Key))
	}
	if b.newest != nil {
		if next.Version <= b.newest.Version {
			b.older++
			return
		}
		b.wrong = append(b.wrong, wentBack(b.newest, next)...)
	}
	for partition, offset := range next.Offsets {
		if b.newest == nil || offset > b.newest.Offsets[partition] {
			b.rises[partition] = append(b.rises[partition], next.Came)
		}
	}
	b.newest = next
	b.count++
	b.arrived = append(b.arrived, next.Came)
	close(b.changed)
	b.changed = make(chan struct{})
}

// wentBack says what a later board takes back of an earlier one.
func wentBack(earlier, later *Board) []string {
	var wrong []string
	if later.Counted < earlier.Counted {
		wrong = append(wrong, fmt.Sprintf("version %d counts %d behaviours, version %d before it %d", later.Version, later.Counted, earlier.Version, earlier.Counted))
	}
	for _, partition := range slices.Sorted(maps.Keys(earlier.Offsets)) {
		if later.Offsets[partition] < earlier.Offsets[partition] {
			wrong = append(wrong, fmt.Sprintf("version %d has read input partition %s up to offset %d, version %d before it %d",
				later.Version, partition, later.Offsets[partition], earlier.Version, earlier.Offsets[partition]))
		}
	}
	return wrong
}

// Newest is the newest board, nil before the first.
func (b *Boards) Newest() *Board {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.newest
}

// Wrong is what was seen that must not be: something that is no board, a count or
// an offset that goes back.
func (b *Boards) Wrong() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.wrong)
}

// Older is how many boards had a version that was not greater than one before
// them: only an instance that was frozen may let one out.
func (b *Boards) Older() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.older
}

// Count is how many boards were newer than those before them.
func (b *Boards) Count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

// LongestPause is the longest time without a new board.
func (b *Boards) LongestPause(from, to time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return longestPause(b.arrived, from, to)
}

// Pause is a time without a new board.
type Pause struct {
	From time.Time
	Took time.Duration
}

// Pauses are the times without a new board that took longer than the given one.
func (b *Boards) Pauses(from, to time.Time, longerThan time.Duration) []Pause {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Pause
	last := from
	for _, at := range append(slices.Clone(b.arrived), to) {
		if at.Before(from) || at.After(to) {
			continue
		}
		if at.Sub(last) > longerThan {
			all = append(all, Pause{last, at.Sub(last)})
		}
		last = at
	}
	return all
}

// LongestStall is the longest time in which the boards did not get on in some
// partition of the input. Boards may come meanwhile, with what others have read.
func (b *Boards) LongestStall(from, to time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	longest := time.Duration(0)
	for _, rises := range b.rises {
		longest = max(longest, longestPause(rises, from, to))
	}
	return longest
}

// longestPause is the longest time without any of the events.
func longestPause(events []time.Time, from, to time.Time) time.Duration {
	longest, last := time.Duration(0), from
	for _, at := range events {
		if at.After(from) && at.Before(to) {
			longest, last = max(longest, at.Sub(last)), at
		}
	}
	return max(longest, to.Sub(last))
}

// Wait waits for a board that match accepts, beginning with the newest.
func (b *Boards) Wait(ctx context.Context, match func(*Board) bool) (*Board, error) {
	for {
		b.mu.Lock()
		newest, changed := b.newest, b.changed
		b.mu.Unlock()
		if newest != nil && match(newest) {
			return newest, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if newest == nil {
				return nil, fmt.Errorf("waiting for a board: %w; none came", ctx.Err())
			}
			return nil, fmt.Errorf("waiting for a board: %w; the newest: %s", ctx.Err(), newest.Value)
		}
	}
}

// WaitFor waits for a board that every message before the ends is in.
func (b *Boards) WaitFor(ctx context.Context, ends Ends) (*Board, error) {
	board, err := b.Wait(ctx, func(b *Board) bool { return b.covers(ends) })
	if err != nil {
		return nil, fmt.Errorf("up to %v of the input: %w", ends, err)
	}
	return board, nil
}
