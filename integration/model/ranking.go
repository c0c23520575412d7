package model

import (
	"fmt"
	"time"

	"pageheat/codec"
	"pageheat/processors"
)

// boardName is the name of the only board.
const boardName = "all-time"

// published is a record of the output.
type published struct {
	board     *codec.Board
	positions []byte
	by        settings // that it was made by
	known     int      // how much of the output its owner had read when it made it
}

// rankOwner follows the rules of adapter.Ranking, and of the callback that
// processors.NewRanking gives goka.
type rankOwner struct {
	tenure
	fencing

	stored  uint64 // epoch in the table
	ready   bool
	pos     int // leaders to read next
	output  int // board to read next
	seen    *published
	above   uint64
	taking  int // 0: an epoch is wanted; 1: it is written; 2: it is committed
	own     uint64
	highest uint64

	due, again bool
	publishing bool
}

func newRankOwner(t tenure) *rankOwner {
	return &rankOwner{tenure: t, fencing: fencing{table: t.w.rankTable}}
}

func (o *rankOwner) act() bool {
	switch {
	case !o.done:
		if !o.step(&o.tenure) {
			o.w.counts.Fenced++
			o.end("it was fenced while it took over")
		}
	case !o.ready:
		o.prepare()
	case o.taking < 2:
		o.takeEpoch()
	case o.leaving:
		return o.finish()
	default:
		return o.run()
	}
	return true
}

// prepare restores the table, and finds the newest board.
func (o *rankOwner) prepare() {
	if c, ok := o.table.table[codec.EpochKey()]; ok && c.offset <= o.fenceAt {
		e, err := codec.DecodeEpoch(c.value)
		if err != nil {
			o.w.violate("%s: %v", o.name, err)
		}
		o.stored = e.Epoch
	}
	o.pos, o.output = len(o.w.leaders), len(o.w.output)
	o.seen = o.w.newest()
	if o.seen != nil && o.seen != o.w.output[o.output-1] {
		o.again = true // an older version is the last: readers that begin there need a newer
	}
	o.ready = true
}

// newest is the board with the highest version, nil if there is none. It need not
// be the last one: an owner that was frozen may have let an older one out.
func (w *world) newest() (newest *published) {
	for _, p := range w.output {
		if newest == nil || p.board.Version > newest.board.Version {
			newest = p
		}
	}
	return newest
}

// takeEpoch does what the callback does for codec.FeedEpoch, and then waits for
// the transaction.
func (o *rankOwner) takeEpoch() {
	if o.taking == 1 {
		if !o.table.commit(o.epoch) {
			o.w.counts.Fenced++
			o.end("it was fenced before its epoch was stored")
			return
		}
		o.taking = 2
		o.w.counts.Epochs++
		o.w.say("%s ranks in epoch %d", o.name, o.own)
		return
	}
	highest := max(o.above, o.stored)
	var newest *codec.Board
	var made codec.Positions
	if o.seen != nil {
		newest = o.seen.board
		highest = max(highest, processors.Epoch(newest.Version))
		o.highest = max(o.highest, newest.Version)
		origin, err := codec.DecodeOrigin(o.seen.positions)
		if err != nil {
			o.w.violate("%s: %v", o.name, err)
		}
		made = origin.Positions
	}
	o.own = highest + 1
	if !o.w.on.RankingEpoch {
		o.own, newest, made = 1, nil, nil
	}
	if _, ok := o.table.write(o.epoch, codec.EpochKey(), codec.AppendEpoch(nil, codec.Epoch{Epoch: o.own})); !ok {
		o.w.counts.Fenced++
		o.end("it was fenced while it took an epoch")
		return
	}
	o.stored, o.taking = o.own, 1
	if o.on.ranker == nil {
		o.on.ranker = o.on.by(o.w).ranker()
	}
	o.on.ranker.Begin(o.own, len(o.w.logs), newest, made)
}

// run takes one of the steps there are.
func (o *rankOwner) run() bool {
	steps := make([]func(), 0, 3)
	if o.pos < len(o.w.leaders) {
		steps = append(steps, o.take)
	}
	if o.output < len(o.w.output) {
		steps = append(steps, o.watch)
	}
	if !o.publishing && (o.due || o.again) {
		steps = append(steps, o.publish)
	}
	if len(steps) == 0 {
		return false
	}
	steps[o.w.n(len(steps))]()
	return true
}

// take hands leaders to the ranker.
func (o *rankOwner) take() {
	l, err := codec.DecodeLeaders(o.w.leaders[o.pos])
	o.pos++
	o.due = true
	if err != nil {
		o.w.violate("%s: %v", o.name, err)
		return
	}
	if !o.w.on.MonotonicLeaders {
		l.Next = max(l.Next, o.w.newestNext[l.Partition])
	}
	if !o.w.on.OneDefinition {
		l.Definition = o.on.ranker.Definition()
	}
	next := l.Next
	fresh, err := o.on.ranker.Leaders(l)
	if err != nil {
		o.w.violate("%s: %v", o.name, err)
	}
	if !fresh {
		o.w.counts.IgnoredLeaders++
	}
	o.w.say("%s reads leaders of heat-%d at offset %d, counted %d, new enough: %t", o.name, l.Partition, next, l.Counted, fresh)
}

// publish sends a board, if there is one to send.
func (o *rankOwner) publish() {
	w := o.w
	again := o.again
	o.due, o.again = false, false
	board, made := o.on.ranker.Board(time.UnixMilli(int64(w.steps)), again)
	if board == nil {
		return
	}
	if again {
		w.counts.Again++
	}
	value, err := codec.EncodeBoard(board)
	if err != nil {
		w.violate("%s: %v", o.name, err)
		return
	}
	if w.chance(w.temper.lostAnswers / 2) {
		o.end("its session ended before its board went out")
		return
	}
	origin := codec.Origin{Group: "rank", Definition: o.on.ranker.Definition(), Positions: made}
	p := &published{positions: codec.AppendOrigin(nil, origin), known: o.output}
	o.publishing = true
	w.send(&flight{from: &o.tenure, label: fmt.Sprintf("board of epoch %d, version %d, counted %d, made from %v",
		processors.Epoch(board.Version), board.Version, board.Counted, nexts(made)),
		arrive: func() { w.appear(p, value) }, done: func() { o.publishing = false }})
}

func nexts(made codec.Positions) []int64 {
	next := make([]int64, len(made))
	for i, p := range made {
		next[i] = p.Next
	}
	return next
}

// watch looks at what was published.
func (o *rankOwner) watch() {
	seen := o.w.output[o.output]
	o.output++
	epoch := processors.Epoch(seen.board.Version)
	if !o.w.on.OthersBoards && epoch < o.own {
		epoch = o.own
	}
	switch version := seen.board.Version; {
	case epoch != o.own && version > o.highest && o.w.on.RankingEpoch:
		// A higher epoch than its own; or a lower one, of an owner before that
		// has published since this one looked for the newest board.
		o.seen, o.above, o.taking = seen, epoch, 0
		o.again = o.again || epoch > o.own
		o.w.counts.Overtaken++
	case version < o.highest:
		o.again = true
	}
	o.highest = max(o.highest, seen.board.Version)
}

// finish publishes what came last.
func (o *rankOwner) finish() bool {
	switch {
	case o.publishing:
		return false
	case o.due:
		o.publish()
	default:
		o.end("it has given up the ranking")
	}
	return true
}
