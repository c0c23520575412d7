package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
)

// ErrDeleted says that another program deleted pages from the table, and that their totals
// are gone from the changelog too.
var ErrDeleted = failure.Known("another program has deleted pages from the changelog", failure.Deleted)

// DeletedError is the error of a restored partition whose changelog lacks the totals of pages that another program has
// deleted. It wraps [ErrDeleted].
type DeletedError struct {
	// Partition is the number of the partition.
	Partition int32
	// Held is the number of behaviours that its pages hold, and Counted the number that they should.
	Held, Counted uint64
	// Pages are the pages, in the order of their tombstones.
	Pages []DeletedPage
}

// DeletedPage is a page that another program has deleted.
type DeletedPage struct {
	// Page is the name.
	Page string
	// Offset is that of the tombstone in the changelog, below 0 if it is not known.
	Offset int64
}

// MostNamed is the maximum number of deleted pages that an error names.
const MostNamed = 10

// Error names the first pages.
func (e *DeletedError) Error() string {
	var names []string
	for _, d := range e.Pages[:min(len(e.Pages), MostNamed)] {
		name := fmt.Sprintf("%q", d.Page)
		if d.Offset >= 0 {
			name += fmt.Sprintf(" at offset %d", d.Offset)
		}
		names = append(names, name)
	}
	named := strings.Join(names, ", ")
	if more := len(e.Pages) - MostNamed; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("the pages of partition %d hold %d behaviours, its progress says %d: %v: %s", e.Partition, e.Held, e.Counted, ErrDeleted, named)
}

// Unwrap is [ErrDeleted].
func (e *DeletedError) Unwrap() error { return ErrDeleted }

// mostDeleted is the maximum number of deleted pages that are remembered.
const mostDeleted = 100_000

// Delete is [Partition.Deleted] without an offset.
func (p *Partition) Delete(key string) error { return p.Deleted(key, offsetUnknown) }

// Deleted takes a tombstone, at an offset of the changelog, that another program wrote, while the partition is restored:
// pageheat marks its own, see [Partition.Remove]. What was restored before stays, and is written again with the next
// checkpoint. Where it was compacted away already, Check finds the pages to hold less than what was counted.
func (p *Partition) Deleted(key string, offset int64) error {
	if p.recovered {
		return nil
	}
	if len(p.deleted) == mostDeleted {
		return p.fail(fmt.Errorf("%w: more than %d of them", ErrDeleted, mostDeleted))
	}
	if p.deleted == nil {
		p.deleted = make(map[string]int64)
	}
	p.deleted[key] = offset
	return nil
}

// lost returns the error of deleted pages whose totals are gone, nil if there are none: pages that are not known any
// more, or else, where that does not explain what is missing, all that were deleted.
func (p *Partition) lost() (*DeletedError, error) {
	if p.sum >= p.progress.Counted || len(p.deleted) == 0 {
		return nil, nil //nolint:nilnil // no error of either kind
	}
	lost := &DeletedError{Partition: p.id, Held: p.sum, Counted: p.progress.Counted}
	var known []DeletedPage
	for name, offset := range p.deleted {
		if !codec.IsPage(name) {
			continue
		}
		_, has, err := p.Totals(name)
		switch d := (DeletedPage{name, offset}); {
		case err != nil:
			return nil, p.fail(err)
		case has:
			known = append(known, d)
		default:
			lost.Pages = append(lost.Pages, d)
		}
	}
	if len(lost.Pages) == 0 {
		lost.Pages = known
	}
	if len(lost.Pages) == 0 {
		return nil, nil //nolint:nilnil // no error of either kind
	}
	slices.SortFunc(lost.Pages, func(a, b DeletedPage) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), strings.Compare(a.Page, b.Page))
	})
	return lost, nil
}

// GiveUpDeleted gives up the totals of the deleted pages that Check names in its [DeletedError]: what was counted of
// them counts no more. It must be called only if each of them is asked to be forgotten, and these requests must be taken
// in before anything else, so that one checkpoint has both. Check must be called again after it.
func (p *Partition) GiveUpDeleted() error {
	lost, err := p.lost()
	if err != nil || lost == nil {
		return err
	}
	p.progress.Counted, p.ahead = p.sum, true
	for _, d := range lost.Pages {
		_, has, err := p.Totals(d.Page)
		if err == nil && !has { // its tombstone is replaced by one of pageheat
			delete(p.deleted, d.Page)
			err = p.bury(d.Page)
		}
		if err != nil {
			return p.fail(fmt.Errorf("giving up the totals of page %q: %w", d.Page, err))
		}
	}
	return nil
}

// mend makes the next checkpoint write deleted pages again: the changelog has their last
// state before the tombstone only until it is compacted.
func (p *Partition) mend() error {
	for name := range p.deleted {
		if hash, ok := codec.ForgottenHash(name); ok && p.forgotten[hash] != nil {
			p.taken = append(p.taken, taking{hash: hash, forgotten: p.forgotten[hash]})
			p.mended++
			continue
		}
		if s := p.sweep.kept[name]; s != nil {
			p.sweep.writes = append(p.sweep.writes, s)
			p.mended++
			continue
		}
		t, ok, err := p.Totals(name)
		if err != nil {
			return p.fail(err)
		}
		if !ok || t.Behaviours == 0 {
			continue // never written
		}
		b := &p.batch
		b.size, b.names[0], b.totals[0], b.labels[0] = 1, []byte(name), heat.Totals{}, nil
		p.mu.Lock()
		if err = p.pages.fill(b, nil); err == nil {
			p.change(b.pages[0], &heat.Totals{}, b.pages[0].day)
		}
		p.mu.Unlock()
		if err != nil {
			return p.fail(err)
		}
		p.mended++
	}
	p.ahead = p.ahead || len(p.deleted) > 0
	p.deleted = nil
	return nil
}

// Mended is the number of pages that the partition has written again, or is about to, because
// another program had deleted them from the changelog.
func (p *Partition) Mended() int { return p.mended }
