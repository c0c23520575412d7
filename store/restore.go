package store

import (
	"errors"
	"fmt"

	"github.com/lovoo/goka/storage"

	"pageheat/codec"
	"pageheat/failure"
)

// offsetUnknown is the changelog offset of a partition that was never restored.
const offsetUnknown = -1

// Partition is the storage that goka restores from the changelog.
var _ storage.Storage = (*Partition)(nil)

// Open is part of storage.Storage and does nothing.
func (p *Partition) Open() error { return nil }

// Close is part of storage.Storage and does nothing: whether a partition
// outlives its session is decided by who keeps it.
func (p *Partition) Close() error { return nil }

// Set takes a record of the changelog while the partition is restored. Later
// it does nothing: goka hands every record that is written behind to it too,
// and what is in memory is newer.
func (p *Partition) Set(key string, value []byte) error {
	if p.recovered {
		return nil
	}
	if value == nil {
		return p.Delete(key)
	}
	if kind, partition, ok := codec.InternalKey(key); ok {
		return p.restoreInternal(key, kind, partition, value)
	}
	if !codec.IsPage(key) {
		return p.fail(fmt.Errorf("%w: %q is not a valid page name", codec.ErrMalformed, key))
	}
	s, err := codec.DecodePage(value)
	if err != nil {
		return p.fail(fmt.Errorf("the state of page %q: %w", key, err))
	}
	if s.Totals.Behaviours == 0 {
		return p.fail(fmt.Errorf("%w: the state of page %q has no behaviours", codec.ErrMalformed, key))
	}
	if len(p.deleted) > 0 {
		delete(p.deleted, key) // it was written again
	}
	p.mu.Lock()
	pg, gained, err := p.pages.restore(key, s.Totals, s.Label, s.Day)
	if pg != nil {
		p.restoreStates(pg, s.Boards)
	}
	p.mu.Unlock()
	p.sum += gained // it wraps where a page has lost some
	if err != nil {
		return p.fail(err)
	}
	return nil
}

// settle flushes restored pages into the table. After an error the partition must be
// discarded.
func (p *Partition) settle() {
	p.mu.Lock()
	gained, err := p.pages.settle()
	p.mu.Unlock()
	p.sum += gained
	if err != nil {
		_ = p.fail(err)
	}
}

// ErrUnknownKey says that the table holds a record of a kind that this program does
// not know.
var ErrUnknownKey = failure.Known("a record of a kind that this version of pageheat does not know", failure.Version)

func (p *Partition) restoreInternal(key string, kind codec.Kind, partition int32, value []byte) (err error) {
	if kind == codec.KindForgotten {
		if err := p.restoreForgotten(key, value); err != nil {
			return p.fail(fmt.Errorf("the forgotten page with the key %s: %w", key, err))
		}
		return nil
	}
	if kind == codec.KindSweep {
		if err := p.restoreSweep(key, value); err != nil {
			return p.fail(fmt.Errorf("the sweep with the key %s: %w", key, err))
		}
		return nil
	}
	if kind != codec.KindProgress && kind != codec.KindFence && kind != codec.KindKept {
		return p.fail(fmt.Errorf("%w: key %q", ErrUnknownKey, key))
	}
	if partition != p.id {
		return p.fail(fmt.Errorf("a %s record of partition %d is in partition %d", kind, partition, p.id))
	}
	switch kind {
	case codec.KindProgress:
		p.progress, err = codec.DecodeProgress(value)
		p.started = true
		if err == nil && p.progress.Partitions != p.of {
			err = codec.OtherPartitions(p.progress.Partitions, p.of)
		}
		if err == nil {
			err = p.decodeStates()
		}
	case codec.KindFence:
		p.fence, err = codec.DecodeFence(value)
		p.fenced = true
	case codec.KindKept:
		_, err = codec.DecodeKept(value) // audit uses it
	}
	if err != nil {
		return p.fail(fmt.Errorf("the %s of partition %d: %w", kind, partition, err))
	}
	return nil
}

// Check returns an error if a restored partition must not be used: the sum over its pages
// must equal the count of its progress, since both were written together. After a [DeletedError], it may be used once
// [Partition.GiveUpDeleted] was called.
func (p *Partition) Check() error {
	p.settle()
	if p.failed != nil {
		return p.failed
	}
	deleted, err := p.lost()
	switch {
	case err != nil:
		return err
	case deleted != nil:
		return deleted
	case p.sum != p.progress.Counted:
		return p.fail(fmt.Errorf("the pages of partition %d hold %d behaviours, its progress says %d: "+
			"the changelog is damaged", p.id, p.sum, p.progress.Counted))
	case !p.started && p.pages.count() > 0:
		return p.fail(fmt.Errorf("partition %d holds %d pages and no progress: the changelog is damaged", p.id, p.pages.count()))
	}
	return p.mend()
}

// Resume makes a kept partition ready to be restored again: records that
// others may have written since are taken, until MarkRecovered.
func (p *Partition) Resume() { p.recovered = false }

// Refence sets the newest fence, at the given changelog offset, without reading it. Nothing
// else was written since Checkpoint.Committed.
func (p *Partition) Refence(f codec.Fence, offset int64) {
	p.fence, p.fenced, p.offset = f, true, offset
}

// MarkRecovered ends the restore.
func (p *Partition) MarkRecovered() error {
	p.recovered = true
	p.settle()
	return nil // Check says whether it failed
}

// GetOffset is the changelog offset of the last record in here, or def.
func (p *Partition) GetOffset(def int64) (int64, error) {
	if p.offset == offsetUnknown {
		return def, nil
	}
	return p.offset, nil
}

// SetOffset sets the changelog offset of the last record in here.
func (p *Partition) SetOffset(offset int64) error {
	p.offset = offset
	return nil
}

// Has reports whether the page is known.
func (p *Partition) Has(key string) (bool, error) {
	_, ok, err := p.Totals(key)
	return ok, err
}

// Get is the encoded state of a page, nil if the page is not known.
func (p *Partition) Get(key string) ([]byte, error) {
	s, ok, err := p.Page(key)
	if err != nil || !ok {
		return nil, err
	}
	return codec.AppendPage(nil, &s.Totals, s.Label, s.Day, 0), nil
}

// Iterator is not offered: the table is read from its changelog.
func (p *Partition) Iterator() (storage.Iterator, error) { return nil, errors.ErrUnsupported }

// IteratorWithRange is not offered: the table is read from its changelog.
func (p *Partition) IteratorWithRange(_, _ []byte) (storage.Iterator, error) {
	return nil, errors.ErrUnsupported
}
