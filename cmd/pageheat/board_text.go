package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/lipgloss/table"
	"github.com/charmbracelet/x/ansi"
	"github.com/dustin/go-humanize"

	"pageheat/codec"
)

// recentRank is how long a page is shown as having just taken its rank.
const recentRank = 5 * time.Second

// Columns of a board.
const (
	columnRank = iota
	columnWas
	columnPage
	columnHeat
	columns = columnHeat + 5 // heat, clicks, minutes, likes, behaviours
)

// boardText draws a board for w, in colours where w shows them. Names of pages are
// cut to fit into the width, in columns of a terminal; 0: not cut.
func boardText(w io.Writer, b *codec.Board, width int) string {
	style := lipgloss.NewRenderer(w).NewStyle
	rows := make([][]string, len(b.Pages))
	others := make([]int, columns) // the widest cell of each column
	headers := []string{"#", "was", "page", "heat", "clicks", "minutes", "likes", "behaviours"}
	for c, h := range headers {
		others[c] = len(h)
	}
	for i, page := range b.Pages {
		was := "-"
		if page.PreviousRank > 0 {
			was = strconv.Itoa(page.PreviousRank)
		}
		rows[i] = []string{
			strconv.Itoa(page.Rank), was, printable(page.Page), string(page.Heat), string(page.Clicks),
			string(page.Minutes), strconv.FormatInt(page.Likes, 10), strconv.FormatUint(page.Behaviours, 10),
		}
		for c, cell := range rows[i] {
			others[c] = max(others[c], ansi.StringWidth(cell))
		}
	}
	if width > 0 {
		room := width - 2*(columns-1)
		for c, n := range others {
			if c != columnPage {
				room -= n
			}
		}
		for _, row := range rows {
			row[columnPage] = ansi.Truncate(row[columnPage], max(room, 8), "…")
		}
	}
	t := table.New().Headers(headers...).Rows(rows...).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).
		BorderHeader(false).BorderColumn(false).BorderRow(false).Wrap(false).
		StyleFunc(func(row, column int) lipgloss.Style {
			s := style().Align(lipgloss.Right)
			if column == columnPage {
				s = s.Align(lipgloss.Left)
			}
			if column < columns-1 {
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
	return head + "\n" + trimLines(t.Render()) + "\n"
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
