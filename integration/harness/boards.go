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

// Covers reports whether every message before the ends is in the board.
func (b *Board) Covers(ends Ends) bool {
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
	client *kgo.Client
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	newest  *Board
	seen    []*Board // those that were newer than all before, without their pages
	wrong   []string
	older   int // boards with a version that is not greater than one before
	changed chan struct{}
}

// FollowBoards begins to follow an output topic, over a client with more options. Close
// must be called.
func FollowBoards(topic string, opts ...kgo.Opt) (*Boards, error) {
	client, err := kgo.NewClient(append(opts, kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.MetadataMinAge(100*time.Millisecond))...)
	if err != nil {
		return nil, fmt.Errorf("making a client that reads %s: %w", topic, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &Boards{client: client, cancel: cancel, done: make(chan struct{}), changed: make(chan struct{})}
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

// Close ends the following.
func (b *Boards) Close() {
	b.cancel()
	<-b.done
	b.client.Close()
}

// Follow begins to follow the site's output. It ends with the test.
func (s *Site) Follow() *Boards {
	s.t.Helper()
	b, err := FollowBoards(s.Output, s.Cluster.Connect()...)
	s.must(err, "following the boards")
	s.t.Cleanup(b.Close)
	return b
}

// take judges a record and keeps it if it is the newest.
func (b *Boards) take(r *kgo.Record, came time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := &Board{Value: r.Value, Came: came}
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
	b.newest = next
	kept := *next
	kept.Pages, kept.Value = nil, nil // of a hundred boards a second
	b.seen = append(b.seen, &kept)
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

// Seen are the boards that were newer than all before them, in order, without their
// pages and values.
func (b *Boards) Seen() []*Board {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clip(b.seen)
}

// Count is how many boards were newer than those before them.
func (b *Boards) Count() int { return len(b.Seen()) }

// LongestPause is the longest time without a new board.
func (b *Boards) LongestPause(from, to time.Time) time.Duration {
	longest := time.Duration(0)
	for _, p := range b.Pauses(from, to, 0) {
		longest = max(longest, p.Took)
	}
	return longest
}

// Pause is a time without a new board.
type Pause struct {
	From time.Time
	Took time.Duration
}

// Pauses are the times without a new board that took longer than the given one.
func (b *Boards) Pauses(from, to time.Time, longerThan time.Duration) []Pause {
	var arrived []time.Time
	for _, board := range b.Seen() {
		arrived = append(arrived, board.Came)
	}
	return pauses(arrived, from, to, longerThan)
}

// LongestStall is the longest time in which the boards did not get on in some
// partition of the input. Boards may come meanwhile, with what others have read.
func (b *Boards) LongestStall(from, to time.Time) time.Duration {
	rises := make(map[string][]time.Time) // when an offset rose, by input partition
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

// pauses are the times without any of the events that took longer than the given one.
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

// Wait waits for a board that match accepts, beginning with the newest.
func (b *Boards) Wait(ctx context.Context, match func(*Board) bool) (*Board, error) {
	return b.wait(ctx, func(newest *Board, _ []*Board) *Board {
		if newest != nil && match(newest) {
			return newest
		}
		return nil
	})
}

// First waits for the first board of all that match accepts. It has neither pages nor
// a value.
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

// WaitFor waits for a board that every message before the ends is in.
func (b *Boards) WaitFor(ctx context.Context, ends Ends) (*Board, error) {
	board, err := b.Wait(ctx, func(b *Board) bool { return b.Covers(ends) })
	if err != nil {
		return nil, fmt.Errorf("up to %v of the input: %w", ends, err)
	}
	return board, nil
}
