package terminal

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"pageheat/codec"
	"pageheat/heat"
)

// layout draws a board for a terminal: as much as fits, the first ranks first. No line is wider
// than the terminal and there are no more lines than it has, so the terminal never truncates
// anything.
type layout struct {
	width, height int // 0: unlimited
	weights       heat.Weights
	// notes are lines below the board, the most important first.
	notes []Note
	// waiting is the text to show before the first board; empty for the default.
	waiting string
	// foot is the last line, if there is space.
	foot string
	// style makes styles for the terminal, without colors if it has none.
	style *lipgloss.Renderer
}

// Note is a line below the board.
type Note struct {
	// Label describes the value. Value is never truncated.
	Label, Value string
}

// firstRanks is the number of ranks that have priority over everything else.
const firstRanks = 3

// lines returns the lines of a board; a nil board means that none has arrived yet.
func (l layout) lines(b *codec.Board) []string {
	width, height := l.width, l.height
	if width <= 0 {
		width = 120
	}
	if height <= 0 {
		height = math.MaxInt32
	}
	if b == nil {
		b = &codec.Board{}
	}
	head := l.head(b, width)
	columns, rows := l.table(b, width)
	var notes []string
	for _, n := range l.notes {
		notes = append(notes, n.lines(width)...)
	}
	// What gets its lines first is visible in the smallest terminal.
	left := height
	take := func(want int) int {
		got := max(0, min(want, left))
		left -= got
		return got
	}
	ranks := take(min(firstRanks, len(rows)))
	heads := take(1)
	noted := 0
	if left >= len(notes) {
		noted = take(len(notes))
	}
	ranks += take(len(rows) - ranks)
	if ranks < len(rows) && ranks > 1 {
		rows[ranks-1] = l.style.NewStyle().Faint(true).Render(
			fit(fmt.Sprintf("… %d more", len(rows)-ranks+1), width))
	}
	counts := about(b)
	abouts := take(min(1, len(counts)))
	named := take(min(1, len(columns)))
	feet := take(min(1, len(l.foot)))
	legends := 0
	if legend := l.legend(b); legend != "" && ansi.StringWidth(legend) <= width {
		legends = take(1)
	}
	gaps := take(2)

	out := make([]string, 0, height-left)
	if heads > 0 {
		out = append(out, head)
	}
	if abouts > 0 {
		out = append(out, l.style.NewStyle().Faint(true).Render(fit(counts, width)))
	}
	if gaps > 1 {
		out = append(out, "")
	}
	if named > 0 {
		out = append(out, columns)
	}
	out = append(out, rows[:ranks]...)
	if gaps > 0 {
		out = append(out, "")
	}
	if legends > 0 {
		out = append(out, l.legend(b))
	}
	out = append(out, notes[:noted]...)
	if feet > 0 {
		out = append(out, l.style.NewStyle().Faint(true).Render(fit(l.foot, width)))
	}
	return out
}

// head is the line with the board's name and time.
func (l layout) head(b *codec.Board, width int) string {
	if b.Board == "" {
		if l.waiting != "" {
			return fit(l.waiting, width)
		}
		return fit("Waiting for a board", width)
	}
	name, counted := Printable(b.Board), Count(b.Counted)
	for _, text := range []string{
		fmt.Sprintf("%s: %s behaviours counted, %s", name, counted, updated(b, "2006-01-02 15:04:05 MST")),
		fmt.Sprintf("%s: %s behaviours, %s", name, counted, updated(b, "15:04:05 MST")),
		fmt.Sprintf("%s: %s, %s", name, counted, updated(b, "15:04:05")),
	} {
		if ansi.StringWidth(text) <= width {
			return l.style.NewStyle().Bold(true).Render(text)
		}
	}
	return l.style.NewStyle().Bold(true).Render(fit(name+": "+counted, width))
}

// lines returns a note's lines. A value that does not fit next to its label gets its own lines.
func (n Note) lines(width int) []string {
	const labels = 10
	label := fmt.Sprintf("%-*s ", labels, n.Label)
	if ansi.StringWidth(label+n.Value) <= width {
		return []string{label + n.Value}
	}
	return strings.Split(ansi.Hardwrap(n.Value, width, true), "\n")
}

