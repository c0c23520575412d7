package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/store"
)

// sum is the model's own recount of one page.
type sum struct {
	clicks, minutes, likes int64
	behaviours             uint64
	named                  *message // the newest that says what the page is called, nil if none does
	in                     int      // the input partition that it is in
}

// heat returns the heat of a sum, in units of 10^-10.
func (s *sum) heat(by settings) int64 {
	const one = 1_000_000_000
	return one*by.clicks*s.clicks + by.minutes*s.minutes + one*by.likes*s.likes
}

func (s *sum) is(p *codec.PageState) bool {
	t, label := &p.Totals, codec.Label{}
	if p.Label != nil {
		label = p.Label.Label
	}
	return label == s.label() && t.Clicks == heat.Uint128{Lo: uint64(s.clicks)} && t.Minutes == heat.Uint128{Lo: uint64(s.minutes)} &&
		t.Likes == s.likes && t.Behaviours == s.behaviours
}

// recount adds to the sums, by page, the expected content of a table partition as of a cut.
func (w *world) recount(target int, c cut, sums []sum) (counted uint64) {
	for i, in := range w.inputs {
		for j := range in.messages {
			m := &in.messages[j]
			if m.offset > c.to[i] { // -2 or -1 for none
				break
			}
			if m.page < 0 || w.pages[m.page].target != target || w.logs[target].isLost(i, m.offset) || !c.counts(i, m) {
				continue
			}
			s := &sums[m.page]
			s.clicks += m.clicks
			s.minutes += m.minutes
			s.likes += m.like
			s.behaviours++
			counted++
			s.name(m, i)
		}
	}
	return counted
}

// noSums returns empty sums; they are valid until the next call.
func (w *world) noSums() []sum {
	clear(w.sums)
	return w.sums
}

// checkTable checks that the committed state of a table partition is the exact totals at its
// progress.
func (w *world) checkTable(target int) {
	table := w.tables[target]
	c, ok := table.table[codec.ProgressKey(int32(target))]
	if !ok {
		w.violate("%s has no progress after a commit", table.name)
		return
	}
	p, err := codec.DecodeProgress(c.value)
	if err != nil {
		w.violate("%s: %v", table.name, err)
		return
	}
	w.checkProgress(table.name, target, &p)
	w.checkForgotten(target, &p)
	sums := w.noSums()
	counted := w.recount(target, w.cut(target, p.Next, p.Forget.Taken), sums)
	for i := range sums {
		if w.pages[i].target != target {
			continue
		}
		var s codec.PageState
		if c := table.table[w.pages[i].name]; c.value != nil {
			if dropped, err := codec.DecodePage(c.value); err == nil && p.Days.Dropped(dropped.Day) {
				counted += dropped.Totals.Behaviours // it is not removed yet
				if sums[i].behaviours > 0 {
					w.violate("%s: page %q is dropped, and the input has %s", table.name, w.pages[i].name, &sums[i])
				}
				w.counts.Unswept++
				continue
			}
			if sums[i].behaviours == 0 {
				w.violate("%s: page %q has a record, and no behaviours", table.name, w.pages[i].name)
			}
			if s, err = codec.DecodePage(c.value); err != nil {
				w.violate("%s: page %q: %v", table.name, w.pages[i].name, err)
			}
		}
		if !sums[i].is(&s) {
			w.violate("%s: page %q at offset %d holds %+v, called %+v, and the input has %s", table.name, w.pages[i].name, p.Next, s.Totals, s.Label, &sums[i])
		}
	}
	if counted != p.Counted {
		w.violate("%s: counted %d at offset %d, and the input has %d", table.name, p.Counted, p.Next, counted)
	}
}

func (w *world) checkProgress(name string, target int, p *codec.Progress) {
	log := w.logs[target]
	if p.Next > log.watermark {
		w.violate("%s: the progress is at offset %d of %d", name, p.Next, log.watermark)
		p.Next = log.watermark
	}
	for i, reached := range log.reached[p.Next] {
		to, lost, begin := int64(codec.Unknown), uint64(0), int64(0)
		if i < len(p.To) {
			to, lost, begin = p.To[i], p.Lost[i], p.Begin[i]
		}
		if want := log.begins(i, reached); begin != want {
			w.violate("%s: at offset %d input-%d begins at offset %d, and the ranges say %d", name, p.Next, i, begin, want)
		}
		if to != reached || lost != log.lostUpTo(i, reached) {
			w.violate("%s: at offset %d the progress in input-%d is %d (lost %d), and the ranges reach %d (lost %d)",
				name, p.Next, i, to, lost, reached, log.lostUpTo(i, reached))
		}
	}
}

