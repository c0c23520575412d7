package boards

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"pageheat/heat"
)

// Invalid is a setting of a board whose value cannot be used.
type Invalid struct {
	// Board is the name of the board, and Setting that of the setting.
	Board, Setting string
	// Err says what the value has to be.
	Err error
}

// Error names the board and the setting.
func (e *Invalid) Error() string {
	return fmt.Sprintf("board %s: %s: %v", strconv.Quote(e.Board), e.Setting, e.Err)
}

// Unwrap is what the value has to be.
func (e *Invalid) Unwrap() error { return e.Err }

// Validate checks a complete definition. The error joins an [Invalid] for each setting that cannot
// be used.
func (d *Definition) Validate() error {
	v := validation{board: d.Name}
	if !IsName(d.Name) {
		v.fail("name", "must be 1 to %d letters, digits, dots, dashes and underscores, and begin with a letter or a digit", maxNameBytes)
	}
	if reserved(d.Name) {
		v.fail("name", "paths of boards end with this: give the board another name")
	}
	if d.Kind < AllTime || d.Kind > Calendar {
		v.fail("kind", "must be all-time, window, trending or calendar")
		return v.err()
	}
	if d.Name == AllTime.String() && d.Kind != AllTime {
		v.fail("kind", "the board of this name has the kind all-time: give this one another name")
	}
	v.between("size", d.Size, 1, MaxSize)
	d.validateTime(&v)
	d.validateCap(&v)
	d.validatePages(&v)
	return v.err()
}

// validateTime checks what the kind has, and that there is nothing that it does not have.
func (d *Definition) validateTime(v *validation) {
	if d.Kind == Window {
		v.duration("window", d.Window, time.Minute, maxWindow, time.Minute)
	} else if d.Window != 0 {
		v.foreign("window", "a window board")
	}
	if d.Kind == Trending {
		v.duration("half-life", d.HalfLife, time.Minute, MaxHalfLife, time.Minute)
		if _, ok := d.Scorer.(heat.Weights); !ok {
			v.fail("kind", "a score of a program's own cannot decay: use a window board, or weights")
		}
	} else if d.HalfLife != 0 {
		v.foreign("half-life", "a trending board")
	}
	if d.Kind == Calendar {
		if d.Period < Hour || d.Period > Month {
			v.fail("calendar", "must be hour, day, week or month")
		} else {
			v.duration("grace", d.Grace, time.Minute, time.Duration(min(d.Period, Week).minutes())*time.Minute, time.Minute)
		}
		if d.Zone == time.Local {
			v.fail("time-zone", "must be the same on each machine: name a zone, such as Europe/Berlin")
		}
		v.duration("keep", d.Keep, time.Hour, maxKeep, time.Hour)
		return
	}
	for setting, given := range map[string]bool{
		"calendar": d.Period != 0, "time-zone": d.Zone != nil, "grace": d.Grace != 0, "keep": d.Keep != 0,
	} {
		if given {
			v.foreign(setting, "a calendar board")
		}
	}
}

// validateCap checks the step and the maximum for a step.
func (d *Definition) validateCap(v *validation) {
	if d.MaxPerStep != "" {
		if _, err := parseHeat(d.MaxPerStep); err != nil {
			v.fail("max-per-step", "%q: %w", d.MaxPerStep, err)
		}
		if d.Kind != Window && d.Kind != Calendar {
			v.foreign("max-per-step", "a window or calendar board")
		}
	}
	switch whole := d.divided(); {
	case d.Kind == Calendar && d.MaxPerStep != "" && d.Period >= Hour && d.Period <= Month:
		if v.duration("step", d.Step, time.Minute, whole, time.Minute) && whole > MaxSteps*d.Step {
			v.fail("step", "%s makes more than %d steps of a %s: it must be at least %s", text(d.Step), MaxSteps, d.Period, text((whole/MaxSteps + time.Minute - 1).Truncate(time.Minute)))
		}
	case d.Kind == Window && (whole <= 0 || whole%time.Minute != 0): // that is wrong already
	case d.Kind == Window:
		if !v.duration("step", d.Step, time.Minute, whole, time.Minute) {
			return
		}
		if whole%d.Step != 0 {
			v.fail("step", "%s does not divide the window of %s", text(d.Step), text(whole))
		} else if whole/d.Step > MaxSteps {
			v.fail("step", "%s makes %d steps of the window of %s: the maximum is %d", text(d.Step), whole/d.Step, text(whole), MaxSteps)
		}
	case d.Kind == Calendar && d.Step != 0:
		v.fail("step", "a calendar board has steps only beside max-per-step")
	case d.Kind != Window && d.Kind != Calendar && d.Step != 0:
		v.foreign("step", "a window or calendar board")
	}
}

