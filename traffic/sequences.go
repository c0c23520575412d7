package traffic

import (
	"context"
	"iter"
	"slices"
)

// Endless is a sequence that never fails.
func Endless(messages iter.Seq[[]byte]) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for m := range messages {
			if !yield(m, nil) {
				return
			}
		}
	}
}

// Interruptible yields the items of a sequence, and the error of ctx as soon as ctx is done. A
// blocked read from a terminal cannot be cancelled; it continues in the background until it
// returns or the process ends.
func Interruptible(ctx context.Context, messages iter.Seq2[[]byte, error]) iter.Seq2[[]byte, error] {
	type read struct {
		message []byte
		err     error
	}
	return func(yield func([]byte, error) bool) {
		reads, left := make(chan read, 1024), make(chan struct{})
		defer close(left)
		go func() {
			defer close(reads)
			for message, err := range messages {
				select {
				case reads <- read{slices.Clone(message), err}:
				case <-left:
					return
				}
			}
		}()
		for {
			select {
			case r, more := <-reads:
				if !more || !yield(r.message, r.err) {
					return
				}
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			}
		}
	}
}