// restoreCommitted checks that the current changelog, compacted or not, restores to the
// committed state.
func (w *world) restoreCommitted(target int) {
	table := w.tables[target]
	by := w.temper.settings[0]
	if w.withBoards() {
		by = w.temper.settings[w.n(len(w.temper.settings))]
	}
	part := store.New(w.partition(by, target))
	end := table.stable() - 1
	for at := int64(-1); ; {
		r, more := table.read(at+1, end)
		if !more {
			break
		}
		if err := w.take(part, r.key, r.value); err != nil {
			w.violate("restoring %s: %v", table.name, err)
			return
		}
		at = r.offset
	}
	if err := part.Check(); err != nil {
		w.violate("restoring %s up to offset %d: %v", table.name, end, err)
		return
	}
	p, started := part.Progress()
	if !started {
		return
	}
	w.checkProgress(table.name, target, &p)
	w.finishSweep(part)
	sums := w.noSums()
	at := w.cut(target, p.Next, p.Forget.Taken)
	w.recount(target, at, sums)
	for i := range sums {
		if s, _, _ := part.Page(w.pages[i].name); w.pages[i].target == target && !sums[i].is(&s) {
			w.violate("restoring %s up to offset %d: page %q holds %+v, called %+v, and the input has %s", table.name, end, w.pages[i].name, s.Totals, s.Label, &sums[i])
		}
	}
	w.counts.Restores++
	if w.withBoards() {
		w.checkRestored(table, part, by, target, at)
	}
}

// appear adds a board to the output, and checks that it is the exact board of its positions.
func (w *world) appear(p *published) {
	board, err := codec.DecodeBoard(p.value)
	if err != nil {
		w.violate("a board: %v", err)
		return
	}
	p.board = board
	w.output = append(w.output, p)
	w.counts.Boards++
	origin, err := codec.DecodeOrigin(p.positions)
	made := origin.Positions
	if err != nil || len(made) != len(w.logs) {
		w.violate("positions of a board: %v %v", made, err)
		return
	}
	for i := range made {
		w.newestNext[i] = max(w.newestNext[i], made[i].Next)
	}
	w.checkHeader(p, &origin)
	w.checkGone(p)
	if board.Board != boardName {
		w.counts.FurtherBoards++
		if !w.on.MonotonicLeaders {
			return // the positions are not what they say
		}
		if err := w.checkFurther(board, &origin); err != nil {
			w.violate("board %s, version %d, as of %s, made from %v: %w", board.Board, board.Version, board.AsOf, nexts(made), err)
		}
		return
	}
	by := w.temper.with(origin.Definition)
	if by == nil {
		w.violate("a board by %s, which no instance has", origin.Definition)
		return
	}
	p.by = *by
	if w.on.MonotonicLeaders { // else the positions are not what they say
		cuts := make([]cut, len(w.logs))
		for i := range w.logs {
			cuts[i] = w.cut(i, made[i].Next, made[i].Forgotten)
		}
		if err := w.checkBoard(board, p.by, cuts); err != nil {
			w.violate("board version %d, made from %v: %v", board.Version, nexts(made), err)
		}
	}
}

// checkBoard compares a board with the recount of the input as of the cuts of all targets.
func (w *world) checkBoard(b *codec.Board, by settings, cuts []cut) error {
	sums := w.noSums()
	var counted uint64
	for target := range w.logs {
		counted += w.recount(target, cuts[target], sums)
	}
	if err := w.checkCounted(b, counted, cuts); err != nil {
		return err
	}
	order := make([]int, 0, len(sums))
	for i := range sums {
		if sums[i].behaviours > 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		if x, y := sums[a].heat(by), sums[b].heat(by); x != y {
			if x > y {
				return -1
			}
			return 1
		}
		return strings.Compare(w.pages[a].name, w.pages[b].name)
	})
	order = order[:min(len(order), by.top)]
	if len(b.Pages) != len(order) {
		return fmt.Errorf("it has %d pages, not %d", len(b.Pages), len(order))
	}
	for i, p := range order {
		got, s := &b.Pages[i], &sums[p]
		if got.Rank != i+1 || got.Page != w.pages[p].name || got.Behaviours != s.behaviours || string(got.Likes) != strconv.FormatInt(s.likes, 10) ||
			string(got.Clicks) != strconv.FormatInt(s.clicks, 10) || string(got.Minutes) != decimal(s.minutes, 9) ||
			string(got.Heat) != decimal(s.heat(by), 10) || !s.isCalled(got) {
			return fmt.Errorf("rank %d is %+v, and the input has page %q with %s", i+1, *got, w.pages[p].name, s)
		}
	}
	return nil
}

// checkCounted checks how much a board says that it has counted.
func (w *world) checkCounted(b *codec.Board, counted uint64, cuts []cut) error {
	if b.Counted != counted {
		return fmt.Errorf("it has counted %d, and the input has %d", b.Counted, counted)
	}
	for target := range cuts {
		if taken, _ := b.Forgotten.Get(int32(target)); taken != int64(cuts[target].taken) {
			return fmt.Errorf("it has %d requests to forget pages of heat-%d, and its leaders had %d", taken, target, cuts[target].taken)
		}
	}
	for i := range w.inputs {
		lowest := cuts[0].to[i]
		for target := range cuts {
			lowest = min(lowest, cuts[target].to[i])
		}
		lowest = max(lowest, -1)
		// An input partition that no range has named yet may be missing.
		if offset, _ := b.Offsets.Get(int32(i)); offset != lowest+1 {
			return fmt.Errorf("its offset of input-%d is %d, and everything is counted below %d", i, offset, lowest+1)
		}
	}
	return nil
}

// decimal is v * 10^-scale without trailing zeros.
func decimal(v int64, scale int) string {
	sign := ""
	if v < 0 {
		sign, v = "-", -v
	}
	digits := strconv.FormatInt(v, 10)
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - scale
	return sign + strings.TrimSuffix(digits[:point]+"."+strings.TrimRight(digits[point:], "0"), ".")
}
