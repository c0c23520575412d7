package main

import (
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/lipgloss/table"
	"github.com/charmbracelet/x/ansi"
	"github.com/dustin/go-humanize"

	"pageheat/codec"
	"pageheat/heat"
)

// recentRank is how long a page is shown as having just taken its rank.
const recentRank = 5 * time.Second

// column is what a board says of each page.
type column struct {
	head string
	left bool // aligned to the left
	cell func(page *codec.BoardPage, parts [3]string) string
}

const (
	columnRank = 0
	columnPage = 2
)

// boardColumns are the columns of a board from the left. The parts of the heat are
// there only where they are known.
func boardColumns(totals, parts, behaviours bool) []column {
	all := []column{
		{head: "#", cell: func(p *codec.BoardPage, _ [3]string) string { return strconv.Itoa(p.Rank) }},
		{head: "was", cell: func(p *codec.BoardPage, _ [3]string) string {
			if p.PreviousRank == 0 {
				return "-"
			}
			return strconv.Itoa(p.PreviousRank)
		}},
		{head: "page", left: true, cell: func(p *codec.BoardPage, _ [3]string) string { return printable(p.Page) }},
		{head: "heat", cell: func(p *codec.BoardPage, _ [3]string) string { return string(p.Heat) }},
	}
	if parts {
		for i, head := range [3]string{"of clicks", "of minutes", "of likes"} {
			all = append(all, column{head: head, cell: func(_ *codec.BoardPage, parts [3]string) string { return parts[i] }})
		}
	}
	if totals {
		all = append(all,
			column{head: "clicks", cell: func(p *codec.BoardPage, _ [3]string) string { return string(p.Clicks) }},
			column{head: "minutes", cell: func(p *codec.BoardPage, _ [3]string) string { return string(p.Minutes) }},
			column{head: "likes", cell: func(p *codec.BoardPage, _ [3]string) string { return strconv.FormatInt(p.Likes, 10) }})
	}
	if behaviours {
		all = append(all, column{head: "behaviours", cell: func(p *codec.BoardPage, _ [3]string) string {
			return strconv.FormatUint(p.Behaviours, 10)
		}})
	}
	return all
}

// roomForPage is how wide the names of pages should be at least before other columns
// are given up for them; leastPage is what they always get.
const (
	roomForPage = 16
	leastPage   = 8
)

// boardCells are the columns of a board and its rows, fitted into a width, in columns
// of a terminal; 0: all columns, and nothing is cut. In a narrow terminal the number
// of behaviours is left out, then the totals, and names of pages are cut.
func boardCells(b *codec.Board, parts [][3]string, width int) ([]column, [][]string) {
	known := parts != nil
	choices := [][]column{boardColumns(true, known, true), boardColumns(true, known, false), boardColumns(!known, known, false)}
	for i, columns := range choices {
		rows := make([][]string, len(b.Pages))
		widest := make([]int, len(columns))
		for c, column := range columns {
			widest[c] = len(column.head)
			for i := range b.Pages {
				var of [3]string
				if known {
					of = parts[i]
				}
				cell := column.cell(&b.Pages[i], of)
				rows[i] = append(rows[i], cell)
				widest[c] = max(widest[c], ansi.StringWidth(cell))
			}
		}
		if width == 0 {
			return columns, rows
		}
		room := width - 2*(len(columns)-1) + widest[columnPage]
		for _, n := range widest {
			room -= n
		}
		if room < min(widest[columnPage], roomForPage) && i < len(choices)-1 {
			continue
		}
		for _, row := range rows {
			row[columnPage] = ansi.Truncate(row[columnPage], max(room, leastPage), "…")
		}
		return columns, rows
	}
	return nil, nil
}

// boardText draws a board for w, in colours where w shows them, with the parts of each
// heat where the weights are those that it was made with. Width is as for boardCells.
func boardText(w io.Writer, b *codec.Board, weights heat.Weights, width int) string {
	style := lipgloss.NewRenderer(w).NewStyle
	parts, known := heatParts(b, weights)
	columns, rows := boardCells(b, parts, width)
	headers := make([]string, len(columns))
	for c, column := range columns {
		headers[c] = column.head
	}
	t := table.New().Headers(headers...).Rows(rows...).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).
		BorderHeader(false).BorderColumn(false).BorderRow(false).Wrap(false).
		StyleFunc(func(row, column int) lipgloss.Style {
			s := style().Align(lipgloss.Right)
			if columns[column].left {
				s = s.Align(lipgloss.Left)
			}
			if column < len(columns)-1 {
				s = s.PaddingRight(2)
			}
			if row == table.HeaderRow {
				return s.Faint(true)
			}
			if page := b.Pages[row]; b.UpdatedAt.Sub(page.RankSince) < recentRank {
				if column == columnRank || column == columnPage {
					s = s.Bold(true)
				}
				if column == columnRank && (page.PreviousRank == 0 || page.PreviousRank > page.Rank) {
					s = s.Foreground(lipgloss.Color("2"))
				} else if column == columnRank {
					s = s.Foreground(lipgloss.Color("1"))
				}
			}
			return s
		})
	head := fmt.Sprintf("%s, version %d, %s, %s behaviours counted",
		printable(b.Board), b.Version, b.UpdatedAt.UTC().Format("2006-01-02 15:04:05.000 MST"), count(b.Counted))
	text := head + "\n" + trimLines(t.Render()) + "\n"
	if !known {
		text += "(made with other weights than " + weights.String() + ": give them as --weight-clicks, --weight-minutes and --weight-likes to see the parts of each heat)\n"
	}
	return text
}

// heatParts are what clicks, minutes and likes give to the heat of each page. A board
// does not say which weights it was made with: it is false where these are not.
func heatParts(b *codec.Board, weights heat.Weights) ([][3]string, bool) {
	parts := make([][3]string, len(b.Pages))
	for i := range b.Pages {
		page := &b.Pages[i]
		totals := heat.Totals{Likes: page.Likes, Behaviours: page.Behaviours}
		var read [2]bool
		totals.Clicks, read[0] = units(page.Clicks, 0)
		totals.Minutes, read[1] = units(page.Minutes, minuteDecimals)
		if !read[0] || !read[1] || weights.Heat(&totals) != string(page.Heat) {
			return nil, false
		}
		parts[i][0], parts[i][1], parts[i][2] = weights.Parts(&totals)
	}
	return parts, true
}

// minuteDecimals is how many decimals a sum of minutes has, at most.
const minuteDecimals = 9

// units is a decimal that is not negative as a whole number of units of so many
// decimals; false where it is none.
func units(d codec.Decimal, decimals int64) (heat.Uint128, bool) {
	number, ok := new(big.Rat).SetString(string(d))
	if !ok {
		return heat.Uint128{}, false
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(decimals), nil)
	number.Mul(number, new(big.Rat).SetInt(scale))
	if n := number.Num(); number.IsInt() && n.Sign() >= 0 && n.BitLen() <= 128 {
		low := new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64))
		return heat.Uint128{Hi: new(big.Int).Rsh(n, 64).Uint64(), Lo: low.Uint64()}, true
	}
	return heat.Uint128{}, false
}

// printable replaces what a terminal might take for more than a character, such as
// a change of the writing direction.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// count writes a number with commas.
func count(n uint64) string {
	if n > 1<<63-1 {
		return strconv.FormatUint(n, 10)
	}
	return humanize.Comma(int64(n))
}

// trimLines takes the blanks from the ends of the lines.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}
