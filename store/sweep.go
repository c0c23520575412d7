package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"pageheat/boards"
	"pageheat/codec"
)

// sweep is how far a partition is in dropping the pages that had no behaviour for a time.
//
// The pages are dropped all together, by a record that one commit writes: see [Partition.Sweep]. Which they are follows
// from their days, so a partition that is restored after it knows them. Their removal from the table and from memory
// comes after that, in pieces, and with ordinary commits.
type sweep struct {
	kept   map[string]*codec.Sweep // by key: those of the table
	before codec.Day               // the latest day of kept
	writes []*codec.Sweep          // with the next checkpoint

	newest  codec.Day // of a behaviour that was counted since the partition was made
	found   codec.Day // 0, or the day for which a page was found that is to be dropped
	sought  codec.Day // the last day that was looked for
	seeking bool      // for sought
	at      cursor    // of the pass over all pages that is under way
	passing bool      // it removes pages
	piece   int       // pages in a part of it
	dropped uint64    // pages, since the partition was made
}

// cursor is how far a pass over all pages is.
type cursor struct {
	number   uint32 // of the last page in a table in memory
	resident bool   // the pages of a partition on disk that are in memory were passed
	name     string // and the last one of those on disk alone
	stopped  bool   // at a page that is to be dropped
}

// take drops a page if it has a day before another one. If drop is nil, it reports whether it has.
func (c *cursor) take(pg *page, before codec.Day, drop func(*page)) (stop bool) {
	switch {
	case pg.Totals.Behaviours == 0 || pg.day >= before:
		return false
	case drop == nil:
		c.stopped = true
		return true
	}
	drop(pg)
	return false
}

// errSweepOpen says that pages were to be dropped while a checkpoint is open.
var errSweepOpen = errors.New("pages cannot be dropped while a checkpoint is open")

// KeepDays makes the partition keep the days of behaviours from now on, for ever, if it does not yet. Which day the
// newest behaviour of a page has that was counted before is not known: no page is dropped before all of these have had
// their time. It must be called before anything is applied in a session, and after [Partition.Begin].
func (p *Partition) KeepDays(now time.Time) {
	if p.progress.Days != nil || p.failed != nil {
		return
	}
	days := &codec.DaysProgress{Swept: true}
	if p.sum > 0 || p.pages.count() > 0 {
		days.From, days.Since = slices.Clone(p.progress.To), codec.DayOf(boards.MinuteOf(now))
	}
	p.progress.Days = days
}

// sweepsTo returns the day for which pages are to be dropped, those with earlier days, if the last behaviour may be a number of days
// back; 0 if none are. The clock alone does not tell: one that is ahead would empty the table. So a behaviour must have come
// on the day that it shows. Pages that boards still count remain, whatever the clocks of their owners.
func (p *Partition) sweepsTo(now time.Time, days int) codec.Day {
	progress := p.progress.Days
	if progress == nil || p.failed != nil {
		return 0
	}
	to := int64(min(codec.DayOf(boards.MinuteOf(now)), p.sweep.newest)) - int64(days)
	for _, t := range p.boards {
		to = min(to, int64(codec.DayOf(t.board.Begins(t.board.Held(t.asOf)))))
	}
	if to <= int64(max(progress.Since, progress.Before, p.sweep.before)) {
		return 0
	}
	return codec.Day(to)
}

// SeekSweep begins to look for pages without a behaviour for a number of days, as of a time, unless that was done for
// its day. It reports whether [Partition.PassOn] has something to do.
func (p *Partition) SeekSweep(now time.Time, days int) bool {
	s := &p.sweep
	if s.seeking || s.passing || s.found > 0 {
		return true
	}
	if to := p.sweepsTo(now, days); to > s.sought {
		s.seeking, s.sought, s.at = true, to, cursor{}
	}
	return s.seeking
}

