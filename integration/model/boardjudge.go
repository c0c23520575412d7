package model

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/processors"
	"pageheat/store"
)

// claim is what leaders of a target say of a further board.
type claim struct {
	account
	next int64
}

// same reports whether two claims say the same.
func (c *claim) same(o *claim) bool {
	return c.board == o.board && c.next == o.next && c.asOf == o.asOf && c.lates == o.lates && slices.Equal(c.since, o.since) &&
		slices.Equal(c.late, o.late)
}

// claim checks the boards of leaders that go out, and returns the leaders as they are without the protections
// that are off.
func (o *heatOwner) claim(body []byte) []byte {
	if o.books == nil {
		return body
	}
	w, target := o.w, o.slot.partition
	l, err := codec.DecodeLeaders(body)
	if err != nil {
		w.violate("%s: %v", o.name, err)
		return body
	}
	for k := range o.books.accounts {
		a := &o.books.accounts[k]
		d := a.board.Definition()
		at := slices.IndexFunc(l.Boards, func(b codec.BoardLeaders) bool { return b.Name == d.Name && !b.Final })
		if at < 0 {
			w.violate("%s: leaders without board %s", o.name, d.Name)
			return body
		}
		if l.Boards[at].Turning {
			w.counts.Turning++
			if !w.on.WholeTurns {
				o.sendTurning(l, at, a)
			}
			continue
		}
		states := w.states(a.board, a, target, w.logs[target].reached[l.Next])
		if err := w.checkLeaders(&l.Boards[at], a, states); err != nil {
			w.violate("%s: leaders of board %s as of %s at offset %d: %w", o.name, d.Name, a.asOf, l.Next, err)
			return body
		}
		w.claims[target] = appendClaim(w.claims[target], claim{*a, l.Next})
		if err := w.checkFinals(l, a, states); err != nil {
			w.violate("%s: leaders of the final board of %s at offset %d: %w", o.name, d.Name, l.Next, err)
			return body
		}
	}
	for _, b := range l.Boards {
		if !slices.ContainsFunc(o.books.accounts, func(a account) bool { return nameOf(a.board) == b.Name }) {
			w.violate("%s: leaders of board %s, which it has not", o.name, b.Name)
		}
	}
	if !w.on.WholeTurns {
		o.last = l.Boards
		return codec.AppendLeaders(nil, l)
	}
	return body
}

// checkFinals compares leaders of closed periods with the account.
func (w *world) checkFinals(l *codec.Leaders, a *account, states []boards.State) error {
	for i := range l.Boards {
		b := &l.Boards[i]
		if b.Name != nameOf(a.board) || !b.Final {
			continue
		}
		period := a.board.Slot(b.AsOf)
		if !a.board.Late(period, a.asOf) || a.board.Begins(period) != b.AsOf {
			return fmt.Errorf("period %s is not closed as of %s", a.board.PeriodName(period), a.asOf)
		}
		w.counts.Finals++
		final := *a
		final.asOf = b.AsOf
		if err := w.checkLeaders(b, &final, states); err != nil {
			return fmt.Errorf("of %s: %w", a.board.PeriodName(period), err)
		}
	}
	return nil
}

// appendClaim adds a claim that was not made lately.
func appendClaim(claims []claim, c claim) []claim {
	for i := len(claims) - 1; i >= max(0, len(claims)-4); i-- {
		if claims[i].same(&c) {
			return claims
		}
	}
	c.late = slices.Clone(c.late)
	return append(claims, c)
}

