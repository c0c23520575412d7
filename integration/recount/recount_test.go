package recount

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/boards"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
)

// behaviour is one message of the input.
type behaviour struct {
	page    string
	millis  int64
	clicks  uint32
	minutes heat.Minutes
	like    int8

	// partition and offset are where it is in the input.
	partition int32
	offset    int64
}

// MarshalJSON writes it as recount.py reads it.
func (b behaviour) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{b.page, b.millis, b.clicks, int64(b.minutes), b.like, b.partition, b.offset})
}

// task is what recount.py does for one line.
type task struct {
	Definition map[string]any `json:"definition"`
	Behaviours []behaviour    `json:"behaviours"`
	AsOf       []int64        `json:"as_of"`
	// Groups asks for the boards of groups instead of the board of all.
	Groups bool `json:"groups"`
	// Forgotten are the pages that were forgotten, by the hashes of their names.
	Forgotten map[string]forgotten `json:"forgotten,omitempty"`
	// Sweeps are those that dropped pages, in their order.
	Sweeps []sweep `json:"sweeps,omitempty"`
}

// forgotten is what is known of a page that was forgotten.
type forgotten struct {
	Blocked bool    `json:"blocked"`
	To      []int64 `json:"to"`
}

// described is a definition as recount.py reads it.
func described(d boards.Definition) map[string]any {
	w := d.Scorer.(heat.Weights)
	m := map[string]any{
		"kind": d.Kind.String(), "size": d.Size, "weights": []string{w.Clicks(), w.Minutes(), w.Like()},
		"window": int(d.Window.Minutes()), "step": int(d.Step.Minutes()), "half-life": int(d.HalfLife.Minutes()),
		"min-behaviours": d.MinBehaviours,
	}
	if d.Include != nil {
		m["include"] = d.Include
	}
	if d.Exclude != nil {
		m["exclude"] = d.Exclude
	}
	if d.Kind == boards.Calendar {
		m["calendar"], m["time-zone"] = d.Period.String(), d.Zone.String()
	}
	if d.MaxPerStep != "" {
		m["max-per-step"] = d.MaxPerStep
	}
	if d.GroupBy != "" {
		m["group-by"], m["max-per-group"], m["max-groups"] = d.GroupBy, d.MaxPerGroup, d.MaxGroups
	}
	return m
}

// recountInPython gives tasks to recount.py: for each, the boards as of each time.
func recountInPython(t *testing.T, tasks io.Reader) (answers [][][][]any) {
	t.Helper()
	command := exec.Command(kafkatest.NeedTool(t, "python3"), "recount.py")
	command.Stdin = tasks
	var problems bytes.Buffer
	command.Stderr = &problems
	out, err := command.Output()
	require.NoError(t, err, problems.String())
	for line := range bytes.Lines(out) {
		var answer [][][]any
		require.NoError(t, json.Unmarshal(line, &answer))
		answers = append(answers, answer)
	}
	return answers
}

const partitions = 3

// counter counts a board as the heat partitions and the ranking do.
type counter struct {
	board  *boards.Board
	pages  [partitions]map[string]*boards.State
	holder [partitions]boards.Holders[string]
	asOf   boards.Minute
	late   uint64
}

func newCounter(b *boards.Board, asOf boards.Minute) *counter {
	c := &counter{board: b, asOf: asOf}
	for i := range c.pages {
		c.pages[i] = map[string]*boards.State{}
	}
	return c
}

// take counts a behaviour, unless it is late: also of a page that the board does not have, because patterns
// may change.
func (c *counter) take(b behaviour) {
	place := c.board.Place(boards.MinuteOfMillis(b.millis))
	if c.board.Late(place.Slot, c.asOf) {
		c.late++
		return
	}
	var t heat.Totals
	t.Count(heat.Behaviour{Clicks: b.clicks, Minutes: b.minutes, Like: b.like})
	q := len(b.page) % partitions
	state := c.pages[q][b.page]
	if state == nil {
		state = &boards.State{}
		c.pages[q][b.page] = state
	}
	if state.Add(c.board, place, &t) {
		c.holder[q].Note(place.Slot, b.page)
	}
}

