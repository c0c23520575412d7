package processors

import (
	"math"
	"slices"

	"pageheat/codec"
	"pageheat/failure"
)

// An owner of an input partition that crashes leaves ranges in the behaviour topic above
// the offset that the group has committed. A next owner that begins at that offset sends
// them again with other borders, and heat has to read a part of the input again to tell
// them apart, which retention may have taken by then. So the next owner looks at the last
// ranges of each heat partition before it begins.
//
// What it relies on: where a range is in the log of a heat partition, everything up to its
// To was sent there before it or is in it. For an owner sends a range after the one before
// is acknowledged by all heat partitions, and its first one begins where the same was known
// of all heat partitions when it began, and stays so. That holds for each owner by itself,
// so it does not matter how many there are, nor in which order their records come: one that
// is late or repeated has a To that is low, and never one that is too high. Its dead letters
// are acknowledged too, since a range goes out after them.
//
// An owner that has crashed may have sent its last range to some heat partitions and not to
// others. So the next one begins at the lowest, over all heat partitions, of the highest To
// that each of them shows. Where one shows none, which may be because heat has deleted it,
// or because it lies further back than is looked, nothing is known of the input partition,
// and it begins at the committed offset. Only records below the high watermark are read:
// those stay, whichever broker leads.
//
// Beyond that, its first ranges end where those end that only some have got: these drop
// them as a whole. So there is something to be read again only where an owner that was
// frozen goes on to send.

// Sent is what the ends of the heat partitions' logs say about one input partition.
type Sent struct {
	// Next is an offset below which everything was sent to all heat partitions, 0 where
	// that is not known.
	Next int64
	// Ends are the offsets at or above it at which ranges end that some of them have, in
	// order.
	Ends []int64
}

// NotSent is the highest To of a heat partition whose log shows no range.
const NotSent = -1

// AllSent combines the highest To of an input partition in the log of each heat partition.
func AllSent(highest []int64) Sent {
	lowest := int64(math.MaxInt64)
	var ends []int64
	for _, to := range highest {
		lowest = min(lowest, to)
		ends = append(ends, to)
	}
	if len(ends) == 0 {
		return Sent{}
	}
	slices.Sort(ends)
	ends = slices.Compact(ends)
	return Sent{Next: lowest + 1, Ends: slices.DeleteFunc(ends, func(to int64) bool { return to <= lowest })}
}

// SaysSent reports whether a range in the log of one of a given number of heat partitions says what
// was sent of an input topic whose partition, that of the range, ends at an offset. What
// does not is of something else, and for heat to judge.
func SaysSent(h codec.RangeHeader, input codec.TopicID, target, targets int32, end int64) bool {
	return h.Input == input && h.Target == target && h.Targets == targets && h.To < end
}

// IngestFound is what the owner of an input partition finds when it takes it over.
type IngestFound struct {
	// Input is the id of the input topic.
	Input codec.TopicID
	// Committed is the offset that the group has committed, below 0 for none.
	Committed int64
	// First and End are the first offset of the partition and the one after its last.
	First, End int64
}

// Check returns a [failure.Permanent] if the partition ends below the committed offset.
func (f IngestFound) Check() error {
	if f.Committed > f.End {
		return failure.New(failure.Recreated, "the committed offset %d is above the end %d", f.Committed, f.End)
	}
	return nil
}

// Unread reports whether there is input above the committed offset, of which ranges may have
// been sent.
func (f IngestFound) Unread() bool { return f.End > max(f.Committed, 0) }

// Begin is where the owner begins: above what was committed and what is known to have been
// sent, and above what is gone. What of it is lost only heat knows: it may have counted it,
// or the partition begins here.
func (f IngestFound) Begin(s Sent) codec.IngestStart {
	from := max(f.Committed, s.Next, 0)
	return codec.IngestStart{Input: f.Input, From: from - 1, LostTo: max(from, f.First) - 1}
}
