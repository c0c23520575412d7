package snapshot

import (
	"fmt"
	"slices"

	"pageheat/boards"
	"pageheat/codec"
)

// Board is a further board, at a cut.
type Board struct {
	// Board counts as the deployment does: its name and what the states of pages depend on are right, all
	// else is made up.
	*boards.Board
	// AsOf is its T, the greatest that any heat partition has.
	AsOf boards.Minute
	// Late is the number of behaviours that came too late.
	Late uint64
	// Since is, by input partition, the offset from which on the board counts, as in [codec.BoardProgress]:
	// the highest that any heat partition has.
	Since []int64
}

// ParseBoard returns the board of a text that [boards.Definition.Counting] wrote.
func ParseBoard(definition string) (Board, error) {
	d, err := boards.ParseCounting(definition)
	if err != nil {
		return Board{}, err
	}
	b, err := boards.New(d)
	return Board{Board: b}, err
}

// newBoard returns the board that a heat partition has counted for.
func newBoard(p codec.BoardProgress) (Board, error) {
	b, err := ParseBoard(p.Definition)
	if err == nil && (b.Name() != p.Name || b.Counting() != p.Counting) {
		err = fmt.Errorf("%w: its definition is that of another board", codec.ErrMalformed)
	}
	if err != nil {
		return Board{}, fmt.Errorf("board %q: %w", p.Name, err)
	}
	b.AsOf, b.Late, b.Since = p.AsOf, p.Late, slices.Clone(p.Since)
	return b, nil
}

// Counting is the hash of what the board counts, see [boards.Definition.CountingHash].
func (b *Board) Counting() string {
	d := b.Definition()
	return d.CountingHash()
}

// Name of the board.
func (b *Board) Name() string { return b.Definition().Name }

// Progress is what the progress of a heat partition says of the board, with a number.
func (b *Board) Progress(number int) codec.BoardProgress {
	d := b.Definition()
	return codec.BoardProgress{Number: uint64(number), Name: d.Name, Counting: d.CountingHash(), Definition: d.Counting(),
		AsOf: b.AsOf, Late: b.Late, Since: slices.Clone(b.Since)}
}

// merge takes in what another heat partition has counted for the same board. Its T is then the greater one, as
// if the clock of the partition behind had jumped forward: states need not be changed for that, and behaviours
// that a partition behind has not counted yet are late as of the greater T.
func (b *Board) merge(p codec.BoardProgress) {
	b.AsOf = max(b.AsOf, p.AsOf)
	b.Late += p.Late
	for len(b.Since) < len(p.Since) {
		b.Since = append(b.Since, 0)
	}
	for q, since := range p.Since {
		b.Since[q] = max(b.Since[q], since)
	}
}

// numbers say which board of a cut has a number in a heat partition.
type numbers map[uint64]int

// findBoards returns the boards of a table: those that all partitions count for that have counted, and know by the
// same definition. Others are being added or removed. It returns their names, too.
func findBoards(states []State) (all []Board, of []numbers, others []string, err error) {
	of = make([]numbers, len(states))
	known := slices.DeleteFunc(slices.Clone(states), func(s State) bool { return !s.Known })
	if len(known) == 0 {
		return nil, of, nil, nil
	}
	for _, first := range known[0].Progress.Boards {
		in := make([]codec.BoardProgress, 0, len(known))
		for i := range known {
			for _, p := range known[i].Progress.Boards {
				if p.Name == first.Name && p.Counting == first.Counting {
					in = append(in, p)
				}
			}
		}
		defined := slices.IndexFunc(in, func(p codec.BoardProgress) bool { return p.Definition != "" })
		if len(in) < len(known) || defined < 0 {
			others = append(others, first.Name)
			continue
		}
		first.Definition = in[defined].Definition
		b, err := newBoard(first)
		if err != nil {
			return nil, nil, nil, err
		}
		for i, p := range in {
			if i > 0 {
				b.merge(p)
			}
			if at := known[i].Partition; of[at] == nil {
				of[at] = numbers{}
			}
			of[known[i].Partition][p.Number] = len(all)
		}
		all = append(all, b)
	}
	for i := range known {
		for _, p := range known[i].Progress.Boards {
			if !slices.ContainsFunc(all, func(b Board) bool { return b.Name() == p.Name }) && !slices.Contains(others, p.Name) {
				others = append(others, p.Name)
			}
		}
	}
	return all, of, others, nil
}
