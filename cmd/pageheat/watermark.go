package main

import (
	"context"
	"sync"
	"time"

	"pageheat/codec"
)

// watermark is how far the boards have come: the offsets of the newest one. It may
// be shared between goroutines.
type watermark struct {
	mu      sync.Mutex
	offsets codec.Offsets
	moved   chan struct{} // closed, and made anew, at each change; under mu
}

func newWatermark() *watermark { return &watermark{moved: make(chan struct{})} }

// reach takes the offsets of a board.
func (w *watermark) reach(b *codec.Board) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offsets = b.Offsets
	close(w.moved)
	w.moved = make(chan struct{})
}

// await waits until every partition has reached its end; false where ctx is done before.
func (w *watermark) await(ctx context.Context, ends map[int32]offsetSpan) bool {
	for {
		w.mu.Lock()
		offsets, moved := w.offsets, w.moved
		w.mu.Unlock()
		behind := false
		for partition, span := range ends {
			if at, _ := offsets.Get(partition); at < span.end {
				behind = true
			}
		}
		if !behind {
			return true
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return false
		}
	}
}

// inputTimeout is how long the demo waits at its end for a board of all that was sent.
const inputTimeout = 5 * time.Second

// awaitInput waits until everything in the input is in a board, but not for ever, and
// not longer than ctx.
func awaitInput(ctx context.Context, p *program, shown *watermark) error {
	ctx, cancel := context.WithTimeout(ctx, inputTimeout)
	defer cancel()
	ends, err := p.spans(ctx, p.topo.Input)
	if err != nil {
		return err
	}
	if !shown.await(ctx, ends) {
		p.log.Warn("not all that was sent is on the board yet: it is kept and counted the next time, with --data")
	}
	return nil
}
