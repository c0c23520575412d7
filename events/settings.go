package events

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"pageheat/codec"
	"pageheat/failure"
)

// Settings say which events are written.
type Settings struct {
	// EventsBoards are patterns of the keys of boards, such as "today" or "today/.*".
	EventsBoards []string `placeholder:"PATTERN" help:"Boards with events, as regular expressions of their whole keys, such as today or today/.*"`
	// EventsKinds are names of kinds.
	EventsKinds []string `placeholder:"KIND" help:"Kinds of events: entered, left, took-rank-1, rose."`
	// EventsRise is the number of places of a rise, and EventsRiseWithin the time that it may take.
	EventsRise       int           `placeholder:"PLACES" help:"Places that a page rises for the event rose, 1 to 1000."`
	EventsRiseWithin time.Duration `help:"Maximum time of a rise, and minimum time between two of one page."`
}

const (
	maxRise            = 1000 // the largest board
	minWithin, maxTime = time.Second, 7 * 24 * time.Hour
)

// DefaultSettings are all kinds of events of all boards, with a rise of three places in ten minutes.
func DefaultSettings() Settings {
	s := Settings{EventsBoards: []string{".*"}, EventsRise: 3, EventsRiseWithin: 10 * time.Minute}
	for _, kind := range codec.EventKinds() {
		s.EventsKinds = append(s.EventsKinds, string(kind))
	}
	return s
}

// Rules are valid settings. The zero value has no events.
type Rules struct {
	boards []*regexp.Regexp
	kinds  []codec.EventKind
	places int
	within time.Duration
}

// Rules validates the settings. The error is a [failure.Setting].
func (s Settings) Rules() (Rules, error) {
	r := Rules{places: s.EventsRise, within: s.EventsRiseWithin}
	for _, pattern := range s.EventsBoards {
		matches, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
		if err != nil {
			return Rules{}, failure.BadSetting("events-boards", "%q is not a regular expression: %w", pattern, err)
		}
		r.boards = append(r.boards, matches)
	}
	if len(r.boards) == 0 {
		return Rules{}, failure.BadSetting("events-boards", "name at least one board, or .* for all")
	}
	for _, name := range s.EventsKinds {
		kind := codec.EventKind(strings.TrimSpace(name))
		if !slices.Contains(codec.EventKinds(), kind) {
			return Rules{}, failure.BadSetting("events-kinds", "%q: choose among entered, left, took-rank-1, rose", name)
		}
		if !slices.Contains(r.kinds, kind) {
			r.kinds = append(r.kinds, kind)
		}
	}
	if len(r.kinds) == 0 {
		return Rules{}, failure.BadSetting("events-kinds", "name at least one of entered, left, took-rank-1, rose")
	}
	if s.EventsRise < 1 || s.EventsRise > maxRise {
		return Rules{}, failure.BadSetting("events-rise", "%d: must be from 1 to %d", s.EventsRise, maxRise)
	}
	if s.EventsRiseWithin < minWithin || s.EventsRiseWithin > maxTime {
		return Rules{}, failure.BadSetting("events-rise-within", "%s: must be from %s to %s", s.EventsRiseWithin, minWithin, maxTime)
	}
	return r, nil
}

// String describes the rules in one line, for the log.
func (r Rules) String() string {
	return fmt.Sprintf("%v of %v, a rise of %d in %s", r.kinds, r.boards, r.places, r.within)
}

func (r *Rules) has(kind codec.EventKind) bool { return slices.Contains(r.kinds, kind) }

// follow reports whether a board has events.
func (r *Rules) follow(key string) bool {
	return slices.ContainsFunc(r.boards, func(p *regexp.Regexp) bool { return p.MatchString(key) })
}