// advance moves T on, and drops what has left from the pages that have it. A calendar board keeps closed
// periods here until the test has looked at them.
func (c *counter) advance(to boards.Minute) {
	from := c.asOf
	c.asOf = to
	if c.board.Definition().Kind == boards.Calendar {
		return
	}
	first := c.board.First(to)
	for q := range c.pages {
		for piece := range c.holder[q].Turn(c.board, c.board.Slot(from), c.board.Slot(to), 2) {
			for _, page := range piece {
				c.pages[q][page].Drop(c.board, first)
			}
		}
		c.holder[q].Drop(first)
		for _, state := range c.pages[q] { // also those that no turn visits: there is nothing left to drop
			if state.Drop(c.board, first) {
				panic("a turn has left out a page")
			}
		}
	}
}

// leader is a page that a partition sends.
type leader struct {
	page  string
	sum   boards.Sum
	score boards.Score
}

// published is the board as of a slot: the partitions' own boards, encoded and merged.
func (c *counter) published(t *testing.T, slot boards.Slot, asOf boards.Minute) [][]any {
	t.Helper()
	d := c.board.Definition()
	var merged []leader
	for i := range c.pages {
		merged = append(merged, c.first(c.own(t, i, slot), d)...)
	}
	return c.shown(c.first(merged, d), asOf)
}

// publishedGroups are the boards of groups as of a slot: each partition sends those of its first groups by
// name, and the first of all that were sent are published.
func (c *counter) publishedGroups(t *testing.T, slot boards.Slot, asOf boards.Minute) [][]any {
	t.Helper()
	d := c.board.Definition()
	d.MaxPerGroup = 0 // it is for the board of all
	merged, all := map[string][]leader{}, boards.NewGroups(d.MaxGroups)
	for i := range c.pages {
		grouped, own := map[string][]leader{}, boards.NewGroups(d.MaxGroups)
		for _, l := range c.own(t, i, slot) {
			if group, ok := c.board.Group(l.page); ok && own.Note(group) {
				grouped[group] = append(grouped[group], l)
			}
		}
		for _, group := range own.Names() {
			merged[group] = append(merged[group], c.first(grouped[group], d)...)
			all.Note(group)
		}
	}
	published := [][]any{}
	for _, group := range all.Names() {
		for _, row := range c.shown(c.first(merged[group], d), asOf) {
			published = append(published, append([]any{group}, row...))
		}
	}
	return published
}

// own are the pages of a partition that qualify.
func (c *counter) own(t *testing.T, partition int, slot boards.Slot) (own []leader) {
	t.Helper()
	for page, state := range c.pages[partition] {
		restored, _, err := c.board.DecodeState(state.Append(nil))
		require.NoError(t, err)
		sum := restored.Sum(c.board, slot)
		if !c.board.Has(page) || !c.board.Qualifies(&sum) {
			continue
		}
		sent, _, err := c.board.DecodeSum(c.board.AppendSum(nil, &sum))
		require.NoError(t, err)
		own = append(own, leader{page, sent, c.board.Score(&sent)})
	}
	return own
}

func (c *counter) shown(top []leader, asOf boards.Minute) [][]any {
	shown := [][]any{}
	for i, l := range top {
		s := c.board.Show(&l.sum, asOf)
		shown = append(shown, []any{float64(i + 1), l.page, s.Heat, s.Clicks, s.Minutes, s.Likes, float64(s.Behaviours)})
	}
	return shown
}

// first returns the first pages of a board.
func (c *counter) first(leaders []leader, d boards.Definition) (top []leader) {
	slices.SortFunc(leaders, func(a, b leader) int {
		if boards.Before(a.score, a.page, b.score, b.page) {
			return -1
		}
		return 1
	})
	groups := boards.NewPerGroup(d.MaxPerGroup)
	for _, l := range leaders {
		if len(top) < d.Size && groups.Take(c.board.Group(l.page)) {
			top = append(top, l)
		}
	}
	return top
}