// PassOn goes through the next of all pages: it looks for one that is to be dropped, or removes those that are. More is
// false when it has come to the end. Changed says that it has removed a page.
func (p *Partition) PassOn() (changed, more bool, err error) {
	s := &p.sweep
	if p.failed != nil || !s.seeking && !s.passing {
		return false, false, p.failed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before, drop := p.progress.Days.Before, func(pg *page) {
		p.drop(pg)
		s.dropped++
		changed, p.ahead = true, true
	}
	if s.seeking {
		before, drop = s.sought, nil
	}
	done, err := p.pages.pass(&s.at, s.piece, before, drop)
	if err != nil {
		return changed, false, p.fail(fmt.Errorf("dropping pages: %w", err))
	}
	switch {
	case s.seeking && done && s.at.stopped:
		s.seeking, s.found = false, s.sought
	case s.seeking && done:
		s.seeking = false
	case done:
		s.passing, p.ahead = false, true
		swept := *p.progress.Days
		swept.Swept = true
		p.progress.Days = &swept
	}
	return changed, s.seeking || s.passing, nil
}

// Found reports whether pages are to be dropped: [Partition.Sweep] does it.
func (p *Partition) Found() bool { return p.sweep.found > 0 }

// Sweep drops the pages that were found to have had no behaviour for long enough: what was counted of them counts no
// more, from the next checkpoint on, and what is counted later starts at zero. No checkpoint may be open, and one must
// be taken at once, before leaders are sent. [Partition.PassOn] removes the pages after that.
func (p *Partition) Sweep(now time.Time) error {
	s := &p.sweep
	switch {
	case p.failed != nil:
		return p.failed
	case p.checkpoint != nil:
		return p.fail(errSweepOpen)
	case s.found == 0:
		return nil
	}
	days := *p.progress.Days
	days.Before, days.Swept = s.found, false
	p.progress.Days = &days
	p.progress.Forget.Taken++
	record := &codec.Sweep{Number: p.progress.Forget.Taken, Partitions: p.of, Partition: p.id, Before: days.Before, SweptAt: now.UnixMilli(),
		Input: p.progress.Input, From: slices.Clone(days.From), To: slices.Clone(p.progress.To)}
	p.keepSweep(record)
	s.writes = append(s.writes, record)
	s.found, s.passing, s.at = 0, true, cursor{}
	p.ahead = true
	return nil
}

// StartSweeps begins a session. It reports whether pages that an owner before has dropped are not all removed yet:
// [Partition.PassOn] does it, and leaders must not be sent before, since those of that owner may have been without these
// pages.
func (p *Partition) StartSweeps() (unswept bool) {
	s, days := &p.sweep, p.progress.Days
	s.seeking, s.sought, s.found, s.at = false, 0, 0, cursor{}
	s.passing = days != nil && !days.Swept
	return s.passing
}

// Dropped is the number of pages that were removed since the partition was made because they had no behaviour for a time.
func (p *Partition) Dropped() uint64 { return p.sweep.dropped }

// Requests is the number of requests to forget pages that were taken in.
func (p *Partition) Requests() uint64 { return p.progress.Forget.Taken - uint64(len(p.sweep.kept)) }

// keepSweep keeps what the table has of a sweep.
func (p *Partition) keepSweep(s *codec.Sweep) {
	if p.sweep.kept == nil {
		p.sweep.kept = make(map[string]*codec.Sweep)
	}
	p.sweep.kept[s.Key()] = s
	p.sweep.before = max(p.sweep.before, s.Before)
}

// restoreSweep takes what the changelog has of a sweep.
func (p *Partition) restoreSweep(key string, value []byte) error {
	s, err := codec.DecodeSweep(value)
	if err != nil {
		return err
	}
	if s.Key() != key {
		return fmt.Errorf("%w: it is that with the key %s", codec.ErrMalformed, s.Key())
	}
	delete(p.deleted, key) // it was written again
	p.keepSweep(s)
	return nil
}

// sweptAway reports whether a behaviour at an offset of an input partition may be one of a page that was dropped.
func (p *Partition) sweptAway(partition int32, offset int64) bool {
	for _, s := range p.sweep.kept {
		if s.Covers(p.progress.Input, partition, offset) {
			return true
		}
	}
	return false
}

// visit prepares a page for a behaviour of a minute: one that is dropped, and not removed yet, starts at zero. It
// returns the day that the page has then. The partition's lock is held.
func (p *Partition) visit(pg *page, minute boards.Minute) codec.Day {
	days := p.progress.Days
	if pg.Totals.Behaviours > 0 && days.Dropped(pg.day) {
		p.drop(pg)
		p.sweep.dropped++
	}
	day := codec.DayOf(minute)
	p.sweep.newest = max(p.sweep.newest, day)
	return max(pg.day, day, days.Before)
}
