package model

import (
	"fmt"
	"time"

	"pageheat/codec"
	"pageheat/events"
)

// The rules of events: boards of the model are short.
const (
	eventsRise   = 2
	eventsWithin = 20 * time.Second
)

func eventRules() events.Rules {
	s := events.DefaultSettings()
	s.EventsRise, s.EventsRiseWithin = eventsRise, eventsWithin
	rules, err := s.Rules()
	if err != nil {
		panic(err) // they are valid
	}
	return rules
}

// eventsOwner writes events of boards, as package pipeline does: it makes them with a real follower, and writes them,
// the trails of the boards and its position in the output in one transaction.
type eventsOwner struct {
	tenure
	fencing

	follower *events.Follower
	restored int64 // the next offset of the table
	found    codec.Fence
	known    bool // there is a position
	begun    bool
	first    int // boards below it have no events: there was no position
	next     int // board of the output
	waiting  []codec.Event
	unsaved  bool // next is above the position in the table
	written  bool // all that the transaction has; its end is on its way
}

func newEventsOwner(t tenure) *eventsOwner {
	return &eventsOwner{tenure: t, fencing: fencing{table: t.w.events.table}, follower: events.NewFollower(t.w.events.rules)}
}

func (o *eventsOwner) act() bool {
	w := o.w
	switch {
	case !o.taken:
		if !o.step(&o.tenure) {
			o.fenced()
		}
	case !o.begun:
		o.restore()
	case o.written:
		o.commit()
	case o.leaving:
		o.end("it has given up the events")
	case o.next < len(w.output) && (len(o.waiting) == 0 || w.chance(0.7)):
		o.take()
	case o.unsaved:
		o.write()
	default:
		return false
	}
	return true
}

func (o *eventsOwner) fenced() {
	o.w.counts.Fenced++
	o.end("it was fenced")
}

// restore reads a few records of the table, up to the fence.
func (o *eventsOwner) restore() {
	for range 1 + o.w.n(12) {
		r, more := o.table.read(o.restored, o.fenceAt)
		if !more {
			o.begin()
			return
		}
		o.restored = r.offset + 1
		if err := o.restoreRecord(r.key, r.value); err != nil {
			o.w.violate("%s: restoring offset %d: %v", o.name, r.offset, err)
			return
		}
	}
}

func (o *eventsOwner) restoreRecord(key string, value []byte) (err error) {
	switch kind, _, internal := codec.InternalKey(key); {
	case kind == codec.KindFence:
		o.found, err = codec.DecodeFence(value)
	case kind == codec.KindPosition:
		var at codec.EventsPosition
		at, err = codec.DecodeEventsPosition(value)
		o.next, o.known = int(at.Next), true
	case internal:
	default:
		var trail *codec.Trail
		if trail, err = codec.DecodeTrail(value); err == nil && o.w.on.Trails {
			o.follower.Restore(key, trail)
		}
	}
	return err
}

// begin makes sure that there is a position. Without one, the boards that are there are the first ones, which have no
// events.
func (o *eventsOwner) begin() {
	if o.found != o.fence {
		o.end("its restore did not reach its fence")
		return
	}
	o.begun = true
	o.w.say("%s is restored: goes on at board %d", o.name, o.next)
	for !o.known && o.next < len(o.w.output) {
		o.take()
		o.waiting, o.first = nil, o.next
	}
	o.unsaved = o.unsaved || !o.known
}

// take takes the next board of the output.
func (o *eventsOwner) take() {
	p := o.w.output[o.next]
	happened, err := o.follower.Record(p.board.Board, p.value, p.positions)
	if err != nil {
		o.w.violate("%s: board %d: %v", o.name, o.next, err)
	}
	o.next++
	o.waiting, o.unsaved = append(o.waiting, happened...), true
}

// write puts what has happened, the trails that have changed and the position into a transaction.
func (o *eventsOwner) write() {
	if !o.w.on.EventsInTransaction {
		o.w.events.happened = append(o.w.events.happened, o.waiting...)
	}
	for _, c := range o.follower.Changes() {
		if _, ok := o.table.write(o.epoch, c.Board, codec.AppendTrail(nil, c.Trail)); !ok {
			o.fenced()
			return
		}
	}
	at := codec.EventsPosition{Output: codec.TopicID{3}, Next: int64(o.next)}
	if _, ok := o.table.write(o.epoch, codec.EventsPositionKey(), codec.AppendEventsPosition(nil, at)); !ok {
		o.fenced()
		return
	}
	o.written = true
}

// commit ends the transaction. The answer may be lost, which ends the session.
func (o *eventsOwner) commit() {
	w := o.w
	lost := w.chance(w.temper.lostAnswers)
	if lost && w.chance(0.5) {
		o.end("its commit was not answered, and did not happen")
		return
	}
	if !o.table.commit(o.epoch) {
		o.fenced()
		return
	}
	if w.on.EventsInTransaction {
		w.events.happened = append(w.events.happened, o.waiting...)
	}
	w.say("%s commits %d events of boards up to %d", o.name, len(o.waiting), o.next-1)
	w.counts.Events += uint64(len(o.waiting))
	if err := w.events.check(w.output, o.first, o.next); err != nil {
		w.violate("%s: events of boards below %d: %w", o.name, o.next, err)
	}
	o.waiting, o.unsaved, o.written = nil, false, false
	if lost {
		o.end("its commit was not answered, but did happen")
	}
}