// checkLeaders compares leaders of a further board with the account and the states of the pages.
func (w *world) checkLeaders(l *codec.BoardLeaders, a *account, states []boards.State) error {
	hash := w.hash(a.board)
	if l.Hash != hash || l.AsOf != a.asOf || l.Late != a.lates || !slices.Equal(l.Since, a.since) {
		return fmt.Errorf("definition %s, as of %s, %d late, since %v; it should be %s, as of %s, %d late, since %v",
			l.Hash, l.AsOf, l.Late, l.Since, hash, a.asOf, a.lates, a.since)
	}
	got, err := codec.DecodeBoardPages(l.Pages, a.board)
	if err != nil {
		return err
	}
	want := first(a.board, w.standings(nil, a.board, states, a.board.Slot(a.asOf)))
	if len(got) != len(want) {
		return fmt.Errorf("%d pages, and the input has %d", len(got), len(want))
	}
	for i := range want {
		if got[i].Page != want[i].page || got[i].Sum != want[i].sum {
			return fmt.Errorf("rank %d is %+v, and the input has %s", i+1, got[i], a.show(&want[i]))
		}
	}
	return nil
}

func (a *account) show(s *standing) string {
	return fmt.Sprintf("page %q with %+v", s.page, a.board.Show(&s.sum, a.asOf))
}

// checkFurther checks that a further board in the output is the exact board of its positions, as of its T.
func (w *world) checkFurther(b *codec.Board, origin *codec.Origin) error {
	at := slices.IndexFunc(w.catalog, func(c *boards.Board) bool {
		return (b.Board == nameOf(c) || b.Final && b.Board == nameOf(c)+"/"+b.Period) && w.hash(c) == b.DefinitionHash
	})
	if at < 0 {
		return fmt.Errorf("no instance has its definition %s: %s", b.DefinitionHash, b.Definition)
	}
	board, asOf := w.catalog[at], boards.MinuteOf(b.AsOf)
	d := board.Definition()
	if by := codec.DefineBoard(d); origin.Definition != by || b.Kind != d.Kind.String() {
		return fmt.Errorf("it is a %s by %s, not %s", b.Kind, origin.Definition, by)
	}
	if !board.AsOf(b.AsOf).Time().Equal(b.AsOf) || b.AsOf.After(w.latest) {
		return fmt.Errorf("it is as of %s, and no board can be", b.AsOf)
	}
	period, slot := "", board.Slot(asOf)
	if b.Final {
		closed, known := board.Period(b.Period)
		if !known || board.Closes(closed) != asOf {
			return fmt.Errorf("it is the final board of %q as of %s", b.Period, b.AsOf)
		}
		slot = closed
	}
	if d.Kind == boards.Calendar {
		period = board.PeriodName(slot)
	}
	if b.Period != period {
		return fmt.Errorf("its period is %q, not %q", b.Period, period)
	}
	candidates := make([][]*claim, len(w.logs))
	to := make([][]int64, len(w.logs))
	for target, log := range w.logs {
		next := origin.Positions[target].Next
		to[target] = log.reached[next]
		for i := range w.claims[target] {
			if c := &w.claims[target][i]; c.next == next && c.board == board && (board.Slot(c.asOf) == slot || b.Final) {
				candidates[target] = append(candidates[target], c)
			}
		}
		if len(candidates[target]) == 0 {
			return fmt.Errorf("heat-%d has sent no leaders as of slot %d at offset %d", target, slot, next)
		}
	}
	sums := w.noSums()
	var counted uint64
	for target := range w.logs {
		counted += w.recount(target, to[target], sums)
	}
	if err := w.checkCounted(b, counted, to); err != nil {
		return err
	}
	var wrong error
	for combination := make([]int, len(candidates)); combination != nil; combination = nextOf(combination, candidates) {
		of := make([]*claim, len(candidates))
		for target, i := range combination {
			of[target] = candidates[target][i]
		}
		if wrong = w.checkMerged(b, board, slot, asOf, of, to); wrong == nil {
			return nil
		}
	}
	return wrong
}

