package store

import (
	"errors"
	"fmt"
	"slices"

	"pageheat/codec"
	"pageheat/heat"
)

// taking is a request to forget a page that was taken in, with what the table keeps of the page.
type taking struct {
	request   *codec.Forget // nil if only the record is written again
	hash      codec.PageHash
	forgotten *codec.Forgotten
}

// errCheckpointOpen says that a page was to be forgotten while a checkpoint is open.
var errCheckpointOpen = errors.New("a page cannot be forgotten while a checkpoint is open")

// Forget takes a request in, the record at an offset of the forget topic with an id: the page is gone at once, and
// what is counted of it from now on starts at zero, or not at all if it is blocked. No checkpoint may be open, and
// one must be taken before leaders are sent: what they show must not come back after a crash. A request that was
// taken in before changes nothing. After an error the partition must be discarded.
func (p *Partition) Forget(r *codec.Forget, topic codec.TopicID, offset int64) error {
	switch {
	case p.failed != nil:
		return p.failed
	case p.checkpoint != nil:
		return p.fail(errCheckpointOpen)
	}
	p.ahead = true
	forget := &p.progress.Forget
	forget.Topic, forget.Next = topic, offset+1
	if before := p.forgotten[r.Hash]; before != nil && before.ID == r.ID {
		p.taken = append(p.taken, taking{r.Taken(before.Number), r.Hash, before})
		return nil
	}
	name, err := p.nameOf(r)
	if err == nil && name != "" {
		err = p.remove(name)
	}
	if err != nil {
		return p.fail(fmt.Errorf("forgetting a page: %w", err))
	}
	forget.Taken++
	f := &codec.Forgotten{ID: r.ID, Number: forget.Taken, Placed: r.Placed, Blocked: r.Block, RequestedAt: r.RequestedAt,
		Input: p.progress.Input, To: slices.Clone(p.progress.To)}
	p.setForgotten(r.Hash, f)
	p.taken = append(p.taken, taking{r.Taken(f.Number), r.Hash, f})
	return nil
}

// SkipForget passes over a record of the forget topic that is no request for this partition.
func (p *Partition) SkipForget(topic codec.TopicID, offset int64) {
	if p.progress.Forget.Taken > 0 { // else there is no progress to keep
		p.progress.Forget.Topic, p.progress.Forget.Next = topic, offset+1
	}
}

// nameOf returns the name of the page of a request; empty if the page is not known.
func (p *Partition) nameOf(r *codec.Forget) (name string, err error) {
	if r.Page != "" {
		return r.Page, nil
	}
	for pg := range p.pages.each {
		if pg.Totals.Behaviours > 0 && codec.HashPage(pg.Name) == r.Hash {
			name = pg.Name // each may not be stopped
		}
	}
	return name, p.pages.err()
}

// remove removes a page, if it is known. The next checkpoint has a tombstone of it.
func (p *Partition) remove(name string) error {
	if _, known, err := p.Page(name); err != nil || !known {
		return err
	}
	return p.bury(name)
}

// bury makes the next checkpoint write a tombstone of a page, of which nothing is left, whether the page is known or
// not.
func (p *Partition) bury(name string) error {
	b := &p.batch
	b.size, b.names[0], b.totals[0], b.labels[0] = 1, []byte(name), heat.Totals{}, nil
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.pages.fill(b, nil); err != nil {
		return err
	}
	p.drop(b.pages[0])
	return p.pages.err()
}

// drop makes the next checkpoint write a tombstone of a page, of which nothing is left. The partition's lock is held.
func (p *Partition) drop(pg *page) {
	if pg.state&writing != 0 {
		p.checkpoint.preserve(pg)
	}
	p.sum -= pg.Totals.Behaviours
	p.progress.Counted -= pg.Totals.Behaviours
	if pg.state&dirty == 0 {
		pg.state |= dirty
		p.dirty = append(p.dirty, pg)
		p.bytes += len(pg.Name)
	}
	pg.setTotals(p.pages, heat.Totals{})
	pg.day = 0
	p.labels.set(&pg.Page, nil)
	p.index.Changed(&pg.Page)
	for _, t := range p.boards {
		t.remove(pg)
	}
}

