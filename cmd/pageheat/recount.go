package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"pageheat/audit"
	"pageheat/boards"
	"pageheat/boards/boardsettings"
	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/snapshot"
	"pageheat/terminal"
)

// recountCmd counts a board of any time from the input.
type recountCmd struct {
	Board    string    `help:"Name of the board, NAME/PERIOD, NAME/GROUP, or a definition such as 'hour kind=window window=1h'."`
	AsOf     string    `placeholder:"TIME" help:"Time of the board in RFC 3339; later behaviours do not count. Default: now, with all that is in the input."`
	Offsets  string    `placeholder:"OBJECT" help:"Offsets to count up to, as in a board's record, such as '{\"0\":1500,\"1\":1498}'. Default: the ends of the input."`
	Compare  bool      `help:"Compare with the newest published board, at its offsets and its time; exit code 3 if they differ."`
	Publish  bool      `help:"Publish the board of a past period, as a final board of the output, by the running ranking."`
	JSON     bool      `name:"json" help:"Print a JSON object, as in a board's record."`
	MaxPages int       `help:"Maximum number of pages with behaviours on the board; memory grows with them."`
	Boards   boardList `name:"boards" key:"boards" env:"PAGEHEAT_BOARDS" placeholder:"DEFINITION" help:"Boards of the instances that count: those of --board of run. Repeatable."`

	Top     int                 `help:"--top of the instances that count."`
	Limits  heat.Limits         `embed:""`
	Weights heat.WeightSettings `embed:""`
}

func defaultRecount() recountCmd {
	s := processors.DefaultSettings()
	return recountCmd{Board: boards.AllTime.String(), MaxPages: audit.DefaultMaxPages, Top: s.Top, Limits: s.Limits, Weights: s.Weights}
}

// Help has examples.
func (*recountCmd) Help() string {
	return `The board of last Tuesday, of a period, and one that no instance knows:

  pageheat recount --board last-hour --as-of 2026-01-06T12:00:00Z
  pageheat recount --board today/2026-01-06
  pageheat recount --board 'sport kind=trending half-life=2h include=/sport/.*'

The command reads the input and writes nothing. With --publish, the running ranking publishes the board
of a past period. What retention has deleted is not on the board.`
}

// Run prints the board, or what is different about the published one.
func (c *recountCmd) Run(ctx context.Context, p *program) error {
	wanted, err := c.wanted(time.Now())
	if err != nil {
		return err
	}
	command := "recount"
	if c.Compare {
		command = "recount-compare"
	}
	if c.Publish {
		command = "recount-publish"
	}
	if err := p.ready(ctx, command); err != nil {
		return err
	}
	if c.Publish {
		if there, err := c.publishable(ctx, p, &wanted, time.Now()); err != nil || there {
			return interrupted(ctx, err)
		}
	}
	var published *codec.Board
	if c.Compare {
		if published, err = c.published(ctx, p, &wanted); err != nil {
			return interrupted(ctx, err)
		}
	}
	tell, finish := p.progress()
	defer finish()
	forgotten, err := snapshot.ReadForgotten(ctx, p.kafka, p.topo.HeatTable, tell)
	if err != nil {
		return interrupted(ctx, fmt.Errorf("recount: %w", err))
	}
	if c.Compare { // with those that were forgotten when it was made
		forgotten = forgotten.At(takenIn(published, wanted.Heat))
	}
	result, err := audit.RecountBoard(ctx, audit.BoardConfig{
		Cluster: p.kafka, Input: p.topo.Input, Limits: c.Limits, Wanted: wanted, Forgotten: forgotten, MaxPages: c.MaxPages, Progress: tell,
	})
	finish()
	if err != nil {
		return interrupted(ctx, fmt.Errorf("recount: %w", err))
	}
	p.log.Info("recounted", "board", wanted.Key(), "messages", result.Messages, "invalid", result.Invalid, "elsewhere", result.Elsewhere, "pages", result.Pages)
	for _, gone := range result.Gone {
		p.log.Warn("the input does not reach back: what was deleted is not on the board", "topic", p.topo.Input, "partition", gone.Partition, "begins_at", gone.Offset)
	}
	if c.Compare {
		return c.compare(p, published, &result)
	}
	if c.Publish {
		result.Board.Forgotten = forgotten.Taken()
		return interrupted(ctx, c.publish(ctx, p, &wanted, &result))
	}
	return c.print(p, &result.Board, wanted.Definition.Scorer)
}

