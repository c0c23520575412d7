package boards

import (
	"fmt"
	"strings"
	"time"
)

// ParseCounting reads what [Definition.Counting] wrote. The definition that it returns is complete and
// valid and counts the same; all else about it, such as its weights, is made up. Errors wrap
// [ErrMalformed].
func ParseCounting(text string) (Definition, error) {
	var d Definition
	for line := range strings.Lines(text) {
		setting, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if err := d.count(setting, value); err != nil {
			return d, fmt.Errorf("%w: definition of a board: %s %q: %w", ErrMalformed, setting, value, err)
		}
	}
	if d.Kind == AllTime {
		return d, fmt.Errorf("%w: definition of a board: %w", ErrMalformed, ErrAllTime)
	}
	if d = d.Complete(); d.Validate() != nil || d.Counting() != text {
		return d, fmt.Errorf("%w: %q is not the definition of a board", ErrMalformed, text)
	}
	return d, nil
}

// count sets what a line of a definition says. Lines that do not belong to it are found by the text that
// the definition has.
func (d *Definition) count(setting, value string) (err error) {
	switch setting {
	case "board":
		d.Name = value
	case "kind":
		d.Kind = named(value, AllTime, Window, Trending, Calendar)
	case "window":
		d.Window, err = time.ParseDuration(value)
	case "half-life":
		d.HalfLife, err = time.ParseDuration(value)
	case "calendar":
		d.Period = named(value, Hour, Day, Week, Month)
	case "time-zone":
		d.Zone, err = time.LoadLocation(value)
	case "grace":
		d.Grace, err = time.ParseDuration(value)
	case "step":
		if d.Step, err = time.ParseDuration(value); d.Kind == Calendar {
			d.MaxPerStep = "1" // what it is does not matter: the states are the same
		}
	}
	return err
}

// named returns the one of all with a name, zero if there is none.
func named[T fmt.Stringer](name string, all ...T) (none T) {
	for _, one := range all {
		if one.String() == name {
			return one
		}
	}
	return none
}
