package accesslog

import "iter"

// Reader makes behaviours of entries. It is not safe for concurrent use.
type Reader struct {
	// Views and Visits have the rules.
	Views  *Views
	Visits *Visits
	// Bad, if not nil, is told of each entry that could not be read, or whose page cannot be
	// counted: then its Err says so.
	Bad func(Entry)

	stats Stats
}

// Stats are the numbers of what a [Reader] has read.
type Stats struct {
	// Lines is the number of lines, but for empty ones; Bad that of lines that could not be
	// read or whose page cannot be counted.
	Lines, Bad int64
	// Views is the number of views, Bots that of views of bots that were left out.
	Views, Bots int64
	// Late and Forced are those of [Visits].
	Late, Forced int64
}

// Stats returns the numbers up to now.
func (r *Reader) Stats() Stats {
	s := r.stats
	s.Bots, s.Late, s.Forced = r.Views.Dropped, r.Visits.Late, r.Visits.Forced
	return s
}

// Behaviours yields the behaviours of entries, in the order of their times. At the end of the
// entries it yields those that waited for more. An error of the entries ends it.
func (r *Reader) Behaviours(entries iter.Seq2[Entry, error]) iter.Seq2[Behaviour, error] {
	return func(yield func(Behaviour, error) bool) {
		decided := func() bool {
			for b, ok := r.Visits.Pop(); ok; b, ok = r.Visits.Pop() {
				if !yield(b, nil) {
					return false
				}
			}
			return true
		}
		for e, err := range entries {
			if err != nil {
				yield(Behaviour{}, err)
				return
			}
			r.read(e)
			if !decided() {
				return
			}
		}
		r.Visits.Close()
		decided()
	}
}

// read takes an entry in.
func (r *Reader) read(e Entry) {
	if e.Idle != 0 {
		r.Visits.Idle(e.Idle)
		return
	}
	r.stats.Lines++
	var view View
	ok := false
	if e.Err == nil {
		view, ok, e.Err = r.Views.Of(e.Request)
	}
	if e.Err != nil {
		if r.stats.Bad++; r.Bad != nil {
			r.Bad(e)
		}
		return
	}
	if ok {
		r.stats.Views++
		view.order = e.order
		r.Visits.Add(view)
	}
}
