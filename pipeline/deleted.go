package pipeline

import (
	"fmt"

	"pageheat/failure"
	"pageheat/processors"
	"pageheat/store"
)

// awaitForgets waits until a partition may be fed: at once, unless another program has deleted pages from it whose totals
// are gone. Such a partition waits for requests to forget them, which it returns, and the other partitions of this
// process continue. The session stays: ending the role would move the partition to the next instance, and end that one.
// The error is errSessionOver when the session ends.
func (h *Heat) awaitForgets(s *session, t *task) ([]forgetRequest, error) {
	if t.deleted == nil {
		return nil, nil
	}
	p := t.partition.ID()
	logger := h.config.Logger.With("topic", h.config.Topology.HeatTable, "partition", p)
	about := fmt.Sprintf("deleted pages of partition %d", p)
	defer h.config.Conditions.Set("heat", about, nil)
	say := func(deleted *store.DeletedError) {
		fault := failure.As(fmt.Errorf("topic %s partition %d: %w", h.config.Topology.HeatTable, p, deleted))
		h.config.Conditions.Set("heat", about, fault)
		logger.Error("a heat partition has stopped, and the others continue", failure.Attrs(fault)...)
	}
	say(t.deleted)
	waiting, named := processors.NewHeatDeleted(t.partition, t.deleted, h.partitions.Load()), len(t.deleted.Pages)
	var requests []forgetRequest
	for {
		select {
		case r := <-t.forgets:
			requests = append(requests, r)
			left, err := waiting.Forget(r.Key, r.Value)
			switch {
			case err != nil:
				return nil, fmt.Errorf("%s partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
			case left == 0:
				logger.Info("a heat partition continues without pages that another program has deleted", "pages", len(t.deleted.Pages))
				h.tellMended(t.partition)
				return requests, nil
			case left <= named-store.MostNamed: // name others
				named = left
				say(waiting.Waiting())
			}
		case <-s.real().Done():
			return nil, errSessionOver
		}
	}
}
