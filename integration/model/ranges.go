package model

import (
	"slices"

	"pageheat/codec"
)

// rangeLog is one partition of the behaviour topic. Records above the high watermark are not
// replicated: they cannot be read, and a new leader lacks them.
type rangeLog struct {
	target    int
	records   [][]byte // by offset
	first     int64    // everything below was deleted
	watermark int64

	// reached tells, by the offset that comes next, up to where each input
	// partition must have been counted then; it is the model's own reading of the
	// headers, not that of the store.
	reached [][]int64
	lost    [][]span // by input partition: what was declared lost, in order
}

// span is the offsets in (from, to]. Offsets below the start of an input partition are not
// lost.
type span struct {
	from, to int64
	begin    bool
}

func newRangeLog(target, inputs int) *rangeLog {
	start := make([]int64, inputs)
	for i := range start {
		start[i] = codec.Unknown
	}
	return &rangeLog{target: target, reached: [][]int64{start}, lost: make([][]span, inputs)}
}

// append adds a record at the end, not replicated yet.
func (l *rangeLog) append(record []byte) (offset int64) {
	l.records = append(l.records, append([]byte(nil), record...))
	return int64(len(l.records) - 1)
}

// replicate makes every record readable.
func (w *world) replicate(l *rangeLog) {
	for ; l.watermark < int64(len(l.records)); l.watermark++ {
		r, err := codec.ReadRange(l.records[l.watermark])
		if err != nil {
			w.violate("range at offset %d of behaviour-%d: %v", l.watermark, l.target, err)
			return
		}
		h := r.Header
		reached := append([]int64(nil), l.reached[l.watermark]...)
		known := reached[h.Partition] != codec.Unknown
		if !known {
			reached[h.Partition] = -1
		}
		if done := reached[h.Partition]; h.To > done {
			if h.Lost {
				if w.inputs[h.Partition].first <= h.To {
					w.violate("input-%d is declared lost up to offset %d, but it still has %d", h.Partition, h.To, w.inputs[h.Partition].first)
				}
				l.lost[h.Partition] = append(l.lost[h.Partition], span{max(h.From, done), h.To, !known})
				if known {
					w.counts.Lost++
				} else {
					w.counts.Begins++
				}
			}
			reached[h.Partition] = h.To
		}
		l.reached = append(l.reached, reached)
	}
}

// changeLeader elects a replica of a partition of the behaviour topic that lacks the records
// above the high watermark. Producers that wait for an acknowledgement send again; records of
// crashed ones are gone.
func (w *world) changeLeader() {
	l := w.logs[w.n(len(w.logs))]
	if l.watermark == int64(len(l.records)) {
		return
	}
	w.say("a new leader of behaviour-%d lacks offsets %d to %d", l.target, l.watermark, len(l.records)-1)
	l.records = l.records[:l.watermark]
	w.counts.Truncations++
	for i, f := range slices.Backward(w.flights) {
		if f.log != l || !f.arrived || f.offset < l.watermark {
			continue
		}
		f.arrived = false
		if f.orphan || f.acknowledged {
			w.land(i)
		}
	}
}

// isLost reports whether an offset was declared lost for the log's target, or is before
// its beginning.
func (l *rangeLog) isLost(input int, offset int64) bool {
	for _, s := range l.lost[input] {
		if s.from < offset && offset <= s.to {
			return true
		}
	}
	return false
}

// lostUpTo returns the number of offsets below a progress that were declared lost.
func (l *rangeLog) lostUpTo(input int, to int64) (n uint64) {
	for _, s := range l.lost[input] {
		if s.to <= to && !s.begin {
			n += uint64(s.to - s.from)
		}
	}
	return n
}

// begins returns the first offset of an input partition, below a progress.
func (l *rangeLog) begins(input int, to int64) int64 {
	for _, s := range l.lost[input] {
		if s.begin && s.to <= to {
			return s.to + 1
		}
	}
	return 0
}
