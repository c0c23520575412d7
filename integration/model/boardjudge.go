package model

import (
	"fmt"
	"slices"
	"time"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/store"
)

// checkFurther checks that a further board in the output is the exact board of its positions, as of its T.
func (w *world) checkFurther(b *codec.Board, origin *codec.Origin) error {
	at := slices.IndexFunc(w.catalog, func(c *boards.Board) bool {
		key := nameOf(c)
		switch {
		case b.Final:
			key += "/" + b.Period
		case b.Group != "":
			key += "/" + b.Group
		}
		return b.Board == key && w.hash(c) == b.DefinitionHash
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
	cuts := make([]cut, len(w.logs))
	for target := range w.logs {
		next, taken := origin.Positions[target].Next, origin.Positions[target].Forgotten
		cuts[target] = w.cut(target, next, taken)
		for i := range w.claims[target] {
			if c := &w.claims[target][i]; c.next == next && c.taken == taken && c.board == board && c.serves(b, slot) {
				candidates[target] = append(candidates[target], c)
			}
		}
		if len(candidates[target]) == 0 {
			return fmt.Errorf("heat-%d has sent no leaders as of slot %d at offset %d", target, slot, next)
		}
	}
	var wrong error
	for combination := make([]int, len(candidates)); combination != nil; combination = nextOf(combination, candidates) {
		of := make([]*claim, len(candidates))
		for target, i := range combination {
			of[target] = candidates[target][i]
		}
		if wrong = w.checkMerged(b, board, slot, asOf, of, cuts); wrong == nil {
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
func (w *world) checkMerged(b *codec.Board, board *boards.Board, slot boards.Slot, asOf boards.Minute, of []*claim, cuts []cut) error {
	var all []standing
	var late, counted uint64
	var since []int64
	closings, sums := slices.Clone(cuts), w.noSums() // of a period that is not closed, they are the cuts
	for target, c := range of {
		all = w.standings(all, board, w.states(board, &c.account, target, cuts[target]), slot)
		lates := c.lates
		if b.Final {
			closed := c.closing(slot)
			closings[target], lates = closed.cut, closed.lates
		}
		late += lates
		counted += w.recount(target, closings[target], sums)
		closings[target].taken = cuts[target].taken // pages are forgotten after it, too
		for i, offset := range c.since {
			if i == len(since) {
				since = append(since, 0)
			}
			since[i] = max(since[i], offset)
		}
	}
	if err := w.checkCounted(b, counted, closings); err != nil {
		return err
	}
	sums = w.noSums() // what pages are called is as of when leaders were sent
	for target := range of {
		w.recount(target, cuts[target], sums)
	}
	var offsets codec.Offsets
	if since != nil {
		offsets = codec.NewOffsets(since)
	}
	if b.Late != late || !slices.Equal(b.Since, offsets) {
		return fmt.Errorf("it has %d late, since %v; the input has %d late, since %v", b.Late, b.Since, late, offsets)
	}
	if b.Group != "" {
		w.counts.OfGroups++
		return w.checkPages(b, board, asOf, ofGroup(board, b.Group, all))
	}
	return w.checkPages(b, board, asOf, first(board, all))
}

// checkRestored checks that a restored partition has what is committed of further boards, as of then and later.
func (w *world) checkRestored(table *changelog, part *store.Partition, by settings, target int, held cut) {
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
			got := &l.Boards[slices.IndexFunc(l.Boards, func(b codec.BoardLeaders) bool { return b.Name == nameOf(board) && !b.Final && !b.Grouped })]
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
			states := w.states(board, &a, target, held)
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
func (w *world) checkLastBoards(cuts []cut) {
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
			counted += w.recount(target, cuts[target], sums)
		}
		if err := w.checkCounted(b, counted, cuts); err != nil {
			w.violate("no progress: the reader's last board %s is version %d: %w", name, b.Version, err)
		}
		if asOf := board.AsOf(w.now).Time(); !b.AsOf.Equal(asOf) || b.DefinitionHash != w.hash(board) {
			w.violate("no progress: the reader's last board %s is version %d, as of %s by %s; it is %s, by %s",
				name, b.Version, b.AsOf, b.DefinitionHash, asOf, w.hash(board))
		}
		if missing := w.missingFinal(board, cuts); missing != "" {
			w.violate("no progress: there is no final board %s", missing)
		}
		w.checkLastGroups(board, cuts)
	}
}

// missingFinal returns the key of a final board of a closed period that is held, has pages and is not in the output; empty
// if there is none. It need have no pages by the definition of the settings that were in force when the period was closed,
// and what is published then is final.
func (w *world) missingFinal(board *boards.Board, cuts []cut) string {
	asOf := board.AsOf(w.now)
	for period := board.Held(asOf); period < board.First(asOf); period++ {
		key := nameOf(board) + "/" + board.PeriodName(period)
		if w.readers[key] == nil && w.hasPages(board, cuts, period) {
			return key
		}
	}
	return ""
}

// finalsMissing reports whether a final board is not in the output yet.
func (w *world) finalsMissing() bool {
	cuts := w.lastCuts()
	return slices.ContainsFunc(w.boardsOf(w.temper.settings[len(w.temper.settings)-1]), func(b *boards.Board) bool {
		return w.missingFinal(b, cuts) != ""
	})
}

// hasPages reports whether a board has pages as of a period, by every definition of its settings that counts the same.
func (w *world) hasPages(board *boards.Board, cuts []cut, period boards.Slot) bool {
	of := board.Definition()
	for _, s := range w.temper.settings {
		for _, b := range w.boardsOf(s) {
			if d := b.Definition(); d.Name != of.Name || d.CountingHash() != of.CountingHash() {
				continue
			}
			var all []standing
			for target := range w.logs {
				if a := w.books[target].find(b); a != nil {
					all = w.standings(all, b, w.states(b, a, target, cuts[target]), period)
				}
			}
			if len(all) == 0 {
				return false
			}
		}
	}
	return true
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
