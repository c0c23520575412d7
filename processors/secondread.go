package processors

import (
	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/topology"
)

// SecondRead sums what a heat partition has counted of a range before: the valid
// behaviours of the range's input partition, by the range's limits, whose pages belong to
// the heat partition that the range is for. It belongs to one goroutine.
type SecondRead struct {
	header codec.RangeHeader
	sums   map[codec.PageMinute]heat.Totals
}

// NewSecondRead returns a SecondRead for a range with the header.
func NewSecondRead(h codec.RangeHeader) *SecondRead {
	return &SecondRead{header: h, sums: make(map[codec.PageMinute]heat.Totals)}
}

// Add counts a message, whose record has the timestamp, in ms since 1970. It is not kept.
func (s *SecondRead) Add(timestamp int64, message []byte) {
	b, refusal := codec.ParseBehaviour(message, s.header.Limits)
	if refusal == nil && topology.Partition(b.Page, int(s.header.Targets)) == s.header.Target {
		of := codec.PageMinute{Page: string(b.Page), Minute: boards.MinuteOfMillis(timestamp)}
		t := s.sums[of]
		t.Count(b)
		s.sums[of] = t
	}
}

// Sums are the sums by page and minute, see store.Reread.
func (s *SecondRead) Sums() map[codec.PageMinute]heat.Totals { return s.sums }
