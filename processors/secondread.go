package processors

import (
	"pageheat/boards"
	"pageheat/codec"
	"pageheat/store"
	"pageheat/topology"
)

// SecondRead sums again what a part of a range has: the valid behaviours of the range's
// input partition, by the range's limits, whose pages belong to the heat partition that the
// range is for, with their newest labels. It belongs to one goroutine.
type SecondRead struct {
	header codec.RangeHeader
	sums   store.Sums
}

// NewSecondRead returns a SecondRead for a range with the header.
func NewSecondRead(h codec.RangeHeader) *SecondRead {
	return &SecondRead{header: h, sums: make(store.Sums)}
}

// Add counts the message at an offset, whose record has the timestamp, in ms since 1970. It is not kept.
func (s *SecondRead) Add(offset, timestamp int64, message []byte) {
	var label codec.Label
	b, refusal := codec.ParseLabelled(message, s.header.Limits, &label)
	if refusal == nil && topology.Partition(b.Page, int(s.header.Targets)) == s.header.Target {
		of := codec.PageMinute{Page: string(b.Page), Minute: boards.MinuteOfMillis(timestamp)}
		sum := s.sums[of]
		sum.Count(b)
		from := codec.Stamp{Timestamp: timestamp, Partition: s.header.Partition, Offset: offset}
		if !label.IsZero() && (sum.Label == nil || sum.Label.Compare(from) < 0) {
			sum.Label = &codec.StampedLabel{Label: label, Stamp: from}
		}
		s.sums[of] = sum
	}
}

// Sums are the sums by page and minute. They belong to the SecondRead.
func (s *SecondRead) Sums() store.Sums { return s.sums }
