package store

import (
	"cmp"
	"errors"
	"fmt"
	"sync"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
)

// ErrGap says that a range begins above the partition's progress: behaviours
// between the two never reached the table. The rules of ingest exclude it; the
// check guards against a bug in them. It is permanent: what is missing cannot come later.
var ErrGap = failure.Known("a range is missing", failure.Missing)

// ErrOtherInput says that a range was read from an input topic with another
// topic id than the one this partition has counted so far: the topic was
// deleted and recreated, and its offsets name other messages now.
var ErrOtherInput = failure.Known("the input topic was recreated", failure.Recreated)

// Reread is a part of the input that must be read again before a range is applied: what an
// input partition has at offsets in (From, To].
type Reread struct {
	// Header is the range's. It names the input partition, the limits of valid behaviours, and
	// the heat partition whose pages count.
	Header codec.RangeHeader
	// From and To are offsets of the input partition.
	From, To int64
}

// Sums are sums of behaviours, by page and minute.
type Sums = map[codec.PageMinute]codec.PageSum

// page is one page of the table with what the cache knows of it.
type page struct {
	heat.Page
	state    pageState
	day      codec.Day // of its newest behaviour, 0 if it is not known
	preImage int32     // number of its pre-image, if it changed after the open checkpoint was taken
}

// pageState says where a page stands between two commits.
type pageState uint8

const (
	// dirty: the page is in Partition.dirty.
	dirty pageState = 1 << iota
	// writing: the page is in the open checkpoint, was not handed out yet, and is
	// unchanged since the checkpoint.
	writing
	// held: the page is in diskPages.held.
	held
	// gone: the page was removed. Its totals are zero, and it is not known any more.
	gone
)

// setTotals sets the totals of a page, which is removed if they are zero.
func (pg *page) setTotals(of pages, t heat.Totals) {
	pg.Totals = t
	switch {
	case t.Behaviours == 0 && pg.state&gone == 0:
		pg.state |= gone
		of.removed(pg)
	case t.Behaviours > 0 && pg.state&gone != 0:
		pg.state &^= gone
		of.returned(pg)
	}
}

// mostInputs is the maximum number of input partitions. It bounds the memory that a damaged
// range can make the progress take.
const mostInputs = 1 << 20

// Partition is one partition of the heat table. It belongs to one goroutine at a time, but
// for [Partition.Totals], which any goroutine may call at any time. The methods that goka calls
// during the restore run in its goroutine, and before anything else does.
type Partition struct {
	id    int32
	of    int32
	by    codec.Definition
	batch batch

	mu    sync.Mutex // held while pages are added, change or leave memory
	pages pages
	torn  error // why a range was applied in part

	index  *heat.PageIndex
	top    []*heat.Page
	labels labels

	boards  []*boardTable
	finals  int             // the board whose final boards are sent next
	encoded []encodedStates // that were restored since the last progress

	progress  codec.Progress
	applied   Applied
	forgotten map[codec.PageHash]*codec.Forgotten
	blocked   int              // of them
	taken     []taking         // since the last checkpoint
	deleted   map[string]int64 // keys with a tombstone in the changelog, and its offset, see Deleted
	mended    int              // pages of them that are written again
	sweep     sweep
	started   bool // a progress was applied or restored
	fence     codec.Fence
	fenced    bool
	sum       uint64 // behaviours over all pages

	dirty      []*page
	bytes      int                           // of the names of dirty pages, and of their states
	spare      []*page                       // slice for the pages of the next checkpoint
	preImages  []*[preImageBlock]heat.Totals // blocks for their pre-images
	records    recordArena                   // and chunks for their records
	ahead      bool                          // something was applied since the last checkpoint
	checkpoint *Checkpoint

	offset    int64 // changelog offset of the last record known to be in here
	recovered bool
	failed    error
}

// Config configures a partition.
type Config struct {
	// ID is its number, and Partitions the number of heat partitions.
	ID, Partitions int32
	// Scorer and Top define the leaders: the Top hottest pages by Scorer, heat.DefaultWeights if
	// nil.
	Scorer heat.Scorer
	Top    int
	// Boards are further boards. A partition on disk has none.
	Boards []*boards.Board
	// TurnPages is the number of pages of a board that one call of [Partition.Advance] goes through, and of all pages
	// that one of [Partition.PassOn] does, 1,024 if 0.
	TurnPages int
}

