// Package boardsettings reads the definitions of boards that an operator writes: the key "boards" of the
// configuration file, and --board. It knows nothing of what is done with them.
//
//   - text.go: one line, such as "today kind=calendar calendar=day".
//   - yaml.go: a mapping of names to settings.
//   - json.go: what a board's record says of its definition.
//   - settings.go: what they have in common, the settings.
//   - example.yaml: all settings, with what they mean.
package boardsettings

import (
	_ "embed" // the example
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"

	"pageheat/boards"
	"pageheat/heat"
)

// Defaults are the settings of the whole program that a board has unless it says otherwise.
type Defaults struct {
	// Size is the number of pages.
	Size int
	// Weights make heat of totals.
	Weights heat.WeightSettings
}

// value is one setting as it was written.
type value struct {
	setting, text string
}

// board is a board as it was written.
type board struct {
	name   string
	where  string // for errors, such as "config file x: line 7: "; may be empty
	values []value
}

// problem is a setting that cannot be read.
func (b *board) problem(setting string, err error) error {
	return fmt.Errorf("%s%w", b.where, &boards.Invalid{Board: b.name, Setting: setting, Err: err})
}

// define makes the definition. The error joins all that is wrong with it.
func (b *board) define(defaults Defaults) (boards.Definition, error) {
	d := boards.Definition{Name: b.name, Size: defaults.Size}
	weights := defaults.Weights
	r := fields{d: &d, weights: &weights}
	var errs []error
	seen := map[string]bool{}
	for _, v := range b.values {
		set, known := r.setter(v.setting)
		switch {
		case !known:
			errs = append(errs, b.problem(v.setting, fmt.Errorf("unknown setting%s", nearest(v.setting))))
		case seen[v.setting] && v.setting != "include" && v.setting != "exclude":
			errs = append(errs, b.problem(v.setting, errors.New("given twice")))
		default:
			if err := set(v.text); err != nil {
				errs = append(errs, b.problem(v.setting, err))
			}
		}
		seen[v.setting] = true
	}
	if b.name == boards.AllTime.String() {
		errs = append(errs, b.problem("name", errors.New("the board of this name always exists: --top and --weight-* set its size and weights")))
	}
	if !seen["kind"] {
		errs = append(errs, b.problem("kind", errors.New("is missing: all-time, window, trending or calendar")))
	}
	for _, w := range []struct{ setting, clicks, minutes, likes string }{
		{"weight-clicks", weights.WeightClicks, "0", "0"},
		{"weight-minutes", "0", weights.WeightMinutes, "0"},
		{"weight-likes", "0", "0", weights.WeightLikes},
	} {
		if _, err := heat.NewWeights(w.clicks, w.minutes, w.likes); err != nil {
			errs = append(errs, b.problem(w.setting, err))
		}
	}
	if len(errs) > 0 {
		// What else is wrong may follow from this.
		return d, errors.Join(errs...)
	}
	scorer, err := weights.Weights()
	if err != nil {
		return d, b.problem("weights", err)
	}
	d.Scorer = scorer
	d = d.Complete()
	if err := d.Validate(); err != nil {
		return d, b.placed(err)
	}
	return d, nil
}

// placed says of each of joined errors where the board was written.
func (b *board) placed(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || b.where == "" {
		return err
	}
	var errs []error
	for _, one := range joined.Unwrap() {
		errs = append(errs, fmt.Errorf("%s%w", b.where, one))
	}
	return errors.Join(errs...)
}

// defineAll makes the definitions of boards that are used beside each other.
func defineAll(written []board, defaults Defaults) ([]boards.Definition, error) {
	var errs []error
	defined := make([]boards.Definition, 0, len(written))
	for i := range written {
		d, err := written[i].define(defaults)
		errs = append(errs, err)
		defined = append(defined, d)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	// Each is valid: what is wrong now is wrong with several.
	if err := boards.ValidateAll(defined); err != nil {
		return nil, err
	}
	return defined, nil
}

// Example returns definitions as [Read] takes them, beginning with the key "boards", with comments that say
// what each setting means: each stands there once at least.
func Example() string { return example }

//go:embed example.yaml
var example string

// names are the settings, in the order in which documents have them.
func names() []string {
	return []string{"kind", "size", "window", "step", "half-life", "calendar", "time-zone", "grace", "keep",
		"weight-clicks", "weight-minutes", "weight-likes", "include", "exclude", "group-by", "max-groups",
		"max-per-group", "min-behaviours", "max-per-step"}
}

// valuesOf returns the settings of a complete definition, but for patterns of pages.
func valuesOf(d *boards.Definition) []value {
	all := []value{{"kind", d.Kind.String()}, {"size", strconv.Itoa(d.Size)}}
	add := func(setting, text string, has bool) {
		if has {
			all = append(all, value{setting, text})
		}
	}
	add("window", durationText(d.Window), d.Window > 0)
	add("step", durationText(d.Step), d.Step > 0)
	add("half-life", durationText(d.HalfLife), d.HalfLife > 0)
	if d.Kind == boards.Calendar {
		add("calendar", d.Period.String(), true)
		add("time-zone", d.Zone.String(), true)
		add("grace", durationText(d.Grace), true)
		add("keep", durationText(d.Keep), true)
	}
	if weights, ok := d.Scorer.(heat.Weights); ok {
		add("weight-clicks", weights.Clicks(), true)
		add("weight-minutes", weights.Minutes(), true)
		add("weight-likes", weights.Like(), true)
	}
	add("group-by", d.GroupBy, d.GroupBy != "")
	add("max-groups", strconv.Itoa(d.MaxGroups), d.MaxGroups > 0)
	add("max-per-group", strconv.Itoa(d.MaxPerGroup), d.MaxPerGroup > 0)
	add("min-behaviours", strconv.FormatUint(d.MinBehaviours, 10), true)
	add("max-per-step", d.MaxPerStep, d.MaxPerStep != "")
	return all
}

// list is a setting with several values.
type list struct {
	setting  string
	patterns []string
}

// patternsOf returns the patterns of pages, if there are any.
func patternsOf(d *boards.Definition) []list {
	return slices.DeleteFunc([]list{{"include", d.Include}, {"exclude", d.Exclude}}, func(l list) bool { return len(l.patterns) == 0 })
}

// durationText returns whole minutes as [duration] reads them.
func durationText(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d%day == 0 && d > day:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	case d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	default:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	}
}

