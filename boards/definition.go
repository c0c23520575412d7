package boards

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pageheat/heat"
)

// Kind says which behaviours a board counts, and how much.
type Kind uint8

// The kinds.
const (
	// AllTime counts all behaviours. A page's state is its [heat.Totals]; it has no [Board].
	AllTime Kind = iota + 1
	// Window counts the behaviours of the last hours or days, in steps.
	Window
	// Trending counts all behaviours, each half as much after every half-life.
	Trending
	// Calendar counts the behaviours of an hour, day, week or month of a time zone.
	Calendar
)

// String returns the name that a setting has for the kind, such as "all-time".
func (k Kind) String() string {
	switch k {
	case AllTime:
		return "all-time"
	case Window:
		return "window"
	case Trending:
		return "trending"
	case Calendar:
		return "calendar"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// Definition says what a board is. [Definition.Complete] fills in defaults; the fields have those
// of [Definition.Validate] as ranges. A Definition is plain data; its slices must not be changed
// while it is used.
type Definition struct {
	// Name is that of the board, and part of keys and paths: 1 to 64 letters, digits, dots, dashes
	// and underscores, beginning with a letter or a digit. It is not events, feed.atom, feed.rss or
	// list.html, with which paths of boards end.
	Name string
	// Kind is required.
	Kind Kind
	// Size is the number of pages on the board, from 1 to [MaxSize].
	Size int
	// Scorer makes heat of totals, heat.DefaultWeights if nil. It is [heat.Weights] for a trending
	// board: only a sum of weights times totals is the same before and after decay.
	Scorer heat.Scorer

	// Window is the time that a window board covers, in whole minutes.
	Window time.Duration
	// Step divides Window, in at most [MaxSteps] steps: how often the board moves, and the parts that
	// MaxPerStep is for. On a calendar board it is for MaxPerStep alone, and counts from the beginning
	// of each period.
	Step time.Duration
	// HalfLife is that of a trending board, in whole minutes, at most [MaxHalfLife].
	HalfLife time.Duration
	// Period is that of a calendar board.
	Period Period
	// Zone is the time zone of a calendar board, UTC if nil.
	Zone *time.Location
	// Grace is how long after its end a period of a calendar board remains open, in whole minutes.
	Grace time.Duration
	// Keep is how long the final board of a period is kept, in whole hours.
	Keep time.Duration

	// Include are patterns of the pages on the board, all pages if there is none; a page that Exclude
	// matches is not on it. Both are as [Pattern] says.
	Include, Exclude []string
	// GroupBy is a pattern with one group, which makes a board for each text that the group matches: for
	// the first MaxGroups of them by name, see [Groups]. Empty: no groups.
	GroupBy   string
	MaxGroups int
	// MaxPerGroup is the maximum number of pages of one group on the board of all groups; 0: no
	// maximum.
	MaxPerGroup int
	// MinBehaviours is the minimum number of behaviours of a page on the board, at least 1.
	MinBehaviours uint64
	// MaxPerStep is the maximum heat that a page gets in one step, on window and calendar boards:
	// a decimal above 0, at most 10⁹, with at most 6 digits after the point. Empty: no maximum.
	MaxPerStep string
}

// Bounds of definitions.
const (
	// MaxSize is the largest Size.
	MaxSize = 1000
	// MaxSteps is the largest number of steps in a window, or in a period.
	MaxSteps = 1440
	// MaxHalfLife is the longest half-life; the package comment shows that sums fit with it.
	MaxHalfLife = 30 * 24 * time.Hour
	// MaxGroups is the largest MaxGroups.
	MaxGroups = 1000
	// MaxBoards is the largest number of boards beside each other.
	MaxBoards = 32
	// maxNameBytes is the longest name.
	maxNameBytes = 64
	// maxWindow is the longest window: MaxSteps steps of one day.
	maxWindow = MaxSteps * 24 * time.Hour
	// maxKeep is the longest Keep.
	maxKeep = 100 * 366 * 24 * time.Hour
)

// defaultSteps is how many steps Complete makes at most. With 288, a day has steps of 5 minutes.
const defaultSteps = 288

// Complete returns the definition with defaults where a field is zero: the first 10 pages by the
// default weights; a step that divides the window into at most 288; the time zone UTC; a grace of
// 5 minutes for hours and of 1 hour for other periods; final boards kept for 400 days; at most 100
// groups; at least one behaviour. It changes no field that its kind does not have.
func (d Definition) Complete() Definition {
	if d.Size == 0 {
		d.Size = 10
	}
	if d.Scorer == nil {
		d.Scorer = heat.DefaultWeights()
	}
	if d.MinBehaviours == 0 {
		d.MinBehaviours = 1
	}
	if d.GroupBy != "" && d.MaxGroups == 0 {
		d.MaxGroups = 100
	}
	if d.Kind == Calendar {
		if d.Zone == nil {
			d.Zone = time.UTC
		}
		if d.Grace == 0 {
			d.Grace = time.Hour
			if d.Period == Hour {
				d.Grace = 5 * time.Minute
			}
		}
		if d.Keep == 0 {
			d.Keep = 400 * 24 * time.Hour
		}
	}
	if d.Step == 0 && (d.Kind == Window || d.Kind == Calendar && d.MaxPerStep != "") {
		d.Step = defaultStep(d.divided())
	}
	return d
}

// divided returns what the steps of the board divide.
func (d *Definition) divided() time.Duration {
	if d.Kind == Calendar {
		return time.Duration(d.Period.minutes()) * time.Minute
	}
	return d.Window
}

// defaultStep returns the shortest usual step that divides a time into at most defaultSteps, or the
// time itself.
func defaultStep(whole time.Duration) time.Duration {
	for _, minutes := range []int{1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440} {
		if step := time.Duration(minutes) * time.Minute; whole%step == 0 && whole/step <= defaultSteps {
			return step
		}
	}
	return whole
}

// Canonical returns the definition as text: a line for each setting that its kind has, in a fixed
// order, with durations in minutes. Equal texts are equal boards, and the text of a definition never
// changes, since hashes are made of it. The definition must be complete and valid.
func (d *Definition) Canonical() string {
	text := d.Counting()
	line := func(setting, value string) { text += setting + ": " + value + "\n" }
	line("size", strconv.Itoa(d.Size))
	line("heat", d.Scorer.String())
	if d.Kind == Calendar {
		line("keep", strconv.FormatInt(int64(d.Keep/time.Hour), 10)+"h")
	}
	for _, list := range []struct {
		setting  string
		patterns []string
	}{{"include", d.Include}, {"exclude", d.Exclude}} {
		for _, pattern := range sortedUnique(list.patterns) {
			line(list.setting, strconv.Quote(pattern))
		}
	}
	if d.GroupBy != "" {
		line("group-by", strconv.Quote(d.GroupBy))
		line("max-groups", strconv.Itoa(d.MaxGroups))
		if d.MaxPerGroup > 0 {
			line("max-per-group", strconv.Itoa(d.MaxPerGroup))
		}
	}
	line("min-behaviours", strconv.FormatUint(d.MinBehaviours, 10))
	if limit, err := parseHeat(d.MaxPerStep); d.MaxPerStep != "" && err == nil {
		line("max-per-step", limit.String())
	}
	return text
}

// Counting returns the beginning of the canonical text: what the state of pages depends on.
// [ParseCounting] reads it.
func (d *Definition) Counting() string {
	text := "board: " + d.Name + "\nkind: " + d.Kind.String() + "\n"
	line := func(setting, value string) { text += setting + ": " + value + "\n" }
	switch d.Kind {
	case Window:
		line("window", minutesOf(d.Window))
		line("step", minutesOf(d.Step))
	case Trending:
		line("half-life", minutesOf(d.HalfLife))
	case Calendar:
		line("calendar", d.Period.String())
		line("time-zone", d.Zone.String())
		line("grace", minutesOf(d.Grace))
		if d.MaxPerStep != "" {
			line("step", minutesOf(d.Step))
		}
	}
	return text
}

// minutesOf returns a duration in whole minutes, such as "90m".
func minutesOf(d time.Duration) string { return strconv.FormatInt(int64(d/time.Minute), 10) + "m" }

// Hash identifies the definition: it is made of the canonical text, and so depends on nothing that
// does not change the board. It is 16 hexadecimal digits.
func (d *Definition) Hash() string { return hashOf("board\n" + d.Canonical()) }

// CountingHash identifies what the state of pages depends on: definitions with the same name and the
// same CountingHash count the same behaviours in the same places, so one may follow the other at once
// and with all of its past. Size, weights, patterns, groups and most maximums are not part of it: they
// choose among what is counted, if that is all pages. So states are to be kept for all pages, whatever
// Include and Exclude say; then patterns take effect at once, in both directions.
func (d *Definition) CountingHash() string { return hashOf("counting\n" + d.Counting()) }

// hashOf returns the first 8 bytes of a hash.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// String returns the canonical text on one line.
func (d *Definition) String() string {
	return strings.ReplaceAll(strings.TrimSuffix(d.Canonical(), "\n"), "\n", ", ")
}