// traffic makes behaviours around a time, in the order of their timestamps.
func traffic(random *rand.Rand, from boards.Minute, minutes int64, n int) []behaviour {
	all := make([]behaviour, n)
	for i := range all {
		all[i] = behaviour{
			page:   fmt.Sprintf("/%s/%d", []string{"sport", "news", "käse"}[random.IntN(3)], random.IntN(12)),
			millis: int64(from)*60_000 + random.Int64N(minutes*60_000),
			clicks: random.Uint32N(6), minutes: heat.Minutes(random.Int64N(5_000_000_000)), like: int8(random.IntN(3) - 1),
		}
		switch random.IntN(40) {
		case 0: // all pages are equal now and then
			all[i].clicks, all[i].minutes, all[i].like = 1, 0, 0
		case 1:
			all[i].clicks, all[i].minutes = heat.MostClicks, heat.WholeMinutes(heat.MostMinutes)
		}
	}
	slices.SortFunc(all, func(a, b behaviour) int { return cmp.Compare(a.millis, b.millis) })
	return all
}

// disturb changes the order in which behaviours arrive, and the timestamps of some.
func disturb(random *rand.Rand, all []behaviour, how string, span int64) {
	switch how {
	case "shuffled within an hour":
		arrival := make(map[behaviour]int64, len(all))
		for _, b := range all {
			arrival[b] = b.millis + random.Int64N(3_600_000)
		}
		slices.SortFunc(all, func(a, b behaviour) int { return cmp.Compare(arrival[a], arrival[b]) })
	case "late and future":
		for i := range all {
			switch random.IntN(8) {
			case 0:
				all[i].millis -= random.Int64N(span * 60_000)
			case 1:
				all[i].millis += random.Int64N(span * 60_000)
			case 2:
				if random.IntN(20) == 0 {
					all[i].millis = []int64{-1, 1 << 60, 0}[random.IntN(3)]
				}
			}
		}
	}
}

// periods returns when each period of a calendar board is closed, and a minute of it: found minute by
// minute.
func periods(b *boards.Board, from boards.Minute, minutes int64) (closes, inside map[boards.Slot]boards.Minute) {
	closes, inside = map[boards.Slot]boards.Minute{}, map[boards.Slot]boards.Minute{}
	d := b.Definition()
	if d.Kind != boards.Calendar {
		return nil, nil
	}
	for m := from - 40*24*60; m <= from+boards.Minute(minutes); m++ {
		s := b.Slot(m)
		inside[s], closes[s] = m, m+1+boards.Minute(d.Grace/time.Minute)
	}
	return closes, inside
}

