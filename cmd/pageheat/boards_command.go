package main

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/overview"
	"pageheat/terminal"
)

// boardsCmd lists the boards.
type boardsCmd struct {
	JSON bool `name:"json" help:"Print a JSON object."`
}

// Help says what the columns are.
func (*boardsCmd) Help() string {
	return `Shows each board in the output, and those that are not published yet:

  AS OF   the minute that it was calculated for; when it was made, of all-time
  SIZE    the maximum number of pages
  SINCE   partition:offset of the input from which on it counts, if not from the beginning
  LATE    behaviours that came too late for it
  GROUPS  boards of groups
  FINAL   final boards of closed periods
  WAITS   what the next version waits for: heat partitions whose owners do not know the board, define it
          otherwise, or have not reached its time, the ranking, or nothing

The exit code is 0 if boards wait, too.`
}

// Run prints the boards.
func (c *boardsCmd) Run(ctx context.Context, p *program) error {
	if err := p.ready(ctx, "boards"); err != nil {
		return err
	}
	boards, err := overview.New(p.kafka, p.topo, func(kafka.Resource, string) bool { return false }).Boards(ctx)
	if err != nil {
		return interrupted(ctx, err)
	}
	if c.JSON {
		out := json.NewEncoder(p.stdout)
		out.SetIndent("", "  ")
		out.SetEscapeHTML(false)
		return out.Encode(struct {
			Boards []overview.ListedBoard `json:"boards"`
		}{boards})
	}
	if len(boards) == 0 {
		p.log.Warn("there are no boards yet: is `pageheat run` up?", "topic", p.topo.Output)
	}
	return listBoards(p.stdout, boards, terminal.Width(p.stdout), time.Now())
}

// boardRow are the cells of a board, but for what it waits for; the heads of the columns for nil.
func boardRow(b *overview.ListedBoard, now time.Time) []string {
	if b == nil {
		return []string{"BOARD", "KIND", "AS OF", "SIZE", "SINCE", "LATE", "GROUPS", "FINAL"}
	}
	return []string{terminal.Printable(b.Name), kindOf(b), asOfCell(b, now), orDash(b.Size), sinceCell(b.Since), terminal.Count(b.Late), orDash(b.Groups), orDash(b.FinalPeriods)}
}

const (
	// waitsHead is the head of the last column, and columnGap what is between columns.
	waitsHead, columnGap = "WAITS FOR", "  "
	// leastWaits is the width from which on what boards wait for is a column.
	leastWaits = 40
	// mostSince is the maximum length of a list of offsets.
	mostSince = 14
)

// listBoards prints a table that fits into a width, 0 if it is unlimited. What boards wait for is the last column where
// there is room, and else on lines of its own.
func listBoards(w io.Writer, boards []overview.ListedBoard, width int, now time.Time) error {
	if len(boards) == 0 {
		return nil
	}
	heads := boardRow(nil, now)
	rows := make([][]string, len(boards))
	for i := range boards {
		rows[i] = boardRow(&boards[i], now)
	}
	widths := make([]int, len(heads))
	used := 0
	for at := range widths {
		widths[at] = len(heads[at])
		for _, row := range rows {
			widths[at] = max(widths[at], ansi.StringWidth(row[at]))
		}
		used += widths[at] + len(columnGap)
	}
	beside := width <= 0 || width-used >= leastWaits
	var out strings.Builder
	write := func(row []string) {
		for at, cell := range row {
			out.WriteString(cell)
			if beside || at < len(row)-1 {
				out.WriteString(strings.Repeat(" ", widths[at]-ansi.StringWidth(cell)) + columnGap)
			}
		}
	}
	if write(heads); beside {
		out.WriteString(waitsHead)
	}
	out.WriteByte('\n')
	for i, row := range rows {
		write(row)
		details := []string{}
		for _, wait := range boards[i].WaitsFor {
			details = append(details, terminal.Printable(wait.Detail))
		}
		switch says := strings.Join(details, "; "); {
		case beside && says == "":
			out.WriteString("nothing")
		case beside && width <= 0:
			out.WriteString(says)
		case beside:
			out.WriteString(strings.ReplaceAll(ansi.Wrap(says, width-used, ""), "\n", "\n"+strings.Repeat(" ", used)))
		case says != "":
			const label = "  waits for: "
			out.WriteString("\n" + label + strings.ReplaceAll(ansi.Wrap(says, max(1, width-len(label)), ""), "\n", "\n"+strings.Repeat(" ", len(label))))
		}
		out.WriteByte('\n')
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// kindOf is a board's kind with its length, such as "window 24h".
func kindOf(b *overview.ListedBoard) string {
	var d struct {
		Window   string `json:"window"`
		HalfLife string `json:"half-life"`
		Calendar string `json:"calendar"`
	}
	if b.Kind == "" {
		return "unknown"
	}
	if json.Unmarshal(b.Definition, &d) != nil {
		return terminal.Printable(b.Kind)
	}
	return strings.TrimSpace(terminal.Printable(b.Kind + " " + d.Window + d.HalfLife + d.Calendar))
}

// asOfCell is the time of a board, without the day if that is today.
func asOfCell(b *overview.ListedBoard, now time.Time) string {
	at := b.AsOf
	if at.IsZero() {
		at = b.UpdatedAt
	}
	at, now = at.UTC(), now.UTC()
	switch {
	case at.IsZero():
		return "not yet"
	case at.Format(time.DateOnly) == now.Format(time.DateOnly):
		return at.Format("15:04 UTC")
	}
	return at.Format("2006-01-02 15:04 UTC")
}

// sinceCell lists offsets, the first of them if there are many.
func sinceCell(since codec.Offsets) string {
	if since == nil {
		return "-"
	}
	text := ""
	for i, at := range since {
		next := strconv.Itoa(int(at.Partition)) + ":" + strconv.FormatInt(at.Offset, 10)
		if i > 0 {
			next = "," + next
		}
		if len(text)+len(next) > mostSince {
			return text + ",…"
		}
		text += next
	}
	return text
}

// orDash is a number, a dash for 0.
func orDash(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}
