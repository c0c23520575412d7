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

const (
	// sentWindow is how many records are looked through after the last batch, and twice
	// as many each time while an input partition is missing, up to sentRecords.
	sentWindow  = 16
	sentRecords = 8192
	// sentBytes is how much is read of a heat partition, about, and sentFetch at once.
	sentBytes = 4 << 20
	sentFetch = 512 << 10
)

// SentSearch looks for the last range of each input partition in the log of a heat partition. It
// goes back, window by window, until it has found all or has read enough. Its driver reads what Next
// asks for, and tells Read and See what it got. It belongs to one goroutine.
type SentSearch struct {
	log   SentLog
	found map[int32]int64 // the highest To, by input partition

	first, end  int64 // what is left of the log, forwards
	window      int64 // records, of those before end
	begin, next int64 // the window, and what comes next of it
	fetch       int32 // bytes
	left        int   // bytes
	ended       bool
}

// SentLog is the log of a heat partition that a SentSearch reads.
type SentLog struct {
	// Input is the ID of the input topic, Ends are the offsets after the last record of each input
	// partition that is looked for.
	Input codec.TopicID
	Ends  map[int32]int64
	// Target is the heat partition, one of Targets.
	Target, Targets int32
	// Start and End are the first offset of the log and the one after its last.
	Start, End int64
}

// NewSentSearch returns a search that has read nothing.
func NewSentSearch(l SentLog) *SentSearch {
	// At first one batch, however large.
	s := &SentSearch{log: l, found: make(map[int32]int64), first: l.Start, end: l.End, window: 1, fetch: 1, left: sentBytes}
	s.open()
	return s
}

// open begins the window before end.
func (s *SentSearch) open() {
	s.ended = s.end <= s.first || s.left <= 0 || s.window > sentRecords || len(s.found) >= len(s.log.Ends)
	s.begin = max(s.end-s.window, s.first)
	s.next = s.begin
}

// Next returns the offset that is to be read now, and how many bytes at most, besides those of one batch.
// It returns false when the search is over.
func (s *SentSearch) Next() (offset int64, bytes int32, more bool) {
	return s.next, s.fetch, !s.ended
}

// Read is called when what Next has asked for was read and seen: batches of some bytes, the first of which begins
// at an offset, before another one; start is the first offset that the log still has.
func (s *SentSearch) Read(begins, next, start int64, size int) {
	s.first = max(s.first, start)
	s.left -= size
	s.begin = min(s.begin, begins)
	s.next = next
	if s.next < s.end && s.left > 0 {
		return
	}
	s.end, s.fetch = s.begin, sentFetch
	s.window = max(2*s.window, sentWindow)
	s.open()
}

// See takes one range that was read. What says nothing of what was sent is left to heat.
func (s *SentSearch) See(h codec.RangeHeader) {
	end, wanted := s.log.Ends[h.Partition]
	if !wanted || !SaysSent(h, s.log.Input, s.log.Target, s.log.Targets, end) {
		return
	}
	if to, ok := s.found[h.Partition]; !ok || h.To > to {
		s.found[h.Partition] = h.To
	}
}

// Found is the highest To of an input partition among the ranges that were seen, NotSent for
// none.
func (s *SentSearch) Found(input int32) int64 {
	if to, ok := s.found[input]; ok {
		return to
	}
	return NotSent
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