// checkHeader checks that the header of a board has a T of each further board that is not below those that its
// owner published before. (What the next owner makes of it shows when it publishes.)
func (w *world) checkHeader(p *published, origin *codec.Origin) {
	for _, b := range w.catalog {
		name := nameOf(b)
		for _, s := range w.temper.settings {
			if !slices.Contains(w.boardNames(s), name) {
				name = ""
			}
		}
		at := slices.IndexFunc(origin.Boards, func(o codec.OriginBoard) bool { return o.Name == name })
		for _, before := range w.output {
			if before.board.Board != name || before.from != p.from || before.board.Version > p.board.Version {
				continue
			}
			if asOf := boards.MinuteOf(before.board.AsOf); at < 0 || origin.Boards[at].AsOf < asOf {
				w.violate("the header of board %s, version %d, does not say that board %s was published as of %s", p.board.Board, p.board.Version, name, asOf)
				return
			}
		}
	}
}

// nextOf is the next combination of candidates, nil after the last.
func nextOf(combination []int, candidates [][]*claim) []int {
	for i := range combination {
		if combination[i]++; combination[i] < len(candidates[i]) {
			return combination
		}
		combination[i] = 0
	}
	return nil
}

// checkMerged compares a board with what the input has by the accounts of all targets.
func (w *world) checkMerged(b *codec.Board, board *boards.Board, slot boards.Slot, asOf boards.Minute, of []*claim, to [][]int64) error {
	var all []standing
	var late uint64
	var since []int64
	for target, c := range of {
		all = w.standings(all, board, w.states(board, &c.account, target, to[target]), slot)
		late += c.lates
		for i, offset := range c.since {
			if i == len(since) {
				since = append(since, 0)
			}
			since[i] = max(since[i], offset)
		}
	}
	var offsets codec.Offsets
	if since != nil {
		offsets = codec.NewOffsets(since)
	}
	if b.Late != late || !slices.Equal(b.Since, offsets) {
		return fmt.Errorf("it has %d late, since %v; the input has %d late, since %v", b.Late, b.Since, late, offsets)
	}
	all = first(board, all)
	if len(b.Pages) != len(all) {
		return fmt.Errorf("it has %d pages, not %d", len(b.Pages), len(all))
	}
	for i := range all {
		got, want := &b.Pages[i], board.Show(&all[i].sum, asOf)
		if got.Rank != i+1 || got.Page != all[i].page || string(got.Heat) != want.Heat || string(got.Clicks) != want.Clicks ||
			string(got.Minutes) != want.Minutes || string(got.Likes) != want.Likes || got.Behaviours != want.Behaviours {
			return fmt.Errorf("rank %d is %+v, and the input has page %q with %+v", i+1, *got, all[i].page, want)
		}
	}
	return nil
}

// checkRestored checks that a restored partition has what is committed of further boards, as of then and later.
func (w *world) checkRestored(table *changelog, part *store.Partition, by settings, target int, to []int64) {
	known := w.books[target]
	for _, later := range []time.Duration{0, time.Duration(w.n(5)) * time.Minute} {
		var latest boards.Minute
		for i := range known.accounts {
			latest = max(latest, known.accounts[i].asOf)
		}
		for more := true; more; {
			_, more = part.Advance(latest.Time().Add(later))
		}
		var l codec.Leaders
		part.Leaders(&l)
		progress := part.BoardProgress()
		for i, board := range w.boardsOf(by) {
			got := &l.Boards[slices.IndexFunc(l.Boards, func(b codec.BoardLeaders) bool { return b.Name == nameOf(board) && !b.Final })]
			at := slices.IndexFunc(known.accounts, func(a account) bool {
				d := a.board.Definition()
				return d.Name == got.Name && d.CountingHash() == progress[i].Counting
			})
			if at < 0 {
				continue
			}
			a := known.accounts[at] // by the definition of the partition
			a.board = board
			if a.asOf > got.AsOf {
				w.violate("restoring %s: board %s as of %s is as of %s", table.name, got.Name, a.asOf, got.AsOf)
			}
			a.asOf = got.AsOf
			states := w.states(board, &a, target, to)
			if err := w.checkLeaders(got, &a, states); err != nil {
				w.violate("restoring %s: board %s: %w", table.name, got.Name, err)
			}
			if err := w.checkFinals(&l, &a, states); err != nil {
				w.violate("restoring %s: final board of %s: %w", table.name, got.Name, err)
			}
			w.counts.BoardsRestored++
		}
	}
}

