package model

import (
	"time"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
)

// boardChoices are definitions of further boards. Those of one name follow each other: some count the same
// and choose other pages, some are other boards.
func boardChoices() [][]boards.Definition {
	by := func(clicks, minutes, like string) heat.Scorer {
		w, err := heat.NewWeights(clicks, minutes, like)
		if err != nil {
			panic(err) // the model only has valid ones
		}
		return w
	}
	window := boards.Definition{Name: "window", Kind: boards.Window, Window: 6 * time.Minute, Step: longestStep, Size: 2}
	capped := window
	capped.Size, capped.MaxPerStep, capped.Scorer = 4, "5", by("1", "0.5", "3")
	shorter := window
	shorter.Step = time.Minute
	trending := boards.Definition{Name: "trending", Kind: boards.Trending, HalfLife: time.Minute, Size: 3}
	disliked := trending
	disliked.Size, disliked.Scorer, disliked.MinBehaviours = 1, by("0", "0.000001", "-1"), 2
	slower := trending
	slower.HalfLife = 3 * time.Minute
	hour := boards.Definition{Name: "hour", Kind: boards.Calendar, Period: boards.Hour, Grace: 2 * time.Minute, Size: 3}
	some := hour
	some.Exclude, some.MaxPerStep, some.Step = []string{"/.*"}, "", 0
	elsewhere := hour
	elsewhere.Zone, elsewhere.Grace = time.FixedZone("+05:47", 5*3600+47*60), 7*time.Minute
	sections := boards.Definition{Name: "sections", Kind: boards.Window, Window: 4 * time.Minute, Step: longestStep, Size: 3,
		GroupBy: "/?(.)[^/]*(?:/.*)?", MaxGroups: 3, MaxPerGroup: 1}
	endings := sections
	endings.GroupBy, endings.MaxGroups, endings.Size, endings.MaxPerGroup = ".*([a-z0-9])", 2, 2, 0
	hourly := boards.Definition{Name: "sections", Kind: boards.Calendar, Period: boards.Hour, Grace: 2 * time.Minute, Size: 4,
		GroupBy: sections.GroupBy, MaxGroups: 2, MaxPerGroup: 2}
	return [][]boards.Definition{{window, capped, shorter}, {trending, disliked, slower}, {hour, some, elsewhere}, {sections, endings, hourly}}
}

// longestStep is that of the windows.
const longestStep = 2 * time.Minute

// drawBoards gives the settings further boards.
func (w *world) drawBoards(t *temper) {
	var choices [][]int // by name
	for _, named := range boardChoices() {
		var numbers []int
		for _, d := range named {
			b, err := boards.New(d)
			if err != nil {
				panic(err) // the model only has valid ones
			}
			numbers = append(numbers, len(w.catalog))
			w.catalog = append(w.catalog, b)
		}
		choices = append(choices, numbers)
	}
	if len(t.settings) == 1 && w.chance(0.6) {
		t.settings = append(t.settings, t.settings[0])
	}
	if !w.on.OldGroups { // some boards come, go and come back
		t.settings = append(t.settings[:1], t.settings[0], t.settings[0])
	}
	for i := range t.settings {
		t.settings[i].boards = nil
		for name, numbers := range choices {
			if i > 0 && w.chance(0.4) { // as before
				for _, n := range t.settings[i-1].boards {
					if n/len(numbers) == name {
						t.settings[i].boards = append(t.settings[i].boards, n)
					}
				}
				continue
			}
			n := w.n(len(numbers) + 1 + i)
			if !w.on.groups() && name == len(choices)-1 {
				n = i % 2 * len(numbers)
			}
			if n < len(numbers) {
				t.settings[i].boards = append(t.settings[i].boards, numbers[n])
			}
		}
	}
	t.weights[actChange] = min(len(t.settings)-1, 1) * (1 + w.n(3))
	t.disk = false // boards need memory
	t.pace = []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second}[w.n(3)]
	t.turnPages, t.pages = 1, max(t.pages, 3)
	t.growUntil = t.steps
	t.skew = []time.Duration{0, 20 * time.Second, 3 * time.Minute, 10 * time.Minute}[w.n(4)]
	if w.n(4) == 0 {
		t.weights[actClock] = 2
	}
	if !w.on.boards() {
		t.skew, t.warm = 10*time.Minute, 10
	}
	if !w.on.groups() {
		t.skew, t.pages = 0, 8
	}
	if t.skew > time.Minute && w.n(2) == 0 { // the next owner's clock is behind
		t.weights[actCrash], t.weights[actGrow], t.weights[actAssign], t.weights[actClock] = 6, 20, 30, 4
	}
	t.weights[actJump] = 4 + w.n(5)
	// Near the end of an hour, or of its grace.
	w.now = time.Date(2026, 1, 2, 13, 54+w.n(8), w.n(60), 0, time.UTC)
}

// withBoards reports whether the schedule has further boards.
func (w *world) withBoards() bool { return len(w.catalog) > 0 }

// boardsOf returns the further boards of settings.
func (w *world) boardsOf(s settings) []*boards.Board {
	var of []*boards.Board
	for _, n := range s.boards {
		of = append(of, w.catalog[n])
	}
	return of
}

// boardNames are the names of the further boards of settings.
func (w *world) boardNames(s settings) []string {
	var names []string
	for _, b := range w.boardsOf(s) {
		names = append(names, b.Definition().Name)
	}
	return names
}

// clock is the time by the clock of a process.
func (w *world) clock(on *instance) time.Time {
	now := w.now.Add(on.skew)
	if now.After(w.latest) {
		w.latest = now
	}
	return now
}

// setClock sets the clock of a process, forward or back. A clock that is set back by much comes with a crash
// half of the time: the stages have no other clock to measure durations with, and do nothing until it shows
// again what it showed.
func (w *world) setClock(on *instance) {
	by := []time.Duration{-time.Hour, -10 * time.Minute, -time.Minute, time.Minute, 4 * time.Minute, time.Hour, 24 * time.Hour}[w.n(7)]
	if by < 0 && w.chance(0.7) {
		w.crash(on)
	}
	on.skew += by
	w.counts.ClocksSet++
	w.say("the clock of instance-%d is set by %s, to %s", on.number, by, w.clock(on).Format(time.DateTime))
}

// alignClocks makes all clocks show the same time, so late that every board is as of a later T than any was.
func (w *world) alignClocks() {
	for _, on := range w.instances {
		on.skew = 0
	}
	if w.withBoards() {
		if w.latest.Before(w.now) {
			w.latest = w.now
		}
		w.now = w.latest.Truncate(longestStep).Add(longestStep + 5*time.Second)
	}
}

// timestamp is that of a record of the input which is written now.
func (w *world) timestamp() int64 {
	around := func(by time.Duration) time.Duration { return time.Duration(w.rng.Int64N(2*int64(by)+1)) - by }
	at := w.now
	switch n := w.n(20); {
	case n < 12:
		at = at.Add(around(time.Minute))
	case n < 16:
		at = at.Add(around(8 * time.Minute))
	case n < 18:
		at = at.Add(around(2 * time.Hour))
	case n == 18:
		at = at.Add(around(26 * time.Hour))
	default:
		return -1 // it has none
	}
	return at.Add(w.shift()).UnixMilli()
}

// boardsIn describes the further boards of leaders for the trace.
func boardsIn(l *codec.Leaders) (text string) {
	for i := range l.Boards {
		b := &l.Boards[i]
		text += ", " + b.Name + " as of " + b.AsOf.Time().Format(time.TimeOnly)
		if b.Final {
			text += " (final)"
		}
	}
	return text
}
