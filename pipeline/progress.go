package pipeline

import (
	"sync"
	"sync/atomic"

	"pageheat/processors"
)

// Progress is how far the roles of one process have come with the partitions
// that they own. The roles report to it; a Watchdog compares it with what the
// brokers hold. A nil *Progress does nothing. It is safe for concurrent use.
type Progress struct {
	mu        sync.Mutex
	terms     uint64 // of all positions so far
	positions map[processors.Work]*Position
}

// NewProgress returns a Progress of a process that owns nothing yet.
func NewProgress() *Progress { return &Progress{positions: make(map[processors.Work]*Position)} }

// Begin records that a role of this process owns a partition from now on,
// until End is called for what it returns. A nil Progress returns nil, which
// is a Position that does nothing.
func (p *Progress) Begin(w processors.Work) *Position {
	if p == nil {
		return nil
	}
	at := &Position{progress: p, work: w}
	at.next.Store(-1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.terms++
	at.term = p.terms
	p.positions[w] = at
	return at
}

// all are the reports of the partitions that are owned now.
func (p *Progress) all() map[processors.Work]processors.WorkReport {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make(map[processors.Work]processors.WorkReport, len(p.positions))
	for w, at := range p.positions {
		all[w] = processors.WorkReport{Term: at.term, Next: at.next.Load(), Steps: at.steps.Load()}
	}
	return all
}

// Position is how far a role has come with one partition that it owns. A nil
// *Position does nothing. It is safe for concurrent use.
type Position struct {
	progress *Progress
	term     uint64
	work     processors.Work
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