// Applied is what an Apply did.
type Applied struct {
	// Range is the header of the range.
	Range codec.RangeHeader
	// Counted is how many behaviours were new.
	Counted uint64
	// Lost is the maximum number of input messages that were gone before they were counted,
	// and LostFrom the offset of the first.
	Lost, LostFrom int64
	// Blocked is how many behaviours were of pages that are blocked.
	Blocked uint64
	// Begins says that the input partition is new and its messages up to Range.To were
	// gone: they are not lost, the partition begins above them.
	Begins bool
}

// New returns an empty partition in memory. [Disk.New] makes one on disk.
func New(c Config) *Partition {
	where := &memory{table: newTable(), frees: len(c.Boards) == 0}
	p := newPartition(c, where)
	for _, b := range c.Boards {
		p.boards = append(p.boards, newBoardTable(b, where.table, &p.labels, cmp.Or(c.TurnPages, turnPages)))
	}
	return p
}

func newPartition(c Config, where pages) *Partition {
	c.Scorer = cmp.Or[heat.Scorer](c.Scorer, heat.DefaultWeights())
	p := &Partition{id: c.ID, of: c.Partitions, by: codec.Define(c.Scorer, c.Top), pages: where, offset: offsetUnknown}
	p.index = heat.NewIndexBy(heat.By[*heat.Page, heat.Score]{
		Score: func(pg *heat.Page) (heat.Score, bool) { return c.Scorer.Score(&pg.Totals), pg.Totals.Behaviours > 0 },
		Name:  func(pg *heat.Page) string { return pg.Name },
	}, c.Top, where.each)
	where.attach(p.index, &p.labels)
	p.sweep.piece = cmp.Or(c.TurnPages, turnPages)
	return p
}

// ID is the number of the partition.
func (p *Partition) ID() int32 { return p.id }

// Len is the number of pages.
func (p *Partition) Len() int { return p.pages.count() }

// Crowded reports whether dirty pages take enough memory that a checkpoint is due at once. A
// partition in memory, which keeps all pages, is never crowded.
func (p *Partition) Crowded() bool { return p.pages.level() >= levelHigh }

// Full reports whether dirty pages take their maximum of memory: nothing more should be
// applied until the open checkpoint has handed out more records.
func (p *Partition) Full() bool { return p.pages.level() >= levelFull }

// Dirty is the number of dirty pages: those that the next checkpoint would hold.
func (p *Partition) Dirty() int { return len(p.dirty) }

// recordBytes is the approximate size of a changelog record besides the page's name: its
// state, and the overhead of Kafka and its client.
const recordBytes = 100

// DirtyBytes is the approximate size of the records of the next checkpoint.
func (p *Partition) DirtyBytes() int { return p.bytes + recordBytes*len(p.dirty) }

// Ahead reports whether anything was applied that is in no checkpoint yet.
func (p *Partition) Ahead() bool { return p.ahead }

// Clean reports whether everything in memory is known to be in the changelog:
// such a partition may be kept for the next session.
func (p *Partition) Clean() bool { return p.failed == nil && p.checkpoint == nil && !p.ahead }

// Failed is the error after which the partition must be discarded, nil if there was none.
func (p *Partition) Failed() error { return p.failed }

// Progress is how far the partition has read, and whether it has read
// anything yet. The slices belong to the partition.
func (p *Partition) Progress() (codec.Progress, bool) { return p.progress, p.started }

// Fence is the newest fence that the restore has seen, if any.
func (p *Partition) Fence() (codec.Fence, bool) { return p.fence, p.fenced }

// Begin sets the behaviour topic from which a partition starts to count, and its offset there: an
// empty partition, or one whose totals were kept when that topic was deleted.
func (p *Partition) Begin(behavior codec.TopicID, next int64) {
	switch {
	case !p.started:
		p.progress = codec.Progress{Behavior: behavior, Partitions: p.of, Next: next}
		p.started = true
	case p.progress.Behavior.IsZero():
		p.progress.Behavior, p.progress.Next = behavior, next
	}
}

// Rereads returns what of the input must be read again before the range in msg is applied. It
// is nothing unless the range overlaps the progress. Then it is the part that is counted
// already, and after that, where titles of forgotten pages could come back with the range, the rest of it.
func (p *Partition) Rereads(msg []byte) []Reread {
	r, err := codec.ReadRange(msg)
	if err != nil {
		return nil // Apply says what is wrong
	}
	h := r.Header
	if h.Lost || r.Pages == 0 || int(h.Partition) >= len(p.progress.To) || h.Input != p.progress.Input {
		return nil
	}
	done := p.progress.To[h.Partition] // -2 if nothing is known
	if h.From >= done || h.To <= done {
		return nil
	}
	again := []Reread{{Header: h, From: h.From, To: done}}
	if p.staleLabels(&r, done) != nil {
		again = append(again, Reread{Header: h, From: done, To: h.To})
	}
	return again
}

