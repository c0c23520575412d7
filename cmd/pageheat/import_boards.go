package main

import (
	"fmt"
	"io"
	"slices"

	"pageheat/boards"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/snapshot"
)

// counted are the definitions of the boards, for what they count: all else has defaults.
func (b *boardsSettings) counted() ([]boards.Definition, error) {
	return b.definitions(processors.DefaultSettings().Top, heat.DefaultWeightSettings())
}

// printBoards says what becomes of boards in a deployment that is seeded from a cut, when instances with these
// definitions start.
func printBoards(w io.Writer, defined []boards.Definition, cut *snapshot.Cut) error {
	var lines []string
	for i := range defined {
		d := &defined[i]
		at := slices.IndexFunc(cut.Boards, func(b snapshot.Board) bool { return b.Name() == d.Name })
		switch {
		case at < 0:
			lines = append(lines, fmt.Sprintf("board %s begins now: its past is not there", d.Name))
		case cut.Boards[at].Counting() != d.CountingHash():
			lines = append(lines, fmt.Sprintf("board %s begins now: it was counted with another definition", d.Name))
		default:
			lines = append(lines, fmt.Sprintf("board %s continues as of %s", d.Name, cut.Boards[at].AsOf))
		}
	}
	for i := range cut.Boards {
		name := cut.Boards[i].Name()
		if !slices.ContainsFunc(defined, func(d boards.Definition) bool { return d.Name == name }) {
			lines = append(lines, fmt.Sprintf("board %s is there as of %s; instances that do not have it in their settings drop it", name, cut.Boards[i].AsOf))
		}
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
