package model

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pageheat/codec"
	"pageheat/processors"
)

// The board of all time, the topic of all boards and its publisher.
const (
	boardName = "all-time"
	rankGroup = "rank"
	output    = "output"
)

// published is a record of the output.
type published struct {
	value     []byte
	board     *codec.Board // the decoded value, set on arrival
	positions []byte
	by        settings // that it was made with
	from      *tenure
	known     int // the number of boards that its owner had read when it made this one
}

// ranking is an epoch, and the further boards that its owner has.
type ranking struct {
	epoch  uint64
	boards []string
}

// rankOwner drives the stage of a session of the ranking.
type rankOwner struct {
	tenure
	fencing

	stage   *processors.RankStage
	pos     int    // leaders to read next
	output  int    // board to read next
	known   []byte // the epoch in the table, as far as this owner knows; nil if there is none
	storing bool   // it is written but not committed
	settled bool   // the request for a board is acknowledged
}

func newRankOwner(t tenure) *rankOwner {
	return &rankOwner{tenure: t, fencing: fencing{table: t.w.rankTable}}
}

func (o *rankOwner) act() bool {
	switch {
	case !o.taken:
		if !o.step(&o.tenure) {
			o.w.counts.Fenced++
			o.end("it was fenced while it took over")
		}
	case o.stage == nil:
		o.prepare()
	case o.storing:
		o.store()
	default:
		return o.run()
	}
	return true
}

// prepare restores the table and finds the newest board.
func (o *rankOwner) prepare() {
	fence := o.table.table[codec.FenceKey(0)] // perhaps already that of the next owner
	if err := processors.RestoredRanking(fence.value, o.fence.Owner); err != nil && fence.offset <= o.fenceAt {
		o.w.violate("%s: %v", o.name, err)
		return
	}
	if c, ok := o.table.table[codec.EpochKey()]; ok && c.offset <= o.fenceAt {
		o.known = c.value
	}
	if err := processors.CheckEpoch(o.known, rankGroup, output, false); err != nil {
		o.w.violate("%s: %v", o.name, err)
	}
	o.pos, o.output = len(o.w.leaders), len(o.w.output)
	start := processors.RankStart{PublishEvery: o.w.temper.publish, Partitions: int32(len(o.w.logs)), Next: int64(o.pos)}
	if newest := o.w.newest(); newest != nil {
		start.Newest = *newest
	}
	start.Further = o.found(start.Newest.Version)
	o.stage = processors.NewRankStage(start)
}

// readOutput reads a board of the output as a process does, nil if it does not know it.
func (w *world) readOutput(on *instance, p *published) *processors.Output {
	b, err := processors.ReadOutput(p.board.Board, p.value, p.positions, boardName, w.boardNames(on.by(w)), rankGroup, 0)
	if err != nil {
		w.violate("a board in the output: %v", err)
	}
	return b
}

// newest returns the newest board in the output, nil if there is none.
func (w *world) newest() *processors.Output {
	search := codec.NewBoardSearch[processors.Output](0, int64(len(w.output)))
	for from, to, more := search.Next(); more; from, to, more = search.Next() {
		for _, p := range w.output[from:to] {
			if p.board.Board != boardName {
				continue
			}
			b, err := processors.ReadOutput(boardName, p.value, p.positions, boardName, nil, rankGroup, 0)
			if err != nil {
				w.violate("a board in the output: %v", err)
				return nil
			}
			search.Found(b.Version, *b)
		}
	}
	return search.Newest()
}

// run takes the next step of the stage.
func (o *rankOwner) run() bool {
	if o.leaving {
		o.stage.End()
	}
	if o.settled {
		o.settled = false
		o.stage.Published()
	}
	switch a := o.stage.Next(o.now()); a.Do {
	case processors.DoFeed:
		o.rank(&a)
	case processors.DoEnd:
		o.end("it has given up the ranking")
	case processors.DoWait:
		return a.Input && o.listen()
	}
	return true
}

// listen gives the stage leaders or a board of the output, and reports whether there were any.
func (o *rankOwner) listen() bool {
	leaders, boards := o.pos < len(o.w.leaders), o.output < len(o.w.output)
	switch {
	case leaders && (!boards || o.w.chance(0.5)):
		o.stage.Leaders(int64(o.pos), o.w.leaders[o.pos])
		o.pos++
	case boards:
		seen := o.w.output[o.output]
		o.output++
		if !o.w.on.OthersBoards && processors.Epoch(seen.board.Version) < o.stage.Epoch() {
			return true
		}
		if b := o.w.readOutput(o.on, seen); b != nil {
			o.stage.Output(*b)
		}
	default:
		return false
	}
	return true
}

// rank passes a message of the stage to the ranker, as goka does.
func (o *rankOwner) rank(a *processors.Action) {
	w := o.w
	if o.on.ranker == nil {
		o.on.ranker = w.ranker(o.on.by(w))
	}
	message := a.Value
	switch a.Kind() {
	case codec.FeedEpoch:
		if !w.on.RankingEpoch {
			message = codec.AppendEpochRequest(nil, codec.EpochRequest{Partitions: int32(len(w.logs))})
		}
	case codec.FeedHeard:
		message = o.distort(message)
	}
	ranked, err := o.on.ranker.Take(message, o.stored, o.now())
	if err != nil {
		w.violate("%s: %v", o.name, err)
		return
	}
	switch {
	case ranked.Epoch != nil:
		if _, ok := o.table.write(o.epoch, codec.EpochKey(), ranked.Epoch); !ok {
			w.counts.Fenced++
			o.end("it was fenced while it took an epoch")
			return
		}
		o.known, o.storing = ranked.Epoch, true
	case len(ranked.Boards) > 0:
		o.publish(ranked.Boards, a.Kind() == codec.FeedRepublish)
	case a.Ack:
		o.settled = true // there is no board to wait for
	}
}

