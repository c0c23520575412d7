package processors

import (
	"iter"
	"time"
)

const (
	// StallsEvery is the interval of looks at what a process works off.
	StallsEvery = 10 * time.Second
	// stalledAfter is how long committed records may wait at a position that does not move.
	stalledAfter = time.Minute
)

// Work is a partition of a topic that a role of a process works off.
type Work struct {
	Role      string
	Topic     string
	Partition int32
}

// WorkReport is how far a role has come with a partition.
type WorkReport struct {
	// Term is another one each time that the process takes the partition.
	Term uint64
	// Next is the offset below which every record is done, -1 if it is not known.
	Next int64
	// Steps counts work that moves no offset.
	Steps uint64
}

// next is the offset of the next record.
func (r WorkReport) next() int64 { return max(r.Next, 0) }

// Stall is a partition that makes no progress.
type Stall struct {
	Work
	// Next is the offset at which it stands.
	Next int64
	// Since is when it was last seen moving, or without work.
	Since time.Time
	// End is the last stable offset of its topic.
	End int64
}

// StallEnd is the end of a stall.
type StallEnd struct {
	Work
	Reason string
}

// Stalls finds stalled partitions of a process: there are committed records to work off, and
// for a minute nothing has moved. Its driver reports, every StallsEvery, how far the roles have come
// and what the brokers hold. It belongs to one goroutine at a time.
type Stalls struct {
	watched map[Work]*watchedWork
	last    time.Time // of the last look
}

// watchedWork is what is known of a partition.
type watchedWork struct {
	last    WorkReport
	moved   time.Time // when it last moved, had nothing to do, or was not known
	stalled bool
}

// NewStalls returns the stalls of a process that has just been started, none.
func NewStalls(now time.Time) *Stalls {
	return &Stalls{watched: make(map[Work]*watchedWork), last: now}
}

// Look compares the reports of all partitions that the process owns with the last stable offsets of
// their topics, as far as these are known. The look began before the brokers were asked; now is
// after. It returns the stalls that are over, and the partitions that seem to be stalled: each is to
// be told by Confirm.
func (s *Stalls) Look(began, now time.Time, reports map[Work]WorkReport, stable func(Work) (end int64, known bool)) (over []StallEnd, suspects []Stall) {
	// After a pause of the whole process no part had time to make progress.
	paused := began.Sub(s.last) > 3*StallsEvery
	s.last = now
	end := func(w Work, known *watchedWork, reason string) {
		if known.stalled {
			known.stalled = false
			over = append(over, StallEnd{w, reason})
		}
	}
	for w, known := range s.watched {
		if at, owned := reports[w]; !owned || at.Term != known.last.Term {
			end(w, known, "the partition was given up")
			delete(s.watched, w)
		}
	}
	for w, at := range reports {
		known := s.watched[w]
		if known == nil {
			known = &watchedWork{last: at, moved: now}
			s.watched[w] = known
		}
		stableEnd, isKnown := stable(w)
		switch {
		case at != known.last:
			known.last, known.moved = at, now
			end(w, known, "it moves again")
		case paused || !isKnown:
			if !known.stalled {
				known.moved = now
			}
		case at.next() >= stableEnd:
			known.moved = now
			end(w, known, "there is nothing left to work off")
		case !known.stalled && now.Sub(known.moved) >= stalledAfter:
			suspects = append(suspects, Stall{Work: w, Next: at.next(), Since: known.moved, End: stableEnd})
		}
	}
	return over, suspects
}

// Confirm takes the offset after the last committed record of a suspect's partition, and whether there is
// such a record at all: what lies below the last stable offset may be markers and aborted records
// alone. It reports whether the partition is stalled. A suspect that is not confirmed for want of
// an answer is one again at the next look.
func (s *Stalls) Confirm(suspect Stall, committed int64, some bool, now time.Time) bool {
	known := s.watched[suspect.Work]
	if !some || known.last.Next >= committed {
		known.moved = now
		return false
	}
	known.stalled = true
	return true
}

// All are the partitions that are stalled now.
func (s *Stalls) All() iter.Seq[Work] {
	return func(yield func(Work) bool) {
		for w, known := range s.watched {
			if known.stalled && !yield(w) {
				return
			}
		}
	}
}
