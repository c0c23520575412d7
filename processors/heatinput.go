package processors

import (
	"pageheat/codec"
	"pageheat/store"
)

// RangeInput is what a [HeatStage] must know of the input before it applies a range.
type RangeInput struct {
	// Claim is the range's claim that its input partition reaches up to an offset, the next one to be
	// read; nil if there is nothing to check. A range with a false claim must not be applied.
	Claim *InputClaim
	// Rereads is what must be read again, see [store.Partition.Rereads]. A [SecondRead] sums it.
	Rereads []store.Reread
}

// InputClaim is a claim that an input partition reaches up to an offset.
type InputClaim struct {
	// Partition is the partition of the input, from 0.
	Partition int32
	// Next is the offset that comes next: all below it are claimed to exist.
	Next int64
}

// Input returns what the stage must know of the input before it applies a range. The driver
// finds it out, and then calls Apply, before it gives the stage anything else.
func (s *HeatStage) Input(record []byte) RangeInput {
	h, err := codec.DecodeRangeHeader(record)
	if err != nil {
		return RangeInput{} // Apply says what is wrong
	}
	if progress, _ := s.partition.Progress(); h.Input != progress.Input && !progress.Input.IsZero() {
		return RangeInput{}
	}
	return RangeInput{Claim: &InputClaim{h.Partition, h.To + 1}, Rereads: s.partition.Rereads(record)}
}
