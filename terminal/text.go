package terminal

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"pageheat/codec"
	"pageheat/heat"
)

// recentRank is how long a movement is recent, as on the dashboard.
const recentRank = time.Minute

// movement describes how a page came to its rank.
type movement struct {
	text   string // "▲2", "▼1", "new", "·"
	way    way
	recent bool
}

// way is the direction of a movement.
type way int

const (
	unmoved way = iota
	up
	down
	entered
)

// movementOf returns how a page came to its rank. Coming from outside is only shown while it is
// recent: every page came from there once.
func movementOf(b *codec.Board, p *codec.BoardPage) movement {
	recent := b.UpdatedAt.Sub(p.RankSince) < recentRank
	switch {
	case p.PreviousRank == 0 && recent:
		return movement{"new", entered, true}
	case p.PreviousRank > p.Rank:
		return movement{"▲" + strconv.Itoa(p.PreviousRank-p.Rank), up, recent}
	case p.PreviousRank != 0 && p.PreviousRank < p.Rank:
		return movement{"▼" + strconv.Itoa(p.Rank-p.PreviousRank), down, recent}
	}
	return movement{"·", unmoved, false}
}

// column is a column of a board as text.
type column struct {
	head string
	left bool // aligned to the left
	cell func(page *codec.BoardPage, parts [3]string) string
}

// textColumns are the columns of a board as text. The parts of the heat are included only if
// they are known.
func textColumns(b *codec.Board, parts bool) []column {
	all := []column{
		{head: "#", cell: func(p *codec.BoardPage, _ [3]string) string { return strconv.Itoa(p.Rank) }},
		{head: "move", left: true, cell: func(p *codec.BoardPage, _ [3]string) string { return movementOf(b, p).text }},
		{head: "page", left: true, cell: func(p *codec.BoardPage, _ [3]string) string { return Printable(p.Page) }},
		{head: "heat", cell: func(p *codec.BoardPage, _ [3]string) string { return rounded(string(p.Heat), 2) }},
	}
	if parts {
		for i, head := range [3]string{"of clicks", "of minutes", "of likes"} {
			all = append(all, column{head: head, cell: func(_ *codec.BoardPage, parts [3]string) string { return rounded(parts[i], 2) }})
		}
	}
	all = append(all,
		column{head: "clicks", cell: func(p *codec.BoardPage, _ [3]string) string { return rounded(string(p.Clicks), wholes(b)) }},
		column{head: "minutes", cell: func(p *codec.BoardPage, _ [3]string) string { return rounded(string(p.Minutes), 2) }},
		column{head: "likes", cell: func(p *codec.BoardPage, _ [3]string) string { return rounded(string(p.Likes), wholes(b)) }},
		column{head: "behaviours", cell: func(p *codec.BoardPage, _ [3]string) string { return Count(p.Behaviours) }})
	if slices.ContainsFunc(b.Pages, func(p codec.BoardPage) bool { return p.Title != "" }) {
		all = append(all, column{head: "title", left: true, cell: func(p *codec.BoardPage, _ [3]string) string { return Title(p.Title) }})
	}
	return all
}

// wholes is the number of decimals of clicks and likes.
func wholes(b *codec.Board) int {
	if b.Kind == "trending" {
		return 1 // they have decayed
	}
	return 0
}

// Text formats a board as plain text of any width, for pipes and files. It only truncates
// decimals; --json has all of them.
func Text(b *codec.Board, weights heat.Weights) string {
	parts, known := heatParts(b, weights)
	columns := textColumns(b, known)
	rows := [][]string{make([]string, len(columns))}
	for c, column := range columns {
		rows[0][c] = column.head
	}
	for i := range b.Pages {
		row := make([]string, len(columns))
		for c, column := range columns {
			var of [3]string
			if known {
				of = parts[i]
			}
			row[c] = column.cell(&b.Pages[i], of)
		}
		rows = append(rows, row)
	}
	widest := make([]int, len(columns))
	for _, row := range rows {
		for c, cell := range row {
			widest[c] = max(widest[c], ansi.StringWidth(cell))
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s, %s behaviours counted, %s\n", Printable(b.Board), Count(b.Counted), updated(b, "2006-01-02 15:04:05.000 MST"))
	if text := about(b); text != "" {
		out.WriteString(text + "\n")
	}
	for _, row := range rows {
		for c, cell := range row {
			row[c] = aligned(cell, widest[c], columns[c].left)
		}
		out.WriteString(strings.TrimRight(strings.Join(row, "  "), " ") + "\n")
	}
	if !known {
		out.WriteString(unknownParts(b, weights) + "\n")
	}
	return out.String()
}

// updated returns the time of a board.
func updated(b *codec.Board, layout string) string { return b.UpdatedAt.UTC().Format(layout) }

// aligned pads a text to a width in columns of a terminal.
func aligned(text string, width int, left bool) string {
	fill := strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
	if left {
		return text + fill
	}
	return fill + text
}

func printBoard(w io.Writer, b *codec.Board, weights heat.Weights) error {
	_, err := fmt.Fprintln(w, Text(b, weights))
	return err
}