// fields sets those of a definition.
type fields struct {
	d       *boards.Definition
	weights *heat.WeightSettings
}

// setter returns what reads a setting, and whether there is one with this name.
func (f *fields) setter(setting string) (set func(text string) error, known bool) {
	d := f.d
	switch setting {
	case "kind":
		return func(text string) error {
			return choose(&d.Kind, text, boards.AllTime, boards.Window, boards.Trending, boards.Calendar)
		}, true
	case "calendar":
		return func(text string) error {
			return choose(&d.Period, text, boards.Hour, boards.Day, boards.Week, boards.Month)
		}, true
	case "time-zone":
		return f.zone, true
	case "weight-clicks":
		return assign(&f.weights.WeightClicks), true
	case "weight-minutes":
		return assign(&f.weights.WeightMinutes), true
	case "weight-likes":
		return assign(&f.weights.WeightLikes), true
	case "group-by":
		return assign(&d.GroupBy), true
	case "max-per-step":
		return assign(&d.MaxPerStep), true
	case "include":
		return collect(&d.Include), true
	case "exclude":
		return collect(&d.Exclude), true
	case "min-behaviours":
		return func(text string) error {
			var n int
			err := number(&n)(text)
			d.MinBehaviours = uint64(n)
			return err
		}, true
	}
	if into, ok := map[string]*time.Duration{
		"window": &d.Window, "step": &d.Step, "half-life": &d.HalfLife, "grace": &d.Grace, "keep": &d.Keep,
	}[setting]; ok {
		return duration(into), true
	}
	if into, ok := map[string]*int{"size": &d.Size, "max-groups": &d.MaxGroups, "max-per-group": &d.MaxPerGroup}[setting]; ok {
		return number(into), true
	}
	return nil, false
}

// zone reads the name of a time zone of the IANA database.
func (f *fields) zone(text string) error {
	if text == "" || text == "Local" {
		return fmt.Errorf("%q: must be a time zone that is the same on each machine, such as Europe/Berlin or UTC", text)
	}
	zone, err := time.LoadLocation(text)
	if err != nil {
		return fmt.Errorf("%q is not a time zone, such as Europe/Berlin or UTC: %w", text, err)
	}
	f.d.Zone = zone
	return nil
}

// choose sets the one that is written so.
func choose[T fmt.Stringer](into *T, text string, from ...T) error {
	var all []string
	for _, one := range from {
		if one.String() == text {
			*into = one
			return nil
		}
		all = append(all, one.String())
	}
	return fmt.Errorf("%q: must be one of %s", text, strings.Join(all, ", "))
}

// assign sets a text that is not empty.
func assign(into *string) func(string) error {
	return func(text string) error {
		if text == "" {
			return errors.New("has no value: leave it out")
		}
		*into = text
		return nil
	}
}

// collect adds a text that is not empty.
func collect(into *[]string) func(string) error {
	return func(text string) error {
		if text == "" {
			return errors.New("has no value: leave it out")
		}
		*into = append(*into, text)
		return nil
	}
}

// number sets a whole number from 1.
func number(into *int) func(string) error {
	return func(text string) error {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil || n == 0 {
			return fmt.Errorf("%q: must be a whole number from 1", text)
		}
		*into = int(n)
		return nil
	}
}

// duration sets one above 0, such as 90m, 24h or 7d. Days have 24 hours.
func duration(into *time.Duration) func(string) error {
	return func(text string) error {
		var d time.Duration
		var err error
		if days, ok := strings.CutSuffix(text, "d"); ok {
			var n uint64
			if n, err = strconv.ParseUint(days, 10, 16); err == nil {
				d = time.Duration(n) * 24 * time.Hour
			}
		} else {
			d, err = time.ParseDuration(text)
		}
		if err != nil || d <= 0 {
			return fmt.Errorf("%q: must be a duration above 0, such as 90m, 24h or 7d", text)
		}
		*into = d
		return nil
	}
}

// nearest suggests the setting whose name is most like another.
func nearest(name string) string {
	all := names()
	best := slices.MinFunc(all, func(a, b string) int {
		return levenshtein.ComputeDistance(name, a) - levenshtein.ComputeDistance(name, b)
	})
	if levenshtein.ComputeDistance(name, best) > 2 {
		return ": the settings of a board are " + strings.Join(all, ", ")
	}
	return fmt.Sprintf(": did you mean %s?", best)
}
