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
)

// Page is a page as shown, on the board or alone. Decimals are kept as text.
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

	// Value is the record's value, and Came the time it was read.
	Value []byte    `json:"-"`
	Came  time.Time `json:"-"`
}

// Covers reports whether the board includes every message before the ends.
func (b *Board) Covers(ends Ends) bool {
	for partition, end := range ends {
		if end > 0 && b.Offsets[strconv.Itoa(int(partition))] < end {
			return false
		}
	}
	return true
}

// allTime is the name of the board that is followed.
const allTime = "all-time"

// Boards follows the board all-time in the output topic from its start. It is safe for concurrent use.
type Boards struct {
	client *kgo.Client
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	newest  *Board
	seen    []*Board // those newer than all before, without their pages
	wrong   []string
	further map[string][]*Board // by name, without their pages
	older   int                 // number of boards whose version was not greater than an earlier one
	changed chan struct{}
}

// FollowBoards starts to follow an output topic, with additional client options. The caller
// calls Close.
func FollowBoards(topic string, opts ...kgo.Opt) (*Boards, error) {
	client, err := kgo.NewClient(append(opts, kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.MetadataMinAge(100*time.Millisecond))...)
	if err != nil {
		return nil, fmt.Errorf("making a client that reads %s: %w", topic, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &Boards{client: client, cancel: cancel, done: make(chan struct{}), changed: make(chan struct{}), further: map[string][]*Board{}}
	go func() {
		defer close(b.done)
		for ctx.Err() == nil {
			fetches := client.PollFetches(ctx)
			came := time.Now()
			fetches.EachRecord(func(r *kgo.Record) { b.take(r, came) })
		}
	}()
	return b, nil
}

// Close stops following.
func (b *Boards) Close() {
	b.cancel()
	<-b.done
	b.client.Close()
}

// Follow starts to follow the site's output, until the end of the test.
func (s *Site) Follow() *Boards {
	s.t.Helper()
	b, err := FollowBoards(s.Output, s.Cluster.Connect()...)
	s.must(err, "following the boards")
	s.t.Cleanup(b.Close)
	return b
}

// take checks a record and keeps it if it is the newest.
func (b *Boards) take(r *kgo.Record, came time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(r.Value) == 0 && string(r.Key) != allTime {
		return // the board of a period that is not kept
	}
	next := &Board{Value: r.Value, Came: came}
	if err := json.Unmarshal(r.Value, next); err != nil {
		b.wrong = append(b.wrong, fmt.Sprintf("offset %d is no board: %v: %q", r.Offset, err, r.Value))
		return
	}
	if string(r.Key) != next.Board {
		b.wrong = append(b.wrong, fmt.Sprintf("offset %d: board %q has key %q", r.Offset, next.Board, r.Key))
	}
	if next.Board != allTime {
		next.Pages, next.Value = nil, nil
		b.further[next.Board] = append(b.further[next.Board], next)
		close(b.changed)
		b.changed = make(chan struct{})
		return
	}
	if b.newest != nil {
		if next.Version <= b.newest.Version {
			b.older++
			return
		}
		b.wrong = append(b.wrong, wentBack(b.newest, next)...)
	}
	b.newest = next
	kept := *next
	kept.Pages, kept.Value = nil, nil // of a hundred boards a second
	b.seen = append(b.seen, &kept)
	close(b.changed)
	b.changed = make(chan struct{})
}

// wentBack describes what a later board takes back from an earlier one.
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

// Newest returns the newest board, nil before the first.
func (b *Boards) Newest() *Board {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.newest
}

// Covering waits until a board beside all-time includes every message before the ends, and returns all boards of its
// name, without their pages.
func (b *Boards) Covering(ctx context.Context, name string, ends Ends) ([]*Board, error) {
	for {
		b.mu.Lock()
		seen, changed := slices.Clone(b.further[name]), b.changed
		b.mu.Unlock()
		if len(seen) > 0 && seen[len(seen)-1].Covers(ends) {
			return seen, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for board %s with all messages: %w", name, context.Cause(ctx))
		}
	}
}

// Wrong lists violations: a record that is not a board, or a count or an offset that went back.
func (b *Boards) Wrong() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.wrong)
}