// Apply applies the range in msg, the record at the given offset of the
// behaviour topic. A range wholly at or below the progress is dropped; if one
// overlaps the progress, the part counted before is subtracted: again has the sums of the
// valid behaviours of each of [Partition.Rereads], and is not kept.
// It returns how many behaviours were new. After an error the partition must be
// discarded, and another restored.
func (p *Partition) Apply(msg []byte, offset int64, again ...Sums) (uint64, error) {
	if p.failed != nil {
		return 0, p.failed
	}
	r, err := codec.ReadRange(msg)
	if err != nil {
		return 0, p.fail(fmt.Errorf("reading a range: %w", err))
	}
	h := r.Header
	p.applied = Applied{Range: h}
	if h.Targets != p.of {
		return 0, p.fail(fmt.Errorf("a range of input partition %d up to offset %d: %w", h.Partition, h.To, codec.OtherPartitions(h.Targets, p.of)))
	}
	if h.Target != p.id {
		return 0, p.fail(fmt.Errorf("%w: a range for heat partition %d is in partition %d", codec.ErrMalformed, h.Target, p.id))
	}
	if h.Partition >= mostInputs {
		return 0, p.fail(fmt.Errorf("%w: a range of input partition %d, and there can be %d", codec.ErrMalformed, h.Partition, mostInputs))
	}
	if p.progress.Input == (codec.TopicID{}) {
		p.progress.Input = h.Input
	}
	if p.progress.Input != h.Input {
		return 0, p.fail(fmt.Errorf("%w: its topic id was %s and is %s", ErrOtherInput, p.progress.Input, h.Input))
	}
	to := p.to(h.Partition)
	known, done := *to != codec.Unknown, max(*to, -1)
	p.progress.Next = offset + 1
	p.ahead = true
	if !known {
		*to = -1
	}
	switch {
	case h.From > done:
		return 0, p.fail(fmt.Errorf("%w: input partition %d was counted up to offset %d, the next range begins after %d",
			ErrGap, h.Partition, done, h.From))
	case h.To <= done:
		return 0, nil
	case h.Lost && !known:
		// These messages were never part of the input for this table: it begins here.
		p.applied.Begins = true
		p.progress.Begin[h.Partition], *to = h.To+1, h.To
		return 0, nil
	case h.Lost:
		p.applied.Lost, p.applied.LostFrom = h.To-done, done+1
		p.progress.Lost[h.Partition] += uint64(h.To - done)
		*to = h.To
		return 0, nil
	}
	var before Sums
	var labels map[codec.PageMinute]*codec.StampedLabel
	if h.From < done && r.Pages > 0 {
		if before, labels, err = p.overlap(r, done, again); err != nil {
			return 0, p.fail(fmt.Errorf("applying offsets (%d, %d] of input partition %d, which is counted up to offset %d: %w",
				h.From, h.To, h.Partition, done, err))
		}
	}
	n, err := p.add(&r, before, labels)
	if err != nil {
		return 0, p.fail(fmt.Errorf("applying offsets (%d, %d] of input partition %d: %w", h.From, h.To, h.Partition, err))
	}
	*to = h.To
	p.progress.Counted += n
	p.applied.Counted = n
	return n, nil
}

// errNotReread says that Apply did not get what Rereads asks for, which is a bug of its caller.
var errNotReread = errors.New("the part that is counted was not read again")

// overlap returns what of a range was counted before, and the labels that take the place of its own.
func (p *Partition) overlap(r codec.RangeReader, done int64, again []Sums) (Sums, map[codec.PageMinute]*codec.StampedLabel, error) {
	if len(again) == 0 {
		return nil, nil, errNotReread
	}
	labels := p.staleLabels(&r, done)
	if labels != nil && len(again) < 2 {
		return nil, nil, errNotReread
	}
	for of := range labels {
		labels[of] = again[1][of].Label
	}
	return again[0], labels, nil
}

// Applied is what the last Apply did.
func (p *Partition) Applied() Applied { return p.applied }