// takenIn is how many requests to forget pages are in a board, by partition of the heat table: as the leaders say that it
// was made from, which are not always known.
func takenIn(b *codec.Board, heat []audit.HeatCut) codec.Offsets {
	if heat == nil || b.Removed > 0 { // then it says more than its leaders did
		return b.Forgotten
	}
	taken := make([]int64, len(heat))
	for p := range heat {
		taken[p] = int64(heat[p].Forgotten)
	}
	return codec.NewOffsets(taken)
}

// madeOf reports whether a board has the offsets of what partitions of the heat table had counted: the lowest.
func madeOf(b *codec.Board, heat []audit.HeatCut) bool {
	for _, at := range b.Offsets {
		lowest := int64(math.MaxInt64)
		for _, cut := range heat {
			below, _ := cut.Below.Get(at.Partition)
			lowest = min(lowest, below)
		}
		if lowest != at.Offset {
			return false
		}
	}
	return true
}

// wanted is the board that the flags ask for.
func (c *recountCmd) wanted(now time.Time) (audit.Wanted, error) {
	w := audit.Wanted{AsOf: now}
	if c.Top < 1 || c.Top > processors.MaxTop {
		return w, failure.BadSetting("top", "%d: must be from 1 to %d", c.Top, processors.MaxTop)
	}
	if err := c.Limits.Validate(); err != nil {
		return w, err
	}
	if c.MaxPages < 1 {
		return w, failure.BadSetting("max-pages", "%d: must be at least 1", c.MaxPages)
	}
	of, err := c.definition(&w.Definition)
	if err != nil {
		return w, err
	}
	if err := assign(&w, of); err != nil {
		return w, failure.BadSetting("board", "%w", err)
	}
	if c.Compare {
		switch {
		case c.AsOf != "":
			return w, failure.BadSetting("compare", "takes the time of the published board: leave out --as-of")
		case c.Offsets != "":
			return w, failure.BadSetting("compare", "takes the offsets of the published board: leave out --offsets")
		case c.JSON:
			return w, failure.BadSetting("compare", "prints differences: leave out --json")
		}
	}
	if c.Publish && (w.Period == "" || c.Compare || c.AsOf != "" || c.Offsets != "" || c.JSON) {
		return w, failure.BadSetting("publish", "publishes the board of a whole period: name it (--board NAME/PERIOD), and leave out --compare, --as-of, --offsets and --json")
	}
	if c.AsOf != "" {
		if w.Period != "" {
			return w, failure.BadSetting("as-of", "the board of a period has a time already: name the board alone")
		}
		if w.AsOf, err = time.Parse(time.RFC3339, c.AsOf); err != nil {
			return w, failure.BadSetting("as-of", "%q is not a time in RFC 3339, such as 2026-01-06T12:00:00Z", c.AsOf)
		}
		if w.AsOf.Before(time.Unix(0, 0)) {
			return w, failure.BadSetting("as-of", "%q: must not be before 1970", c.AsOf)
		}
		if c.Offsets == "" {
			w.Until = boards.MinuteOf(w.AsOf)
		}
	}
	if c.Offsets != "" {
		if err := json.Unmarshal([]byte(c.Offsets), &w.Offsets); err != nil {
			return w, failure.BadSetting("offsets", "%w: must be an object of partitions and offsets, such as {\"0\":1500,\"1\":1498}", err)
		}
	}
	return w, nil
}

// definition finds the definition of the board, and returns what follows its name after a slash.
func (c *recountCmd) definition(into *boards.Definition) (of string, err error) {
	name, settings, defined := strings.Cut(strings.TrimSpace(c.Board), " ")
	name, of, suffixed := strings.Cut(name, "/")
	if name == "" || suffixed && of == "" {
		return "", failure.BadSetting("board", "%q: must be the name of a board, NAME/PERIOD, NAME/GROUP, or a definition", c.Board)
	}
	if defined {
		settings := boardsSettings{Boards: boardList{lines: []string{name + " " + settings}}}
		all, err := settings.definitions(c.Top, c.Weights)
		if err != nil {
			return "", err
		}
		*into = all[0]
		return of, nil
	}
	settingsOf := boardsSettings{Boards: c.Boards}
	all, err := settingsOf.definitions(c.Top, c.Weights)
	if err != nil {
		return "", err
	}
	if name == boards.AllTime.String() {
		weights, err := c.Weights.Weights()
		if err != nil {
			return "", err
		}
		*into = boards.Definition{Name: name, Kind: boards.AllTime, Size: c.Top, Scorer: weights}.Complete()
		return of, nil
	}
	at := slices.IndexFunc(all, func(d boards.Definition) bool { return d.Name == name })
	if at < 0 {
		names := []string{boards.AllTime.String()}
		for _, d := range all {
			names = append(names, d.Name)
		}
		return "", failure.BadSetting("board", "there is no board %q among the settings (%s): name one of them, or give a definition, such as '%s kind=window window=1h'",
			name, strings.Join(names, ", "), name)
	}
	*into = all[at]
	return of, nil
}