// remove removes all that the board has of a page.
func (t *boardTable) remove(pg *page) {
	if e := t.get(pg); e != nil {
		t.states.Clear(&e.state)
		t.changed(e)
		t.refresh()
	}
	if t.finals != nil {
		t.finals.remove(pg)
	}
}

// remove makes the final boards again that a page is on.
func (f *boardFinals) remove(pg *page) {
	f.making = nil
	for period, closed := range f.closed {
		if slices.Contains(closed.pages, pg) {
			delete(f.closed, period)
		}
	}
	f.again()
}

// setForgotten keeps what the table has of a forgotten page.
func (p *Partition) setForgotten(hash codec.PageHash, f *codec.Forgotten) {
	if p.forgotten == nil {
		p.forgotten = make(map[codec.PageHash]*codec.Forgotten)
	}
	if before := p.forgotten[hash]; before != nil && before.Blocked {
		p.blocked--
	}
	if f.Blocked {
		p.blocked++
	}
	p.forgotten[hash] = f
}

// Forgotten is what the table has of a page that was forgotten, nil if it was not. It must not be changed.
func (p *Partition) Forgotten(hash codec.PageHash) *codec.Forgotten { return p.forgotten[hash] }

// blocks returns what tells whether a page is blocked, nil if none is.
func (p *Partition) blocks() func(name []byte) bool {
	if p.blocked == 0 {
		return nil
	}
	return func(name []byte) bool {
		f := p.forgotten[codec.HashPage(name)]
		return f != nil && f.Blocked
	}
}

// staleLabels has an entry for each label of a range that overlaps the progress which must not be taken, nil if there is
// none: the label is the newest of a whole sum, and may be of a behaviour that was counted before and is forgotten. The
// newest of those that are counted now takes its place, if there is one. It reads what is left of the range.
func (p *Partition) staleLabels(r *codec.RangeReader, done int64) (labels map[codec.PageMinute]*codec.StampedLabel) {
	if len(p.forgotten) == 0 && len(p.sweep.kept) == 0 {
		return nil
	}
	for {
		var t heat.Totals
		name, err := r.Next(&t)
		if err != nil {
			return labels // at the end; add says what is wrong otherwise
		}
		l := r.Label()
		if l == nil || l.Offset > done {
			continue
		}
		f := p.forgotten[codec.HashPage(name)]
		if (f == nil || f.Counts(r.Header.Input, l.Partition, l.Offset)) && !p.sweptAway(l.Partition, l.Offset) {
			continue
		}
		if labels == nil {
			labels = make(map[codec.PageMinute]*codec.StampedLabel)
		}
		labels[codec.PageMinute{Page: string(name), Minute: r.Minute}] = nil
	}
}

// restoreForgotten takes what the changelog has of a forgotten page.
func (p *Partition) restoreForgotten(key string, value []byte) error {
	hash, _ := codec.ForgottenHash(key)
	f, err := codec.DecodeForgotten(value)
	if err != nil {
		return err
	}
	delete(p.deleted, key) // it was written again
	p.setForgotten(hash, f)
	return nil
}

// Remove takes a tombstone of a page that pageheat has written, while the partition is restored. [Partition.Delete]
// takes those of others.
func (p *Partition) Remove(key string) error {
	if p.recovered {
		return nil
	}
	delete(p.deleted, key)
	p.mu.Lock()
	pg, gained, err := p.pages.restore(key, heat.Totals{}, nil, 0)
	if pg != nil {
		p.removeStates(pg)
	}
	p.mu.Unlock()
	p.sum += gained
	if err != nil {
		return p.fail(err)
	}
	return nil
}

// removeStates removes the states of a page that was removed, among them those that are not decoded yet.
func (p *Partition) removeStates(pg *page) {
	for _, t := range p.boards {
		t.remove(pg)
	}
	if len(p.encoded) > 0 {
		p.encoded = append(p.encoded, encodedStates{page: pg})
	}
}