// validatePages checks what chooses pages.
func (d *Definition) validatePages(v *validation) {
	for _, list := range []struct {
		setting  string
		patterns []string
	}{{"include", d.Include}, {"exclude", d.Exclude}} {
		if len(list.patterns) > maxPatterns {
			v.fail(list.setting, "%d patterns: the maximum is %d", len(list.patterns), maxPatterns)
		}
		for _, pattern := range list.patterns {
			if _, err := NewPattern(pattern); err != nil {
				v.fail(list.setting, "%w", err)
			}
		}
	}
	if d.MinBehaviours < 1 || d.MinBehaviours > maxMinBehaviours {
		v.fail("min-behaviours", "%d: must be from 1 to %d", d.MinBehaviours, maxMinBehaviours)
	}
	if d.GroupBy == "" {
		if d.MaxGroups != 0 {
			v.fail("max-groups", "is for boards with group-by")
		}
		if d.MaxPerGroup != 0 {
			v.fail("max-per-group", "is for boards with group-by")
		}
		return
	}
	if _, err := NewGrouping(d.GroupBy); err != nil {
		v.fail("group-by", "%w", err)
	}
	v.between("max-groups", d.MaxGroups, 1, MaxGroups)
	v.between("max-per-group", d.MaxPerGroup, 0, MaxSize)
}

// maxMinBehaviours is the largest MinBehaviours.
const maxMinBehaviours = 1_000_000_000

// ValidateAll checks complete definitions that are used beside each other. The error joins an
// [Invalid] for each setting that cannot be used.
func ValidateAll(all []Definition) error {
	var errs []error
	if len(all) > MaxBoards {
		errs = append(errs, fmt.Errorf("%d boards: the maximum is %d", len(all), MaxBoards))
	}
	names := map[string]bool{}
	for i := range all {
		errs = append(errs, all[i].Validate())
		if name := all[i].Name; names[name] {
			errs = append(errs, &Invalid{Board: name, Setting: "name", Err: errors.New("another board has this name already")})
		}
		names[all[i].Name] = true
	}
	return errors.Join(errs...)
}

// validation collects what is wrong with a board.
type validation struct {
	board string
	errs  []*Invalid
}

func (v *validation) fail(setting, format string, args ...any) {
	v.errs = append(v.errs, &Invalid{Board: v.board, Setting: setting, Err: fmt.Errorf(format, args...)})
}

// foreign reports a setting that is for another kind of board.
func (v *validation) foreign(setting, whose string) { v.fail(setting, "is for %s", whose) }

func (v *validation) between(setting string, n, least, most int) {
	if n < least || n > most {
		v.fail(setting, "%d: must be from %d to %d", n, least, most)
	}
}

// duration checks that d is between two durations and a multiple of a unit.
func (v *validation) duration(setting string, d, least, most, unit time.Duration) bool {
	if d >= least && d <= most && d%unit == 0 {
		return true
	}
	v.fail(setting, "%s: must be from %s to %s in whole %ss", text(d), text(least), text(most), map[time.Duration]string{time.Minute: "minute", time.Hour: "hour"}[unit])
	return false
}

// err joins what was wrong, in the order of settings' names.
func (v *validation) err() error {
	slices.SortStableFunc(v.errs, func(a, b *Invalid) int { return strings.Compare(a.Setting, b.Setting) })
	errs := make([]error, len(v.errs))
	for i, e := range v.errs {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// text returns a duration without the units that are zero, such as "24h" or "1h30m".
func text(d time.Duration) string {
	s := d.String()
	if d != 0 && strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// IsName reports whether a name can be that of a board, see [Definition].Name.
func IsName(name string) bool {
	for i, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '.' || c == '-' || c == '_'):
		default:
			return false
		}
	}
	return name != "" && len(name) <= maxNameBytes
}

// reserved reports whether a name is what paths of boards end with, after a board's name: the path of one
// board would be that of another's events.
func reserved(name string) bool {
	return name == "events" || name == "feed.atom" || name == "feed.rss" || name == "list.html"
}

// sortedUnique returns a sorted copy without repetitions.
func sortedUnique(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

const (
	maxHeatDigits   = 10 // before the point
	maxHeat         = 1_000_000_000
	maxHeatDecimals = 6
	// unitsPerMillionth is how many units of a heat.Score are in 10⁻⁶.
	unitsPerMillionth = 1_000_000_000
)

// parseHeat reads a maximum of heat: a plain decimal above 0 and at most 10⁹.
func parseHeat(s string) (heat.Score, error) {
	whole, fraction, _ := strings.Cut(strings.TrimLeft(s, "0"), ".")
	fraction = strings.TrimRight(fraction, "0")
	if strings.Trim(whole+fraction, "0123456789") != "" || whole+fraction == "" || len(whole) > maxHeatDigits || len(fraction) > maxHeatDecimals {
		return heat.Score{}, errNoHeat
	}
	millionths, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", maxHeatDecimals-len(fraction)), 10, 64)
	if err != nil || millionths == 0 || millionths > maxHeat*1_000_000 {
		return heat.Score{}, errNoHeat
	}
	hi, lo := bits.Mul64(millionths, unitsPerMillionth)
	return heat.NewScore(int64(hi), lo), nil
}

// errNoHeat says what a maximum of heat is.
var errNoHeat = fmt.Errorf("must be a decimal above 0, at most %d, with at most %d digits after the point, such as 2.5", maxHeat, maxHeatDecimals)