// TestBoardsEqualARecountInPython, digit for digit, while behaviours arrive in any order and T advances.
func TestBoardsEqualARecountInPython(t *testing.T) {
	kafkatest.NeedTool(t, "python3")
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	howe, err := time.LoadLocation("Australia/Lord_Howe")
	require.NoError(t, err)
	odd, err := heat.NewWeights("0.333333", "-1.25", "7")
	require.NoError(t, err)
	put := func(year int, month time.Month, day int) boards.Minute {
		return boards.MinuteOf(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
	}
	for _, c := range []struct {
		d       boards.Definition
		from    boards.Minute
		minutes int64 // of traffic
		span    int64 // how late or early
	}{
		{boards.Definition{Name: "hour", Kind: boards.Window, Window: time.Hour}, put(2026, 1, 2), 300, 90},
		{boards.Definition{Name: "day", Kind: boards.Window, Window: 24 * time.Hour, Size: 5, Scorer: odd}, put(2026, 1, 2), 4000, 2000},
		{boards.Definition{Name: "fair", Kind: boards.Window, Window: 4 * time.Hour, Step: 20 * time.Minute, MaxPerStep: "2.5", MinBehaviours: 2}, put(2026, 1, 2), 900, 300},
		{boards.Definition{Name: "trending", Kind: boards.Trending, HalfLife: 2 * time.Hour}, put(2026, 1, 2), 9000, 8000},
		{boards.Definition{Name: "quick", Kind: boards.Trending, HalfLife: 7 * time.Minute, Scorer: odd, GroupBy: "/.*/([0-9]+)", MaxGroups: 5, MaxPerGroup: 2, Size: 6}, put(2026, 1, 2), 900, 600},
		{boards.Definition{Name: "hourly", Kind: boards.Calendar, Period: boards.Hour, Zone: howe}, put(2026, 4, 4), 1500, 180},
		{boards.Definition{Name: "today", Kind: boards.Calendar, Period: boards.Day, Zone: berlin, GroupBy: "/(.*)/.*", MaxPerGroup: 3}, put(2026, 10, 24), 4300, 2000},
		{boards.Definition{Name: "fair-day", Kind: boards.Calendar, Period: boards.Day, Zone: berlin, MaxPerStep: "3", Step: 3 * time.Hour, Exclude: []string{"/news/.*"}}, put(2026, 3, 28), 4300, 2000},
		{boards.Definition{Name: "week", Kind: boards.Calendar, Period: boards.Week, Include: []string{"/sport/.*", "/k.se/[0-9]"}}, put(2025, 12, 27), 15_000, 9000},
		{boards.Definition{Name: "month", Kind: boards.Calendar, Period: boards.Month, Zone: berlin}, put(2026, 1, 20), 40_000, 20_000},
	} {
		for i, how := range []string{"in order", "shuffled within an hour", "late and future"} {
			t.Run(c.d.Name+" "+how, func(t *testing.T) {
				t.Parallel()
				b, err := boards.New(c.d)
				require.NoError(t, err)
				random := rand.New(rand.NewPCG(uint64(c.from), uint64(i)))
				all := traffic(random, c.from, c.minutes, 400)
				disturb(random, all, how, c.span)
				count := newCounter(b, b.AsOf(c.from.Time()))
				var tasks bytes.Buffer
				var got [][][]any
				looks := 0
				arrived := 0 // late ones, too: a recount of the input has them all
				look := func(slot boards.Slot, asOf, within boards.Minute) {
					for _, groups := range []bool{false, true} {
						if looks++; groups && (c.d.GroupBy == "" || looks%8 > 0) {
							continue
						}
						line, err := json.Marshal(task{Definition: described(b.Definition()), Behaviours: all[:arrived], AsOf: []int64{int64(within)}, Groups: groups})
						require.NoError(t, err)
						tasks.Write(append(line, '\n'))
						if groups {
							got = append(got, count.publishedGroups(t, slot, asOf))
						} else {
							got = append(got, count.published(t, slot, asOf))
						}
					}
				}
				closes, inside := periods(b, c.from, c.minutes)
				for i, one := range all {
					count.take(one)
					arrived = i + 1
					if i%8 != 7 {
						continue
					}
					if i%40 == 39 {
						look(b.Slot(count.asOf), count.asOf, count.asOf)
					}
					before := count.asOf
					elapsed := boards.Minute(c.minutes * int64(i) / int64(len(all)))
					count.advance(b.AsOf((c.from + elapsed).Time()))
					if i%40 == 39 {
						look(b.Slot(count.asOf), count.asOf, count.asOf)
					}
					for s, at := range closes { // the final boards of the periods that this has closed
						if before < at && at <= count.asOf {
							look(s, at, inside[s])
						}
					}
				}
				if how == "late and future" {
					assert.Positive(t, count.late, "some were late")
				}
				wanted := recountInPython(t, &tasks)
				require.Len(t, wanted, len(got))
				filled := 0
				for i, want := range wanted {
					if !assert.Equal(t, want[0], got[i], "board %d of %d", i+1, len(got)) {
						return
					}
					if len(want[0]) > 0 {
						filled++
					}
				}
				assert.Greater(t, filled, len(got)/3, "boards with pages")
			})
		}
	}
}
