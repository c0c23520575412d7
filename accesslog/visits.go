package accesslog

import (
	"cmp"
	"container/heap"
	"time"

	"pageheat/codec"
	"pageheat/heat"
)

const (
	// MaxMinutes is the maximum dwell time of a view.
	MaxMinutes = 30
	// Disorder is how late a line may be in its log, by its time. Servers write a line when the
	// answer is sent, and some with the time of the request.
	Disorder = time.Minute
	// MaxWaiting is how many bytes of views wait at most.
	MaxWaiting = 256 << 20

	// viewBytes is what a view takes that waits, besides its names: a test measures it.
	viewBytes = 224
	// Dwell times have 7 decimals of a minute: the last one is perDecimal, which is
	// unitsPerDecimal of [heat.Minutes].
	perDecimal      = time.Minute / 1e7
	unitsPerDecimal = 100
)

// LastMinutes is the dwell time of a view without a next one.
func LastMinutes() heat.Minutes { return heat.WholeMinutes(1) / 2 }

// Behaviour is a view whose dwell time is decided.
type Behaviour struct {
	// Page is the name of the page.
	Page string
	// Time is that of the view.
	Time time.Time
	// Minutes is the dwell time, at most [MaxMinutes].
	Minutes heat.Minutes
	// Like is 1 if the client has viewed the page before, else 0.
	Like int8
}

// Append appends the behaviour as a message, page|clicks|minutes|like, to dst.
func (b Behaviour) Append(dst []byte) []byte {
	return codec.AppendBehaviour(dst, heat.Behaviour{Page: []byte(b.Page), Clicks: 1, Minutes: b.Minutes, Like: b.Like})
}

// Visits decides the dwell times of views. Views are added, then [Visits.Pop] is called until
// nothing is decided; [Visits.Close] decides all that wait. It is not safe for concurrent use.
type Visits struct {
	// Timeout is the time after which a client's next view is another visit: then the view before
	// is the last one of its own. 0 means that there is no such time, and a view may wait
	// until the end of the log.
	Timeout time.Duration
	// Waiting is how many bytes of views wait at most; 0 means [MaxWaiting].
	Waiting int

	// Late is the number of views that came more than [Disorder] after a later one.
	Late int64
	// Forced is the number of views that were taken for the last ones of their clients
	// because too many waited.
	Forced int64

	sorting sorting           // views of the last minute, not in order yet
	waiting []*visit          // in order, from first on
	first   int               // index of the oldest that waits
	last    map[string]*visit // the newest view of each client, while it waits
	seen    seen
	bytes   int
	added   int64
	newest  time.Time // of all views
	closed  bool
}

// visit is a view that waits.
type visit struct {
	View
	number  int64 // in the order of the log
	minutes heat.Minutes
	like    int8
	decided bool
}

func (v *visit) size() int { return viewBytes + len(v.Client) + len(v.Page) }

// Add adds a view.
func (s *Visits) Add(v View) {
	if v.Time.Before(s.newest.Add(-Disorder)) {
		s.Late++
	}
	if v.Time.After(s.newest) {
		s.newest = v.Time
	}
	s.added++
	added := &visit{View: v, number: s.added}
	s.bytes += added.size()
	heap.Push(&s.sorting, added)
	s.sort(s.newest.Add(-Disorder))
}

// Idle tells that no view has come for a time since the last one was added, and that all up to
// now have been added.
func (s *Visits) Idle(since time.Duration) {
	if s.added == 0 {
		return
	}
	now := s.newest.Add(since)
	s.sort(now.Add(-Disorder))
	s.expire(now.Add(-Disorder))
}

// Close decides all views that wait: no more will come.
func (s *Visits) Close() {
	s.closed = true
	for len(s.sorting) > 0 {
		s.next()
	}
	for _, v := range s.waiting[s.first:] {
		s.end(v)
	}
}

// Pop returns the oldest view if it is decided.
func (s *Visits) Pop() (b Behaviour, ok bool) {
	if s.bytes > s.most() && !s.closed {
		if s.first == len(s.waiting) { // so the last minute alone is too much
			s.next()
		}
		if v := s.waiting[s.first]; !v.decided {
			s.Forced++
			s.end(v)
		}
	}
	if s.first == len(s.waiting) || !s.waiting[s.first].decided {
		return b, false
	}
	v := s.waiting[s.first]
	s.waiting[s.first] = nil
	if s.first++; s.first > len(s.waiting)/2 {
		n := copy(s.waiting, s.waiting[s.first:])
		clear(s.waiting[n:])
		s.waiting, s.first = s.waiting[:n], 0
	}
	s.bytes -= v.size()
	return Behaviour{Page: v.Page, Time: v.Time, Minutes: v.minutes, Like: v.like}, true
}

func (s *Visits) most() int {
	if s.Waiting == 0 {
		return MaxWaiting
	}
	return s.Waiting
}

// sort takes the views before a time into the order.
func (s *Visits) sort(before time.Time) {
	for len(s.sorting) > 0 && s.sorting[0].Time.Before(before) {
		s.next()
	}
}

// next takes the oldest view into the order, and decides the one before of its client.
func (s *Visits) next() {
	v := heap.Pop(&s.sorting).(*visit) //nolint:forcetypeassert // nothing else is pushed
	s.expire(v.Time)
	if s.last == nil {
		s.last = map[string]*visit{}
	}
	if s.seen.add(v.Client, v.Page) {
		v.like = 1
	}
	s.waiting = append(s.waiting, v)
	before := s.last[v.Client]
	switch {
	case before == nil:
	case v.Time.Before(before.Time): // it is late
		v.minutes, v.decided = minutesOf(before.Time.Sub(v.Time)), true
		return
	default:
		before.minutes, before.decided = minutesOf(v.Time.Sub(before.Time)), true
	}
	s.last[v.Client] = v
}

// expire decides the views whose client has been away for too long at a time.
func (s *Visits) expire(now time.Time) {
	if s.Timeout == 0 {
		return
	}
	for i := s.first; i < len(s.waiting) && s.waiting[i].Time.Before(now.Add(-s.Timeout)); i++ {
		s.end(s.waiting[i])
	}
}

// end takes a view that is not decided for the last one of its client.
func (s *Visits) end(v *visit) {
	if v.decided {
		return
	}
	v.minutes, v.decided = LastMinutes(), true
	delete(s.last, v.Client)
}

// minutesOf is a time in minutes, rounded half to even at 7 decimals, at most [MaxMinutes].
func minutesOf(d time.Duration) heat.Minutes {
	if d >= MaxMinutes*time.Minute {
		return heat.WholeMinutes(MaxMinutes)
	}
	n, rest := d/perDecimal, d%perDecimal
	if rest > perDecimal/2 || rest == perDecimal/2 && n%2 == 1 {
		n++
	}
	return heat.Minutes(n) * unitsPerDecimal
}

// sorting is a heap of views by time, and then in the order of the log.
type sorting []*visit

func (s sorting) Len() int { return len(s) }

func (s sorting) Less(i, j int) bool {
	a, b := s[i], s[j]
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.order, b.order), cmp.Compare(a.number, b.number)) < 0
}

func (s sorting) Swap(i, j int) { s[i], s[j] = s[j], s[i] }

// Push is for package heap.
func (s *sorting) Push(v any) { *s = append(*s, v.(*visit)) } //nolint:forcetypeassert // nothing else is pushed

// Pop is for package heap.
func (s *sorting) Pop() any {
	last := len(*s) - 1
	v := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return v
}
