package model

import (
	"slices"

	"pageheat/codec"
	"pageheat/topology"
)

// request is a request to forget a page, as somebody made it.
type request struct {
	id      codec.RequestID
	name    string // of the page
	page    int    // in world.pages, or noPage
	block   bool
	refused bool // nothing may come of it
}

// noPage is the number of a page that has no behaviours.
const noPage = -1

// asked is a request at an offset.
type asked struct {
	*request
	offset int64
}

// forgotten is a page that a heat partition has forgotten, by the model's own reading of the requests.
type forgotten struct {
	asked
	number uint64
	to     []int64  // by input partition: what is forgotten
	sweep  *sweepOf // if it is that, of many pages, and no request
}

// counts reports whether a behaviour of the page at an offset of an input partition counts.
func (f *forgotten) counts(input int, offset int64) bool { return !f.block && offset > f.to[input] }

// requestLog is one partition of the forget topic.
type requestLog struct {
	records []record
	next    int64
	asked   map[int64]*request // by offset; those of records that are compacted, too
	all     []*request
	taken   []forgotten // that are committed, in their order
}

// alone returns the transaction of a record that is in none.
func alone() *transaction { return &transaction{fate: committed} }

func (l *requestLog) append(key string, value []byte, t *transaction) (offset int64) {
	offset = l.next
	l.records = append(l.records, record{offset, key, slices.Clone(value), t})
	l.next++
	return offset
}

// read returns the first committed record from an offset on, below the last stable offset.
func (l *requestLog) read(from int64) (record, bool) {
	for _, r := range l.records {
		switch {
		case r.transaction.fate == open:
			return record{}, false
		case r.offset >= from && r.transaction.fate == committed:
			return r, true
		}
	}
	return record{}, false
}

// compact changes the log to what compaction may leave.
func (l *requestLog) compact(w *world) {
	point := l.next
	for _, r := range slices.Backward(l.records) {
		if r.transaction.fate == open {
			point = r.offset
		}
	}
	if point > 0 {
		l.records, _ = compacted(l.records, int64(w.n(int(point)))+1)
	}
}

// ask makes somebody ask for a page to be forgotten, or ask once more.
func (w *world) ask() {
	at := w.n(len(w.pages))
	r := &request{name: w.pages[at].name, page: at, block: w.chance(0.4)}
	switch {
	case w.chance(0.1):
		r.name, r.page = "nobody was here", noPage
	case w.chance(0.05):
		r.refused = true
	}
	target := int(topology.Partition(r.name, w.temper.targets))
	log := w.requests[target]
	if len(log.all) > 0 && w.chance(0.25) {
		r = log.all[w.n(len(log.all))]
		w.counts.RequestsAgain++
	} else {
		w.asked++
		r.id = codec.RequestID{byte(w.asked), byte(w.asked >> 8)}
		log.all = append(log.all, r)
	}
	f := codec.Forget{ID: r.id, Hash: codec.HashPage(r.name), Placed: topology.Hash(r.name), Block: r.block, RequestedAt: w.now.UnixMilli()}
	if w.chance(0.5) {
		f.Page = r.name
	}
	value := codec.AppendForget(nil, &f)
	if r.refused {
		value = value[:len(value)-1]
	}
	offset := log.append(f.Key(), value, alone())
	log.asked[offset] = r
	w.counts.Requests++
	w.say("somebody asks to forget page %q (block %t, refused %t) at offset %d of forget-%d, request %d", r.name, r.block, r.refused, offset, target, r.id[:2])
}

// cut is what a heat partition has in: the input, up to offsets, without the pages that were forgotten.
type cut struct {
	to    []int64
	taken uint64       // requests to forget pages
	gone  []*forgotten // by number of the page; nil if there are none
}

// counts reports whether a message of the partition is part of the cut.
func (c *cut) counts(input int, m *message) bool {
	return c.gone == nil || c.gone[m.page] == nil || c.gone[m.page].counts(input, m.offset)
}