// stored returns what goka's copy of the table contains.
func (o *rankOwner) stored() any {
	if !o.w.on.RankingEpoch {
		return nil
	}
	return o.known
}

// distort returns leaders as they are without the protections that are off.
func (o *rankOwner) distort(message []byte) []byte {
	w := o.w
	_, body, _ := codec.SplitFeed(message)
	offset, leaders, err := codec.SplitHeard(body)
	if err != nil {
		w.violate("%s: %v", o.name, err)
	}
	l, err := codec.DecodeLeaders(leaders)
	if err != nil {
		w.violate("%s: %v", o.name, err)
		return message
	}
	w.say("%s reads leaders of heat-%d at offset %d, counted %d%s", o.name, l.Partition, l.Next, l.Counted, boardsIn(l))
	if l.Next < w.newestNext[l.Partition] {
		w.counts.IgnoredLeaders++
	}
	if w.on.MonotonicLeaders && w.on.OneDefinition && w.on.OneSlot && w.on.OneBoard && w.on.MonotonicForgets {
		return message
	}
	o.mislead(l)
	if !w.on.MonotonicLeaders {
		l.Next = max(l.Next, w.newestNext[l.Partition])
	}
	if !w.on.MonotonicForgets {
		l.Forget.Taken = max(l.Forget.Taken, w.forgets[l.Partition])
		w.forgets[l.Partition] = l.Forget.Taken
	}
	if !w.on.OneDefinition {
		l.Definition = o.on.by(w).definition()
	}
	return codec.AppendHeard(nil, offset, codec.AppendLeaders(nil, l))
}

// store commits the new epoch.
func (o *rankOwner) store() {
	if !o.table.commit(o.epoch) {
		o.w.counts.Fenced++
		o.end("it was fenced before its epoch was stored")
		return
	}
	was := o.stage.Epoch()
	if err := o.stage.Stored(o.known); err != nil {
		o.w.violate("%s: %v", o.name, err)
	}
	o.storing = false
	o.w.counts.Epochs++
	if was != 0 {
		o.w.counts.Overtaken++
	}
	o.w.rankings = append(o.w.rankings, ranking{o.stage.Epoch(), o.w.boardNames(o.on.by(o.w))})
	o.w.say("%s ranks in epoch %d", o.name, o.stage.Epoch())
}

// publish sends boards, in one request or in two.
func (o *rankOwner) publish(b []processors.Published, again bool) {
	w := o.w
	if again {
		w.counts.Again++
	}
	if w.chance(w.temper.lostAnswers / 2) {
		o.end("its session ended before its board went out")
		return
	}
	var made []*published
	for i := range b {
		if b[i].Value == nil {
			continue // it deletes a final board that is no longer kept
		}
		if !w.on.EmptyGroups && isEmptyGroup(b[i].Value) {
			continue
		}
		p := &published{from: &o.tenure, value: b[i].Value, positions: b[i].Positions, known: o.output}
		if !w.on.TimeInHeaders {
			p.positions = unstamped(p.positions)
		}
		made = append(made, p)
	}
	if len(made) == 0 {
		o.settled = true
		return
	}
	o.request(made)
}

// request sends boards, the later ones after the first have arrived.
func (o *rankOwner) request(all []*published) {
	w, now := o.w, len(all)
	if now > 1 && w.chance(0.2) {
		now = 1 + w.n(now-1)
	}
	label := "boards"
	if w.trace != nil {
		label = ""
		for _, p := range all[:now] {
			label += p.describe()
		}
	}
	arrived := false
	w.send(&flight{from: &o.tenure, label: label, arrive: func() {
		for _, p := range all[:now] {
			again := *p
			w.appear(&again)
		}
		if !arrived && now < len(all) && !o.over {
			o.request(all[now:])
		}
		arrived = true
	}, done: func() { o.settled = o.settled || now == len(all) }})
}

// found are the further boards that a new owner of the ranking finds: all that came after the newest board of
// all time, all that show a group, and others perhaps.
func (o *rankOwner) found(after uint64) (further []processors.Output) {
	w := o.w
	newest := map[string]*published{}
	for _, p := range w.output {
		if known := newest[p.board.Board]; known == nil || known.board.Version < p.board.Version {
			newest[p.board.Board] = p
		}
	}
	for _, key := range slices.Sorted(maps.Keys(newest)) {
		p := newest[key]
		showsGroup := p.board.Group != "" && len(p.board.Pages) > 0
		if p.board.Version <= after && (!w.on.OldGroups || !showsGroup) && (!w.on.TimeInHeaders || !w.chance(0.3)) {
			continue
		}
		if b := w.readOutput(o.on, p); b != nil && b.Further {
			further = append(further, *b)
		}
	}
	return further
}

// describe describes a board for the trace.
func (p *published) describe() string {
	board, err := codec.DecodeBoard(p.value)
	if err != nil {
		return err.Error()
	}
	origin, err := codec.DecodeOrigin(p.positions)
	if err != nil {
		return err.Error()
	}
	asOf := ""
	if !board.AsOf.IsZero() {
		asOf = " as of " + board.AsOf.Format(time.DateTime)
	}
	return fmt.Sprintf("board %s%s of epoch %d, version %d, counted %d, made from %v; ",
		board.Board, asOf, processors.Epoch(board.Version), board.Version, board.Counted, nexts(origin.Positions))
}

func nexts(made codec.Positions) []int64 {
	next := make([]int64, len(made))
	for i, p := range made {
		next[i] = p.Next
	}
	return next
}