// add adds every page's sum of the range, less what was counted before. It takes labels in the place of those of the range.
func (p *Partition) add(r *codec.RangeReader, before Sums, labels map[codec.PageMinute]*codec.StampedLabel) (n uint64, err error) {
	p.mu.Lock()
	defer func() {
		p.torn = err
		p.mu.Unlock()
	}()
	b := &p.batch
	for more := true; more; {
		if more, err = b.read(r); err != nil {
			return 0, err
		}
		if err := b.subtract(before); err != nil {
			return 0, err
		}
		b.relabel(labels)
		if err := p.pages.fill(b, p.blocks()); err != nil {
			return 0, err
		}
		if p.blocked > 0 {
			p.applied.Blocked += b.leaveOut()
		}
		for i := range b.size {
			t := &b.totals[i]
			n += t.Behaviours
			day := b.pages[i].day
			if p.progress.Days != nil {
				day = p.visit(b.pages[i], b.minutes[i])
			}
			b.dirtied[i] = p.change(b.pages[i], t, day)
			if b.labels[i] != nil {
				p.bytes += p.labels.offer(&b.pages[i].Page, b.labels[i]) // the page is dirty
			}
		}
		for _, on := range p.boards {
			p.bytes += on.addAll(b)
		}
	}
	if p.sum += n; p.sum >= codec.MaxNumber {
		return 0, fmt.Errorf("%w: the pages hold %d behaviours", codec.ErrMalformed, p.sum)
	}
	return n, p.pages.err()
}

// change adds t to a page's totals and sets its day. It reports whether the page is dirty from now on.
func (p *Partition) change(pg *page, t *heat.Totals, day codec.Day) (dirtied bool) {
	if pg.state&writing != 0 {
		p.checkpoint.preserve(pg)
	}
	if pg.state&dirty == 0 {
		pg.state |= dirty
		p.dirty = append(p.dirty, pg)
		p.bytes += len(pg.Name) + sizeOf(p.labels.get(&pg.Page))
		dirtied = true
	}
	if pg.state&gone != 0 {
		pg.state &^= gone
		p.pages.returned(pg)
	}
	pg.Totals.Add(t)
	pg.day = day
	p.index.Changed(&pg.Page)
	return dirtied
}

// to is the progress in one input partition.
func (p *Partition) to(input int32) *int64 {
	for int(input) >= len(p.progress.To) {
		p.progress.To = append(p.progress.To, codec.Unknown)
		p.progress.Begin = append(p.progress.Begin, 0)
		p.progress.Lost = append(p.progress.Lost, 0)
	}
	return &p.progress.To[input]
}

// Leaders are the partition's hottest pages, in order, with how far it has
// read. They share nothing with the partition that changes later, except To, Begin
// and Lost, which must be encoded before the next Apply.
func (p *Partition) Leaders(into *codec.Leaders) {
	p.top = p.index.Top(p.top[:0])
	into.Partition, into.Progress, into.Definition = p.id, p.progress, p.by
	into.Partitions = p.of
	into.Pages = into.Pages[:0]
	for _, pg := range p.top {
		into.Pages = append(into.Pages, codec.Leader{Page: pg.Name, Totals: pg.Totals})
	}
	into.Progress.Boards, into.Boards = nil, into.Boards[:0]
	for _, pg := range p.top {
		p.labels.show(pg)
	}
	for _, t := range p.boards {
		into.Boards = t.leaders(into.Boards)
	}
	into.Boards = p.finalLeaders(into.Boards)
	into.Labels = p.labels.takeShown()
}

// Totals are one page's totals, and whether the page is known: what has been applied or
// restored so far, in whole ranges. Any goroutine may call it, and waits for the range that is
// being applied at most. A partition that has failed or was discarded still answers if its pages
// can be read and are right.
func (p *Partition) Totals(name string) (heat.Totals, bool, error) {
	s, ok, err := p.Page(name)
	return s.Totals, ok, err
}

// Page is [Partition.Totals] with the label of the page. Its Boards are not set.
func (p *Partition) Page(name string) (codec.PageState, bool, error) {
	p.mu.Lock()
	s, ok := p.pages.inMemory(name)
	torn := p.torn
	p.mu.Unlock()
	if torn != nil {
		return codec.PageState{}, false, torn
	}
	if ok {
		return s, s.Totals.Behaviours > 0, nil
	}
	// A page leaves memory after its state is on disk, so disk is not behind.
	return p.pages.onDisk(name)
}

// Discard frees what the partition takes outside of memory. It must be called for a
// partition on disk that is not kept, and may be called again. The partition must not be
// used afterwards. The error is for the log: nothing is lost.
func (p *Partition) Discard() error {
	if p.failed == nil {
		p.failed = errDiscarded
	}
	return p.pages.discard()
}

// errDiscarded is the failure of a partition that was given up.
var errDiscarded = errors.New("the partition was discarded")

func (p *Partition) fail(err error) error {
	p.failed = err
	return err
}