// checkLastBoards checks that, at the end, all further boards are published with all that was counted, as of
// now.
func (w *world) checkLastBoards(to [][]int64) {
	last := w.temper.settings[len(w.temper.settings)-1]
	for _, board := range w.boardsOf(last) {
		name := nameOf(board)
		r := w.readers[name]
		if r == nil || r.newest == nil {
			w.violate("no progress: there is no board %s", name)
			return
		}
		b := r.newest
		var counted uint64
		sums := w.noSums()
		for target := range w.logs {
			counted += w.recount(target, to[target], sums)
		}
		if err := w.checkCounted(b, counted, to); err != nil {
			w.violate("no progress: the reader's last board %s is version %d: %w", name, b.Version, err)
		}
		if asOf := board.AsOf(w.now).Time(); !b.AsOf.Equal(asOf) || b.DefinitionHash != w.hash(board) {
			w.violate("no progress: the reader's last board %s is version %d, as of %s by %s; it is %s, by %s",
				name, b.Version, b.AsOf, b.DefinitionHash, asOf, w.hash(board))
		}
		w.checkLastFinals(board, to)
	}
}

// checkLastFinals checks that the final boards of all closed periods that are held are in the output, if they
// have pages.
func (w *world) checkLastFinals(board *boards.Board, to [][]int64) {
	asOf := board.AsOf(w.now)
	for period := board.Held(asOf); period < board.First(asOf); period++ {
		var all []standing
		for target := range w.logs {
			if a := w.books[target].find(board); a != nil {
				all = w.standings(all, board, w.states(board, a, target, to[target]), period)
			}
		}
		key := nameOf(board) + "/" + board.PeriodName(period)
		if len(all) > 0 && w.readers[key] == nil {
			w.violate("no progress: there is no final board %s", key)
		}
	}
}

func nameOf(b *boards.Board) string { return b.Definition().Name }

// hash is the hash of a board's definition.
func (w *world) hash(b *boards.Board) string {
	known, ok := w.hashes[b]
	if !ok {
		d := b.Definition()
		known = d.Hash()
		w.hashes[b] = known
	}
	return known
}

// sendTurning puts a board that turns into leaders: as of the new T, without what changes with it.
func (o *heatOwner) sendTurning(l *codec.Leaders, at int, a *account) {
	for _, b := range o.last {
		if b.Name == nameOf(a.board) && !b.Final && !b.Turning {
			b.AsOf = a.asOf
			b.Pages = relabel(b.Pages, a.board, a.board.Slot(a.asOf))
			l.Boards[at] = b
			o.w.claims[o.slot.partition] = appendClaim(o.w.claims[o.slot.partition], claim{*a, l.Next})
		}
	}
}

// relabel makes leaders of a board be as of another slot.
func relabel(pages []byte, b *boards.Board, slot boards.Slot) (relabelled []byte) {
	all, err := codec.DecodeBoardPages(pages, b)
	if err != nil {
		return pages
	}
	for i := range all {
		all[i].Sum.At = slot
		relabelled = codec.AppendBoardPage(relabelled, b, all[i].Page, &all[i].Sum)
	}
	return relabelled
}

