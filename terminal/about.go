package terminal

import (
	"encoding/json"
	"fmt"

	"pageheat/codec"
	"pageheat/heat"
)

// settings are those of a board's definition that are shown, or needed to show its heat. Numbers
// keep their digits.
type settings struct {
	Window     string      `json:"window"`
	HalfLife   string      `json:"half-life"`
	Calendar   string      `json:"calendar"`
	TimeZone   string      `json:"time-zone"`
	Step       string      `json:"step"`
	MaxPerStep json.Number `json:"max-per-step"`
	Clicks     json.Number `json:"weight-clicks"`
	Minutes    json.Number `json:"weight-minutes"`
	Likes      json.Number `json:"weight-likes"`
}

// settingsOf reads a board's definition. One that cannot be read has no settings.
func settingsOf(b *codec.Board) (s settings) {
	if json.Unmarshal(b.Definition, &s) != nil {
		return settings{}
	}
	return s
}

// weightsOf returns the weights of a board, which are others unless its definition has some.
func weightsOf(b *codec.Board, others heat.Weights) heat.Weights {
	s := settingsOf(b)
	own, err := heat.NewWeights(s.Clicks.String(), s.Minutes.String(), s.Likes.String())
	if err != nil {
		return others
	}
	return own
}

// about says what a board counts, empty for a board of all behaviours.
func about(b *codec.Board) string {
	if b.Kind == "" {
		return ""
	}
	s := settingsOf(b)
	var text string
	switch {
	case b.Period != "" && b.Final:
		text = b.Period + ", closed"
	case b.Period != "":
		text = b.Period + " so far"
	case b.Kind == "window" && s.Window != "":
		text = "the last " + s.Window
	case b.Kind == "trending" && s.HalfLife != "":
		text = "trending, half-life " + s.HalfLife
	default:
		text = b.Kind
	}
	if s.TimeZone != "" && s.TimeZone != "UTC" {
		text += " (" + s.TimeZone + ")"
	}
	if !b.AsOf.IsZero() && !b.Final {
		text += ", as of " + b.AsOf.UTC().Format("2006-01-02 15:04 MST")
	}
	if b.Since != nil {
		text += ", without behaviours from before it was added"
	}
	if b.Late > 0 {
		text += fmt.Sprintf(", %s came too late", Count(b.Late))
	}
	return Printable(text)
}

// unknownParts says why the parts of the heat of a board are not shown.
func unknownParts(b *codec.Board, weights heat.Weights) string {
	s := settingsOf(b)
	if s.MaxPerStep != "" {
		return Printable(fmt.Sprintf("(a page gets at most %s heat in each step of %s)", s.MaxPerStep, s.Step))
	}
	return "(made with other weights than " + weights.String() + ": set --weight-clicks, --weight-minutes and --weight-likes to see the parts of each heat)"
}