// assign takes what follows the name of a board for a period or a group.
func assign(w *audit.Wanted, of string) error {
	if of == "" {
		return nil
	}
	d := w.Definition
	if d.Kind == boards.Calendar {
		board, err := boards.New(d)
		if err != nil {
			return err
		}
		if _, known := board.Period(of); known {
			w.Period = of
			return nil
		}
	}
	switch {
	case d.GroupBy != "" && boards.IsGroup(of):
		w.Group = of
		return nil
	case d.Kind == boards.Calendar:
		return fmt.Errorf("%q is neither a %s nor a group of board %s", of, d.Period, d.Name)
	default:
		return fmt.Errorf("board %s has no board %q of its own: it has neither periods (kind=calendar) nor such groups (group-by)", d.Name, of)
	}
}

// published reads the newest board with the key of the wanted one, and takes its time and offsets.
func (c *recountCmd) published(ctx context.Context, p *program, w *audit.Wanted) (*codec.Board, error) {
	newest, err := p.output().Newest(ctx, w.Key())
	if err != nil {
		return nil, err
	}
	b := newest.Board
	switch {
	case b == nil:
		return nil, fmt.Errorf("there is no board %q in topic %s: `pageheat top --board` names those that there are", w.Key(), p.topo.Output)
	case b.DefinitionHash != "" && b.DefinitionHash != w.Definition.Hash():
		return nil, failure.BadSetting("boards", "the published board %q has another definition: %s, and not %s", w.Key(), b.Definition, boardsettings.Object(w.Definition))
	}
	w.Offsets, w.Since = b.Offsets, b.Since
	if origin, err := codec.DecodeOrigin(newest.Origin); err == nil {
		if w.Heat, err = audit.BoardCut(ctx, p.kafka, p.topo.Leaders, w, origin.Positions); err != nil {
			return nil, err
		}
	}
	if !madeOf(b, w.Heat) { // a command has counted it, and its header has positions of other boards
		w.Heat = nil
	}
	if w.Heat == nil {
		p.log.Warn("what the board was made from is no longer in the topic of leaders: it is recounted at its offsets, and may have more than these say", "topic", p.topo.Leaders, "board", w.Key())
	}
	if !b.AsOf.IsZero() {
		w.AsOf = b.AsOf
	}
	return b, nil
}

// compare prints what is different about the published board. Differences end with errDifference.
func (c *recountCmd) compare(p *program, published *codec.Board, result *audit.RecountedBoard) error {
	different := audit.CompareBoard(published, &result.Board)
	if len(different) == 0 {
		_, err := fmt.Fprintf(p.stdout, "board %s, version %d: all %d pages are exact at its offsets\n", published.Board, published.Version, len(published.Pages))
		return err
	}
	var out strings.Builder
	for _, line := range different {
		fmt.Fprintln(&out, line)
	}
	fmt.Fprintf(&out, "board %s, version %d: %d differences\n", published.Board, published.Version, len(different))
	if _, err := io.WriteString(p.stdout, out.String()); err != nil {
		return err
	}
	if result.Gone != nil {
		return errors.New("recount: the input does not reach back to where the board begins: it cannot be compared")
	}
	return errDifference
}

// print prints the board as top --once does. A recount knows nothing of earlier ranks.
func (c *recountCmd) print(p *program, b *codec.Board, scorer heat.Scorer) error {
	b.UpdatedAt = time.Now()
	text, err := codec.EncodeBoard(b)
	if err != nil {
		return err
	}
	out := string(text) + "\n"
	if !c.JSON {
		for i := range b.Pages {
			b.Pages[i].PreviousRank = b.Pages[i].Rank // it has not moved
		}
		weights, _ := scorer.(heat.Weights) // those of settings are
		out = terminal.Drawn(p.stdout, b, weights)
	}
	_, err = io.WriteString(p.stdout, out)
	return err
}