// cut is what the committed table has at an offset of the behaviour topic, with a number of requests.
func (w *world) cut(target int, next int64, taken uint64) cut {
	return w.cutOf(target, next, taken, w.requests[target].taken)
}

func (w *world) cutOf(target int, next int64, taken uint64, of []forgotten) cut {
	c := cut{to: w.logs[target].reached[next], taken: taken}
	if taken > uint64(len(of)) {
		w.violate("%d requests to forget pages of heat-%d are in, and %d are committed", taken, target, len(of))
		return c
	}
	if taken > 0 {
		c.gone = make([]*forgotten, len(w.pages))
	}
	for i := range of[:taken] {
		f := &of[i]
		if f.page != noPage {
			c.gone[f.page] = f
		}
		if f.sweep == nil {
			continue
		}
		for page, gone := range f.sweep.gone {
			if was := c.gone[page]; gone && (was == nil || !was.block) {
				c.gone[page] = f
			}
		}
	}
	return c
}

// lastCuts are what all heat partitions have in at the end.
func (w *world) lastCuts() []cut {
	cuts := make([]cut, len(w.logs))
	for target, l := range w.logs {
		cuts[target] = w.cut(target, l.watermark, uint64(len(w.requests[target].taken)))
	}
	return cuts
}

// newestOf is what is forgotten of a page, nil if nothing is.
func newestOf(name string, of []forgotten) *forgotten {
	for i := range slices.Backward(of) {
		if of[i].sweep == nil && of[i].name == name {
			return &of[i]
		}
	}
	return nil
}

// checkForgotten checks what the table has of pages that were forgotten.
func (w *world) checkForgotten(target int, p *codec.Progress) {
	log, table := w.requests[target], w.tables[target]
	if p.Forget.Taken != uint64(len(log.taken)) {
		w.violate("%s: %d requests to forget pages are in, and it was given %d", table.name, p.Forget.Taken, len(log.taken))
	}
	for i := range log.taken {
		if log.taken[i].sweep != nil {
			w.checkSweep(target, &log.taken[i])
			continue
		}
		want := newestOf(log.taken[i].name, log.taken)
		got, err := codec.DecodeForgotten(table.table[codec.ForgottenKey(codec.HashPage(want.name))].value)
		if err != nil {
			w.violate("%s: forgotten page %q: %v", table.name, want.name, err)
			return
		}
		to := slices.Clone(got.To)
		for len(to) < len(want.to) {
			to = append(to, codec.Unknown)
		}
		if got.ID != want.id || got.Number != want.number || got.Blocked != want.block || got.Placed != topology.Hash(want.name) ||
			!slices.Equal(to, want.to) || len(got.To) > 0 && got.Input != w.inputID {
			w.violate("%s: forgotten page %q is %+v, and should be number %d up to %v by request %d, blocked %t",
				table.name, want.name, got, want.number, want.to, want.id[:2], want.block)
		}
		if want.page == noPage && table.table[want.name].value != nil {
			w.violate("%s: page %q has a record, and no behaviours", table.name, want.name)
		}
	}
}

// checkAnswered checks that, at the end, every request is taken in, and that none has the name of its page.
func (w *world) checkAnswered() {
	for target, log := range w.requests {
		in := map[codec.RequestID]bool{}
		for _, f := range log.taken {
			if f.sweep == nil {
				in[f.id] = true
			}
		}
		newest := map[string][]byte{}
		for _, r := range log.records {
			if r.transaction.fate == committed {
				newest[r.key] = r.value
			}
		}
		for _, r := range log.all {
			if r.refused {
				if in[r.id] {
					w.violate("request %d was taken in, and should be refused", r.id[:2])
				}
				continue
			}
			f, err := codec.DecodeForget(newest[codec.ForgetKey(codec.HashPage(r.name), r.id)])
			if !in[r.id] || err != nil || f.Number == 0 || f.Page != "" {
				w.violate("no progress: request %d to forget page %q of heat-%d is taken in: %t; the topic has %+v (%v)", r.id[:2], r.name, target, in[r.id], f, err)
			}
		}
	}
}