// Older is the number of boards whose version was not greater than an earlier one: only an
// instance that was frozen may publish one.
func (b *Boards) Older() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.older
}

// Seen returns the boards that were newer than all before them, in order, without their pages
// and values.
func (b *Boards) Seen() []*Board {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clip(b.seen)
}

// Count is the number of boards that were newer than those before them.
func (b *Boards) Count() int { return len(b.Seen()) }

// LongestPause is the longest time without a new board.
func (b *Boards) LongestPause(from, to time.Time) time.Duration {
	longest := time.Duration(0)
	for _, p := range b.Pauses(from, to, 0) {
		longest = max(longest, p.Took)
	}
	return longest
}

// Pause is a period without a new board.
type Pause struct {
	From time.Time
	Took time.Duration
}

// Pauses returns the periods without a new board that were longer than the given duration.
func (b *Boards) Pauses(from, to time.Time, longerThan time.Duration) []Pause {
	var arrived []time.Time
	for _, board := range b.Seen() {
		arrived = append(arrived, board.Came)
	}
	return pauses(arrived, from, to, longerThan)
}

// LongestStall is the longest period without progress of the boards in some partition of the
// input. Boards may arrive in the meantime, with progress in other partitions.
func (b *Boards) LongestStall(from, to time.Time) time.Duration {
	rises := make(map[string][]time.Time) // when an offset increased, by input partition
	last := make(map[string]int64)
	for i, board := range b.Seen() {
		for partition, offset := range board.Offsets {
			if i == 0 || offset > last[partition] {
				rises[partition] = append(rises[partition], board.Came)
			}
			last[partition] = offset
		}
	}
	longest := time.Duration(0)
	for _, times := range rises {
		for _, p := range pauses(times, from, to, 0) {
			longest = max(longest, p.Took)
		}
	}
	return longest
}

// pauses returns the periods without an event that were longer than the given duration.
func pauses(events []time.Time, from, to time.Time, longerThan time.Duration) []Pause {
	var all []Pause
	last := from
	for _, at := range append(slices.Clone(events), to) {
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

// Wait waits for a board that match accepts, starting with the newest.
func (b *Boards) Wait(ctx context.Context, match func(*Board) bool) (*Board, error) {
	return b.wait(ctx, func(newest *Board, _ []*Board) *Board {
		if newest != nil && match(newest) {
			return newest
		}
		return nil
	})
}

// First waits for the first of all boards that match accepts. It has no pages and no value.
func (b *Boards) First(ctx context.Context, match func(*Board) bool) (*Board, error) {
	looked := 0
	return b.wait(ctx, func(_ *Board, seen []*Board) *Board {
		for ; looked < len(seen); looked++ {
			if match(seen[looked]) {
				return seen[looked]
			}
		}
		return nil
	})
}

// wait calls look after each change, until it returns a board.
func (b *Boards) wait(ctx context.Context, look func(newest *Board, seen []*Board) *Board) (*Board, error) {
	for {
		b.mu.Lock()
		newest, seen, changed := b.newest, b.seen, b.changed
		b.mu.Unlock()
		if found := look(newest, seen); found != nil {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if newest == nil {
				return nil, fmt.Errorf("waiting for a board: %w; none came", context.Cause(ctx))
			}
			return nil, fmt.Errorf("waiting for a board: %w; the newest: %s", context.Cause(ctx), newest.Value)
		}
	}
}

// WaitFor waits for a board that includes every message before the ends.
func (b *Boards) WaitFor(ctx context.Context, ends Ends) (*Board, error) {
	board, err := b.Wait(ctx, func(b *Board) bool { return b.Covers(ends) })
	if err != nil {
		return nil, fmt.Errorf("up to %v of the input: %w", ends, err)
	}
	return board, nil
}
