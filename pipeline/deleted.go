package pipeline

import (
	"fmt"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/processors"
	"pageheat/store"
)

const (
	// heldForgets and heldForgetBytes are the maximum number of requests that are held while a partition waits, and
	// their size. If more come, none is held, and all are read again afterwards: reading cannot pause, because the
	// requests of all partitions of a session come one after the other, and the one that is waited for may be the last.
	heldForgets     = 4096
	heldForgetBytes = 8 << 20
)

// held are requests that a waiting partition has got.
type held struct {
	requests []forgetRequest
	bytes    int
	dropped  bool // there were too many
}

func (h *held) take(r forgetRequest) {
	if h.bytes += len(r.Key) + len(r.Value); h.dropped || len(h.requests) == heldForgets || h.bytes > heldForgetBytes {
		h.requests, h.dropped = nil, true
		return
	}
	h.requests = append(h.requests, r)
}

// awaitForgets waits until a partition may be fed: at once, unless another program has deleted pages from it whose totals
// are gone. Such a partition waits for requests to forget them, which it returns, and the other partitions of this
// process continue. The session stays: ending the role would move the partition to the next instance, and end that one.
// With more requests than are held, it returns none, and the partition gets all of them again: it takes them in with
// several commits, and an audit between these finds what was counted of the deleted pages missing.
// The error is errSessionOver when the session ends.
func (h *Heat) awaitForgets(s *session, t *task) ([]forgetRequest, error) {
	p := t.partition.ID()
	h.config.Metrics.awaitsForgets(p, 0)
	if t.deleted == nil {
		return nil, nil
	}
	logger := h.config.Logger.With("topic", h.config.Topology.HeatTable, "partition", p)
	about := fmt.Sprintf("deleted pages of partition %d", p)
	defer h.config.Conditions.Set("heat", about, nil)
	say := func(deleted *store.DeletedError) {
		fault := failure.As(fmt.Errorf("topic %s partition %d: %w", h.config.Topology.HeatTable, p, deleted))
		h.config.Conditions.Set("heat", about, fault)
		logger.Error("a heat partition has stopped, and the others continue", failure.Attrs(fault)...)
	}
	say(t.deleted)
	h.config.Metrics.awaitsForgets(p, len(t.deleted.Pages))
	defer h.config.Metrics.awaitsForgets(p, 0)
	waiting, named := processors.NewHeatDeleted(t.partition, t.deleted, h.partitions.Load()), len(t.deleted.Pages)
	var got held
	for {
		select {
		case r := <-t.forgets:
			got.take(r)
			left, err := waiting.Forget(r.Key, r.Value)
			h.config.Metrics.awaitsForgets(p, left)
			switch {
			case err != nil:
				return nil, fmt.Errorf("%s partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
			case left == 0:
				logger.Info("a heat partition continues without pages that another program has deleted", "pages", len(t.deleted.Pages))
				h.tellMended(t.partition)
				if got.dropped {
					return nil, h.readForgetsAgain(s, t)
				}
				return got.requests, nil
			case left <= named-store.MostNamed: // name others
				named = left
				say(waiting.Waiting())
			}
		case <-s.real().Done():
			return nil, errSessionOver
		}
	}
}

// forgetsAgain asks what follows the forget topic to hand the requests of a partition out again.
type forgetsAgain struct {
	partition int32
	from      codec.ForgetProgress
	done      chan<- struct{}
}

// readForgetsAgain has all requests of a partition that are not taken in handed out once more.
func (h *Heat) readForgetsAgain(s *session, t *task) error {
	progress, _ := t.partition.Progress()
	done := make(chan struct{})
	for {
		select {
		case h.forgetsAgain <- forgetsAgain{t.partition.ID(), progress.Forget, done}:
			select {
			case <-done:
				return nil
			case <-s.real().Done():
				return errSessionOver
			}
		case <-t.forgets: // it comes again
		case <-s.real().Done():
			return errSessionOver
		}
	}
}