// nextRequest gives the stage the next record of the forget topic.
func (o *heatOwner) nextRequest(r record) {
	w := o.w
	o.position = r.offset + 1
	value := r.value
	if f, err := codec.DecodeForget(value); err == nil && !w.on.BlockedPages {
		f.Block = false
		value = codec.AppendForget(nil, f)
	}
	refused, err := o.stage.Forget([]byte(r.key), value, w.forgetID, r.offset)
	if err != nil {
		w.violate("%s: %v", o.name, err)
		return
	}
	request := o.requests.asked[r.offset] // nil if it is an answer
	if want := request != nil && request.refused; want != (refused != nil) {
		w.violate("%s: the request at offset %d is refused: %v", o.name, r.offset, refused)
	}
	w.say("%s reads offset %d of forget-%d", o.name, r.offset, o.slot.partition)
	if request != nil && !request.refused {
		o.given = append(o.given, asked{request, r.offset})
	}
}

// tookIn notes the requests that the stage has taken in; before are the books before.
func (o *heatOwner) tookIn(before *books) {
	if len(o.given) == 0 {
		return
	}
	w := o.w
	progress, _ := o.part.Progress()
	took := false
	for len(o.given) > 0 && o.given[0].offset < progress.Forget.Next {
		r := o.given[0]
		o.given = o.given[1:]
		took, o.written = true, before
		w.say("%s takes the request at offset %d in: forgets page %q", o.name, r.offset, r.name)
		if last := newestOf(r.name, o.forgotten); last != nil && last.id == r.id {
			continue
		}
		if before := slices.DeleteFunc(slices.Clone(o.forgotten), func(f forgotten) bool { return f.sweep != nil }); len(before) > 0 && r.offset <= before[len(before)-1].offset {
			w.violate("%s: the request at offset %d of forget-%d is taken in twice", o.name, r.offset, o.slot.partition)
		}
		o.forgotten = append(o.forgotten, forgotten{asked: r, number: uint64(len(o.forgotten)) + 1, to: slices.Clone(o.log.reached[o.next])})
		w.counts.Forgotten++
	}
	if took && !w.on.HeldLeaders {
		o.hurry()
	}
}

// answer writes that a request is taken in.
func (o *heatOwner) answer(key string, value []byte) {
	t, ok := o.table.begin(o.epoch)
	if !ok {
		o.w.counts.Fenced++
		o.end("it was fenced while it wrote")
		return
	}
	if !o.w.on.AnswerInTransaction {
		t = alone()
	}
	at := o.requests.append(key, value, t)
	o.w.say("%s writes the answer %q at offset %d of forget-%d", o.name, key, at, o.slot.partition)
}

// hurry sends leaders before the commit that forgets pages.
func (o *heatOwner) hurry() {
	var l codec.Leaders
	o.part.Leaders(&l)
	w := o.w
	body := o.claim(codec.AppendLeaders(nil, &l))
	w.send(&flight{from: &o.tenure, label: "early leaders", arrive: func() { w.leaders = append(w.leaders, body) }, done: func() {}})
}

// take gives a partition a record of the changelog.
func (w *world) take(p interface {
	Set(key string, value []byte) error
	Remove(key string) error
}, key string, value []byte) error {
	if _, forgotten := codec.ForgottenHash(key); forgotten && !w.on.ForgottenInTable {
		return nil
	}
	if value == nil && w.on.MarkedTombstones {
		return p.Remove(key)
	}
	return p.Set(key, value)
}

// checkGone checks that a board has the requests in that are in an earlier board of its owner.
func (w *world) checkGone(p *published) {
	for _, before := range w.output {
		if before.from != p.from || before.board.Version > p.board.Version {
			continue
		}
		for _, o := range before.board.Forgotten {
			if taken, _ := p.board.Forgotten.Get(o.Partition); taken < o.Offset {
				w.violate("board %s, version %d, has %d requests to forget pages of heat-%d in, and board %s, version %d, has %d",
					p.board.Board, p.board.Version, taken, o.Partition, before.board.Board, before.board.Version, o.Offset)
				return
			}
		}
	}
}
