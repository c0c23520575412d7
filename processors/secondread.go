package processors

import (
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/topology"
)

// SecondRead sums what a heat partition has counted of a range before: the valid
// behaviours of the range's input partition, by the range's limits, whose pages belong to
// the heat partition that the range is for. It belongs to one goroutine.
type SecondRead struct {
	header codec.RangeHeader
	sums   map[string]heat.Totals
}

// NewSecondRead returns a SecondRead for a range with the header.
func NewSecondRead(h codec.RangeHeader) *SecondRead {
	return &SecondRead{header: h, sums: make(map[string]heat.Totals)}
}

// Add counts a message; it is not kept.
func (s *SecondRead) Add(message []byte) {
	b, refusal := codec.ParseBehaviour(message, s.header.Limits)
	if refusal == nil && topology.Partition(b.Page, int(s.header.Targets)) == s.header.Target {
		t := s.sums[string(b.Page)]
		t.Count(b)
		s.sums[string(b.Page)] = t
	}
}

// Sums are the sums by page, see store.Reread.
func (s *SecondRead) Sums() map[string]heat.Totals { return s.sums }