// fit truncates a text to a width and marks it.
func fit(text string, width int) string { return ansi.Truncate(text, width, "…") }

// The widths of columns. Those of the page and the bar depend only on the terminal, so nothing
// moves while names and numbers change.
const (
	gap         = 2
	leastPage   = 10 // minimum for a name before there are other columns
	leastBar    = 8
	mostBar     = 40
	mostPage    = 64
	totalsFrom  = 96 // minimum width of a terminal for totals
	moveColumn  = 4
	scientific  = 18 // the width above which a number is written with an exponent
	barEighths  = 8
	barOfTwo    = 60 // percentage for the bar of the space for page and bar, beyond barLater
	barLater    = 14
	noBarBefore = 14 + gap + leastBar
	noHeatPage  = 3 // minimum for a name next to its heat
)

// table returns the header and the rows of a board.
func (l layout) table(b *codec.Board, width int) (head string, rows []string) {
	if len(b.Pages) == 0 {
		return "", nil
	}
	faint := l.style.NewStyle().Faint(true)
	ranks := len(strconv.Itoa(b.Pages[len(b.Pages)-1].Rank))
	heats := len("heat")
	for i := range b.Pages {
		heats = max(heats, len(shortened(string(b.Pages[i].Heat), 2)))
	}
	totals, totalsWidth := l.totals(b, width)

	rest := width - ranks - 2*gap - heats // for the page, the movement, the bar and totals
	move := rest >= leastPage+gap+moveColumn
	if move {
		rest -= gap + moveColumn
	}
	if totalsWidth > 0 && rest-totalsWidth >= noBarBefore {
		rest -= totalsWidth
	} else {
		totals = nil
	}
	if rest < noHeatPage {
		for i := range b.Pages {
			rows = append(rows, fit(aligned(strconv.Itoa(b.Pages[i].Rank), ranks, false)+"  "+l.name(&b.Pages[i]), width))
		}
		return "", rows
	}
	page, bar := rest, 0
	if rest >= noBarBefore {
		bar = max(leastBar, min(mostBar, (rest-gap)*barOfTwo/100-barLater))
		page = min(mostPage, rest-gap-bar)
	}

	nameAt := ranks + gap // the column of names
	if move {
		nameAt += moveColumn + gap
	}
	cells := func(rank, moved, name, heat, drawn string, i int) string {
		line := rank
		if move {
			line += strings.Repeat(" ", gap) + moved
		}
		line += strings.Repeat(" ", gap) + name + strings.Repeat(" ", gap) + heat
		if bar > 0 {
			line += strings.Repeat(" ", gap) + drawn
		}
		all := []string{line}
		for _, column := range totals {
			all = append(all, column[i])
		}
		return strings.TrimRight(strings.Join(all, strings.Repeat(" ", gap)), " ")
	}
	head = faint.Render(cells(aligned("#", ranks, false), aligned("", moveColumn, true), aligned(fit("page", page), page, true),
		aligned("heat", heats, false), aligned("", bar, true), 0))
	parts, known := heatParts(b, l.weights)
	full := 0.0
	for i := range b.Pages {
		full = max(full, size(string(b.Pages[i].Heat)))
	}
	for i := range b.Pages {
		p := &b.Pages[i]
		m := movementOf(b, p)
		name := l.nameCell(p, m.recent && m.way != unmoved, page, nameAt+page)
		var of [3]string
		if known {
			of = parts[i]
		}
		rows = append(rows, cells(aligned(strconv.Itoa(p.Rank), ranks, false), l.moved(m), name,
			aligned(shortened(string(p.Heat), 2), heats, false), l.bar(size(string(p.Heat)), full, of, bar), i+1))
	}
	return head, rows
}