// miswrite returns a record of the table as it is without the protections that are off.
func (o *heatOwner) miswrite(value []byte, progress bool) []byte {
	w := o.w
	if o.books == nil || w.on.TimeInProgress && w.on.NumbersOnce && w.on.TurnKeepsRecord {
		return value
	}
	if !progress {
		if w.on.TurnKeepsRecord {
			return value
		}
		return o.turned(value)
	}
	p, err := codec.DecodeProgress(value)
	if err != nil {
		w.violate("%s: %v", o.name, err)
		return value
	}
	if !w.on.NumbersOnce {
		p.NextBoard = 0
	}
	for i := range p.Boards {
		if !w.on.TimeInProgress {
			p.Boards[i].AsOf = 0
		}
		p.NextBoard = max(p.NextBoard, p.Boards[i].Number+1)
	}
	return codec.AppendProgress(nil, &p)
}

// turned returns the record of a page as it would be if it were written after the turns that have come since
// the checkpoint.
func (o *heatOwner) turned(value []byte) []byte {
	page, err := codec.DecodePage(value)
	if err != nil || page.Boards.Len == 0 {
		return value
	}
	states := page.Boards
	var kept [][]byte
	for states.Len > 0 {
		number, encoded, err := states.Next()
		if err != nil {
			return value
		}
		for k := range o.books.accounts {
			a := &o.books.accounts[k]
			if a.number != number {
				continue
			}
			state, _, err := a.board.DecodeState(encoded)
			if err != nil {
				return value
			}
			state.Drop(a.board, a.board.Held(a.asOf))
			if !state.Empty() {
				kept = append(kept, codec.AppendBoardState(nil, number, &state))
			}
		}
	}
	if len(kept) == 0 {
		return codec.AppendPageState(nil, &page.Totals)
	}
	return append(codec.AppendPageBoards(nil, &page.Totals, len(kept)), slices.Concat(kept...)...)
}

// misread returns a record of the table, as it is restored without the protections that are off.
func (o *heatOwner) misread(key string, value []byte) []byte {
	if o.books == nil || o.w.on.LaterTime || key != codec.ProgressKey(int32(o.slot.partition)) {
		return value
	}
	p, err := codec.DecodeProgress(value)
	if err != nil {
		return value
	}
	now := boards.MinuteOf(o.now())
	for i := range p.Boards {
		p.Boards[i].AsOf = min(p.Boards[i].AsOf, now)
	}
	return codec.AppendProgress(nil, &p)
}

// mislead returns leaders as the ranking reads them without the protections that are off.
func (o *rankOwner) mislead(l *codec.Leaders) {
	w := o.w
	for _, own := range w.boardsOf(o.on.by(w)) {
		d := own.Definition()
		for i := range l.Boards {
			b := &l.Boards[i]
			if b.Name != d.Name || b.Final {
				continue
			}
			if !w.on.OneBoard {
				b.Hash = d.Hash()
			}
			if w.on.OneSlot || b.Hash != d.Hash() {
				continue
			}
			if w.highest == nil {
				w.highest = map[string]boards.Minute{}
			}
			w.highest[b.Hash] = max(w.highest[b.Hash], b.AsOf)
			b.AsOf = w.highest[b.Hash]
			b.Pages = relabel(b.Pages, own, own.Slot(b.AsOf))
		}
	}
}

// unstamped returns a board's header without the T of boards.
func unstamped(positions []byte) []byte {
	origin, err := codec.DecodeOrigin(positions)
	if err != nil {
		return positions
	}
	origin.Boards = nil
	return codec.AppendOrigin(nil, origin)
}

// found are the further boards that a new owner of the ranking finds: all that came after the newest board of
// all time, and others perhaps.
func (o *rankOwner) found(after uint64) (further []processors.Output) {
	w := o.w
	newest := map[string]*published{}
	for _, p := range w.output {
		if known := newest[p.board.Board]; known == nil || known.board.Version < p.board.Version {
			newest[p.board.Board] = p
		}
	}
	for _, key := range slices.Sorted(maps.Keys(newest)) {
		if p := newest[key]; p.board.Version > after || w.on.TimeInHeaders && w.chance(0.3) {
			if b := w.readOutput(o.on, p); b != nil && b.Further {
				further = append(further, *b)
			}
		}
	}
	return further
}