// eventLog is the topic of events, and what should be in it.
type eventLog struct {
	rules    events.Rules
	table    *changelog
	happened []codec.Event

	read    int // boards of the output with all of their events
	checked int // events
	boards  map[string]*past
}

// past is what a board was, from its first version of this definition and period on.
type past struct {
	basis    string
	versions []*codec.Board
	at       []int64 // in ms since 1970; it never goes back
	rose     map[string]int64
}

func newEventLog(fencing bool) *eventLog {
	return &eventLog{rules: eventRules(), table: newChangelog("events-table", fencing), boards: map[string]*past{}}
}

// check checks that each board below next has all of its events, once, and in order; those below first have none.
func (l *eventLog) check(output []*published, first, next int) error {
	if next < l.read {
		return fmt.Errorf("those of boards below %d were written before", l.read)
	}
	var want []codec.Event
	for i := l.read; i < next; i++ {
		if happened := l.happens(output[i]); i >= first {
			want = append(want, happened...)
		}
	}
	got := l.happened[l.checked:]
	for i := range want {
		if i == len(got) {
			return fmt.Errorf("there is no event %s", want[i].ID())
		}
		is, err := codec.EncodeEvent(&got[i])
		if err != nil {
			return err
		}
		if should, err := codec.EncodeEvent(&want[i]); err != nil || string(is) != string(should) {
			return fmt.Errorf("event %s, and it should be %s (%w)", is, should, err)
		}
	}
	if len(got) > len(want) {
		return fmt.Errorf("an event %s that did not happen, or was written before", got[len(want)].ID())
	}
	l.read, l.checked = next, len(l.happened)
	return nil
}

// happens returns what happens with the next board of the output.
func (l *eventLog) happens(p *published) (happened []codec.Event) {
	b, was := p.board, l.boards[p.board.Board]
	if b.Final || was != nil && was.last().Version >= b.Version {
		return nil
	}
	basis := b.DefinitionHash + " " + b.Period
	if b.DefinitionHash == "" {
		basis = p.by.definition().String()
	}
	if was == nil || was.basis != basis {
		l.boards[b.Board] = &past{basis: basis, versions: []*codec.Board{b}, at: []int64{b.UpdatedAt.UnixMilli()}, rose: map[string]int64{}}
		return nil
	}
	before, at := was.last(), max(b.UpdatedAt.UnixMilli(), was.at[len(was.at)-1])
	was.versions, was.at = append(was.versions, b), append(was.at, at)
	add := func(e codec.Event) {
		e.Board, e.Version, e.PreviousVersion, e.At = b.Board, b.Version, before.Version, b.UpdatedAt
		happened = append(happened, e)
	}
	for i := range before.Pages {
		if page := before.Pages[i].Page; rankOf(b, page) == 0 {
			delete(was.rose, page)
			add(codec.Event{Kind: codec.Left, Page: page, PreviousRank: i + 1})
		}
	}
	for i := range b.Pages {
		page := &b.Pages[i]
		e := codec.Event{Page: page.Page, Rank: i + 1, PreviousRank: rankOf(before, page.Page),
			Title: page.Title, URL: page.URL, Heat: page.Heat, Clicks: page.Clicks, Minutes: page.Minutes, Likes: page.Likes, Behaviours: page.Behaviours}
		if e.PreviousRank == 0 {
			e.Kind = codec.Entered
			add(e)
		}
		if e.Rank == 1 && e.PreviousRank != 1 {
			leader := e
			if leader.Kind = codec.TookRank1; len(before.Pages) > 0 {
				leader.PreviousLeader = before.Pages[0].Page
			}
			add(leader)
		}
		if e.PreviousRank > e.Rank && was.rises(&e) {
			add(e)
		}
	}
	return happened
}

func (p *past) last() *codec.Board { return p.versions[len(p.versions)-1] }

// rises reports whether a page has risen far enough on the last version, and completes the event.
func (p *past) rises(e *codec.Event) bool {
	now := p.at[len(p.at)-1]
	until := now
	lowest, since := 0, int64(0)
	for i := len(p.versions) - 2; i >= 0; i-- {
		rank := rankOf(p.versions[i], e.Page)
		if rank == 0 || until < now-eventsWithin.Milliseconds() {
			break
		}
		if rank > lowest {
			lowest, since = rank, until
		}
		if i > 0 && rankOf(p.versions[i-1], e.Page) != rank {
			until = p.at[i]
		}
	}
	if rose := p.rose[e.Page]; lowest-e.Rank < eventsRise || rose > 0 && now-rose <= eventsWithin.Milliseconds() {
		return false
	}
	p.rose[e.Page] = now
	e.Kind, e.Places, e.FromRank, e.Since = codec.Rose, lowest-e.Rank, lowest, time.UnixMilli(since).UTC()
	return true
}

// rankOf is the rank of a page on a board, 0 if it is not on it.
func rankOf(b *codec.Board, page string) int {
	for i := range b.Pages {
		if b.Pages[i].Page == page {
			return i + 1
		}
	}
	return 0
}