// totals returns the columns of totals, each with its header first, and their width.
func (l layout) totals(b *codec.Board, width int) (columns [][]string, takes int) {
	if width < totalsFrom {
		return nil, 0
	}
	columns = [][]string{{"clicks"}, {"minutes"}, {"likes"}}
	for i := range b.Pages {
		p := &b.Pages[i]
		columns[0] = append(columns[0], shortened(string(p.Clicks), wholes(b)))
		columns[1] = append(columns[1], shortened(string(p.Minutes), 2))
		columns[2] = append(columns[2], shortened(string(p.Likes), wholes(b)))
	}
	for _, column := range columns {
		widest := 0
		for _, cell := range column {
			widest = max(widest, len(cell))
		}
		for i, cell := range column {
			column[i] = aligned(cell, widest, false)
		}
		takes += gap + widest
	}
	return columns, takes
}

// shortened returns a rounded number, with an exponent if it has too many digits for a column:
// a number is never truncated.
func shortened(d string, decimals int) string {
	text := rounded(d, decimals)
	if len(text) <= scientific {
		return text
	}
	return strconv.FormatFloat(size(d), 'e', 6, 64)
}

// moved draws a movement, in color while it is recent.
func (l layout) moved(m movement) string {
	style := l.style.NewStyle()
	if m.recent {
		switch m.way {
		case up, entered:
			style = style.Foreground(lipgloss.AdaptiveColor{Light: "#15803d", Dark: "#4ade80"})
		case down:
			style = style.Foreground(lipgloss.AdaptiveColor{Light: "#b42318", Dark: "#f87171"})
		}
	} else {
		style = style.Faint(true)
	}
	return style.Render(aligned(m.text, moveColumn, true))
}

// partStyles are the colors of the parts of a heat, those of the dashboard.
func (l layout) partStyles() [3]lipgloss.Style {
	colour := func(light, dark string) lipgloss.Style {
		return l.style.NewStyle().Foreground(lipgloss.AdaptiveColor{Light: light, Dark: dark})
	}
	return [3]lipgloss.Style{colour("#d9481c", "#e8562a"), colour("#f29030", "#f59e42"), colour("#f9cc55", "#fbd774")}
}

// bar draws a heat on a scale that ends at full, in the colors of its parts. Dislikes shorten
// the parts proportionally.
func (l layout) bar(heat, full float64, parts [3]string, width int) string {
	if width <= 0 {
		return ""
	}
	if heat <= 0 || full <= 0 {
		return strings.Repeat(" ", width)
	}
	eighths := min(width*barEighths, max(1, int(math.Round(heat/full*float64(width*barEighths)))))
	cells := eighths / barEighths
	last := ""
	if more := eighths % barEighths; more > 0 {
		last = string([]rune("▏▎▍▌▋▊▉")[more-1])
	}
	var given [3]float64
	sum := 0.0
	for i, part := range parts {
		given[i] = max(0, size(part))
		sum += given[i]
	}
	if sum == 0 { // not known
		given[0], sum = 1, 1
	}
	styles := l.partStyles()
	var out strings.Builder
	from, upTo := 0, 0.0
	for i := range given {
		upTo += given[i]
		to := int(math.Round(upTo / sum * float64(cells)))
		text := strings.Repeat("█", to-from)
		if i == lastGiven(given) {
			text = strings.Repeat("█", cells-from) + last
			to = cells
		}
		if text != "" {
			out.WriteString(styles[i].Render(text))
		}
		if from = to; i == lastGiven(given) {
			break
		}
	}
	drawn := out.String()
	return drawn + strings.Repeat(" ", max(0, width-ansi.StringWidth(drawn)))
}

// lastGiven returns the last part that is not empty.
func lastGiven(parts [3]float64) int {
	for i := len(parts) - 1; i > 0; i-- {
		if parts[i] > 0 {
			return i
		}
	}
	return 0
}

// legend explains the colors, if there are any.
func (l layout) legend(b *codec.Board) string {
	if len(b.Pages) == 0 {
		return ""
	}
	if _, known := heatParts(b, l.weights); !known {
		if settingsOf(b).MaxPerStep != "" {
			return unknownParts(b, l.weights)
		}
		return "(made with other weights: set --weight-... to see the parts of each heat)"
	}
	styles := l.partStyles()
	if styles[0].Render("█") == "█" {
		return "" // no colors
	}
	return styles[0].Render("█") + " clicks  " + styles[1].Render("█") + " minutes  " + styles[2].Render("█") + " likes"
}
