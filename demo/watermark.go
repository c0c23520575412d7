package demo

import (
	"context"
	"sync"

	"pageheat/codec"
	"pageheat/kafka"
)

// Watermark has the offsets of the newest board. It is safe for concurrent use.
type Watermark struct {
	mu      sync.Mutex
	offsets codec.Offsets
	moved   chan struct{} // closed and replaced on each change; guarded by mu
}

// NewWatermark returns a watermark before the first board.
func NewWatermark() *Watermark { return &Watermark{moved: make(chan struct{})} }

// Reach stores the offsets of a board.
func (w *Watermark) Reach(b *codec.Board) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offsets = b.Offsets
	close(w.moved)
	w.moved = make(chan struct{})
}

// Await waits until the board includes every partition up to its end. It returns false if ctx
// is done first.
func (w *Watermark) Await(ctx context.Context, input map[int32]kafka.Bounds) bool {
	for {
		w.mu.Lock()
		offsets, moved := w.offsets, w.moved
		w.mu.Unlock()
		behind := false
		for partition, bounds := range input {
			if at, _ := offsets.Get(partition); at < bounds.End {
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
