package pipeline

import (
	"sync"
	"sync/atomic"
)

// Work is a partition of a topic that a role of this process works off.
type Work struct {
	Role      string
	Topic     string
	Partition int32
}

// Progress is how far the roles of one process have come with the partitions
// that they own. The roles report to it; a Watchdog compares it with what the
// brokers hold. A nil *Progress does nothing. It is safe for concurrent use.
type Progress struct {
	mu        sync.Mutex
	positions map[Work]*Position
}

// NewProgress returns a Progress of a process that owns nothing yet.
func NewProgress() *Progress { return &Progress{positions: make(map[Work]*Position)} }

// Begin records that a role of this process owns a partition from now on,
// until End is called for what it returns. A nil Progress returns nil, which
// is a Position that does nothing.
func (p *Progress) Begin(w Work) *Position {
	if p == nil {
		return nil
	}
	at := &Position{progress: p, work: w}
	at.next.Store(-1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.positions[w] = at
	return at
}

// reported is what a Position said at some moment.
type reported struct {
	position *Position
	next     int64 // -1 if it is not known
	steps    uint64
}

// all are the positions of the partitions that are owned now.
func (p *Progress) all() map[Work]reported {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[Work]reported, len(p.positions))
	for w, at := range p.positions {
		all[w] = reported{position: at, next: at.next.Load(), steps: at.steps.Load()}
	}
	return all
}

// Position is how far a role has come with one partition that it owns. A nil
// *Position does nothing. It is safe for concurrent use.
type Position struct {
	progress *Progress
	work     Work
	next     atomic.Int64
	steps    atomic.Uint64
}

// Reached reports that every record below offset next is done: acknowledged
// by its receivers, applied, or published.
func (at *Position) Reached(next int64) {
	if at != nil {
		at.next.Store(next)
	}
}

// Busy reports a step of work that moves no offset, such as a record restored.
func (at *Position) Busy() {
	if at != nil {
		at.steps.Add(1)
	}
}

// End reports that the partition is given up.
func (at *Position) End() {
	if at == nil {
		return
	}
	p := at.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.positions[at.work] == at {
		delete(p.positions, at.work)
	}
}
