package boards

import (
	"encoding/json"
	"strconv"
	"time"

	"pageheat/heat"
)

// described is a definition as published boards have it: its members are the settings, by the names that
// they have there.
type described struct {
	Kind          string   `json:"kind"`
	Window        string   `json:"window,omitempty"`
	Step          string   `json:"step,omitempty"`
	HalfLife      string   `json:"half-life,omitempty"`
	Calendar      string   `json:"calendar,omitempty"`
	Zone          string   `json:"time-zone,omitempty"`
	Grace         string   `json:"grace,omitempty"`
	Keep          string   `json:"keep,omitempty"`
	Size          int      `json:"size"`
	Clicks        string   `json:"weight-clicks,omitempty"`
	Minutes       string   `json:"weight-minutes,omitempty"`
	Likes         string   `json:"weight-likes,omitempty"`
	Heat          string   `json:"heat,omitempty"`
	Include       []string `json:"include,omitempty"`
	Exclude       []string `json:"exclude,omitempty"`
	GroupBy       string   `json:"group-by,omitempty"`
	MaxGroups     int      `json:"max-groups,omitempty"`
	MaxPerGroup   int      `json:"max-per-group,omitempty"`
	MinBehaviours uint64   `json:"min-behaviours"`
	MaxPerStep    string   `json:"max-per-step,omitempty"`
}

// JSON returns the definition as a JSON object, for those who read the board. Its members are the
// settings of the board's kind. The definition must be complete and valid.
func (d *Definition) JSON() []byte {
	o := described{
		Kind: d.Kind.String(), Size: d.Size, Include: d.Include, Exclude: d.Exclude, GroupBy: d.GroupBy, MaxGroups: d.MaxGroups,
		MaxPerGroup: d.MaxPerGroup, MinBehaviours: d.MinBehaviours, MaxPerStep: d.MaxPerStep, Step: timeText(d.Step),
	}
	switch d.Kind {
	case Window:
		o.Window = timeText(d.Window)
	case Trending:
		o.HalfLife = timeText(d.HalfLife)
	case Calendar:
		o.Calendar, o.Zone, o.Grace, o.Keep = d.Period.String(), d.Zone.String(), timeText(d.Grace), timeText(d.Keep)
	}
	if w, ok := d.Scorer.(heat.Weights); ok {
		o.Clicks, o.Minutes, o.Likes = w.Clicks(), w.Minutes(), w.Like()
	} else {
		o.Heat = d.Scorer.String()
	}
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // it is made of strings and numbers
	}
	return text
}

// timeText returns a duration in whole hours or minutes, such as "24h" or "90m"; nothing for 0.
func timeText(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	default:
		return minutesOf(d)
	}
}
