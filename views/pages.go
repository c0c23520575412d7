package views

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"pageheat/codec"
	"pageheat/heat"
)

// Pages holds the committed totals of every page in the heat table. It is safe for concurrent
// use.
type Pages struct {
	reader reader

	mu     sync.RWMutex
	tables map[int32]*tableStore // by partition, of this Run
}

// NewPages returns pages that follow the heat table once Run is called. It does not connect.
// The error names what the source lacks.
func NewPages(source Source) (*Pages, error) {
	source, err := source.checked()
	if err != nil {
		return nil, err
	}
	return &Pages{reader: reader{Source: source}, tables: make(map[int32]*tableStore)}, nil
}

// Run follows the table until ctx is done, and then returns nil. It returns an error if it
// cannot start, for instance because the brokers are down. It may then be called again, and
// reads everything again. Do not call it concurrently.
func (p *Pages) Run(ctx context.Context) error {
	p.mu.Lock()
	p.tables = make(map[int32]*tableStore)
	p.mu.Unlock()
	return p.reader.follow(ctx, update, p.build, func() {})
}

// Ready returns nil while the table is followed and has been read to its end; else
// ErrRecovering, or an error if the brokers are unreachable.
func (p *Pages) Ready() error { return p.reader.Ready() }

// Recovered reports whether Run is active and has read the table up to its end at the time that
// Run started. It stays true while the brokers are unreachable.
func (p *Pages) Recovered() bool { return p.reader.Recovered() }

// Len returns the number of known pages.
func (p *Pages) Len() int {
	n := 0
	for _, table := range p.partitions() {
		n += table.Len()
	}
	return n
}

// Get returns the totals of a page, and whether the page is known. It returns ErrRecovering
// while the table is being read, and an error that names the page if its value cannot be read.
func (p *Pages) Get(page string) (heat.Totals, bool, error) {
	if !p.reader.Recovered() {
		return heat.Totals{}, false, ErrRecovering
	}
	// Asking all partitions requires no agreement on the page's partition; there are few.
	for _, table := range p.partitions() {
		value, ok := table.Lookup(page)
		if !ok {
			continue
		}
		totals, err := codec.DecodePageState([]byte(value))
		if err != nil {
			return heat.Totals{}, false, fmt.Errorf("reading page %q from topic %s: %w", page, p.reader.Topic, err)
		}
		return totals, true, nil
	}
	return heat.Totals{}, false, nil
}

// partitions returns the tables of this Run. The map must not be modified.
func (p *Pages) partitions() map[int32]*tableStore {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.tables
}

// build makes the table of one partition. It replaces the map, because readers may be using the
// old one.
func (p *Pages) build(partition int32) *tableStore {
	table := newTableStore()
	p.mu.Lock()
	defer p.mu.Unlock()
	tables := maps.Clone(p.tables)
	tables[partition] = table
	p.tables = tables
	return table
}

// update handles one record of the table. It skips progress and fences, so they are not found
// by their keys.
func update(_ goka.UpdateContext, table storage.Storage, key string, value []byte) error {
	if _, _, internal := codec.InternalKey(key); internal {
		return nil
	}
	if value == nil {
		return table.Delete(key)
	}
	return table.Set(key, value)
}
