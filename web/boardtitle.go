package web

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pageheat/codec"
	"pageheat/views"
)

// defined are settings of a board's definition that its title is made of. A setting that is missing,
// or has another form, is left out of the title.
type defined struct {
	Window   string `json:"window"`
	HalfLife string `json:"half-life"`
	Calendar string `json:"calendar"`
	TimeZone string `json:"time-zone"`
}

func definedBy(head *codec.Board) (d defined) {
	if err := json.Unmarshal(head.Definition, &d); err != nil {
		return defined{}
	}
	return d
}

// kindTitle describes what a board counts in a few words, such as "Last 24 hours".
func kindTitle(head *codec.Board) string {
	d := definedBy(head)
	title := head.Kind // of a newer program
	switch head.Kind {
	case "", codec.AllTime:
		title = "All time"
	case "window":
		title = "Window"
		if length, ok := inWords(d.Window); ok {
			title = "Last " + strings.TrimPrefix(length, "1 ")
		}
	case "trending":
		title = "Trending"
		if length, ok := inWords(d.HalfLife); ok {
			title += ", half-life " + length
		}
	case "calendar":
		title = "Calendar"
		if d.Calendar != "" {
			title = "By " + d.Calendar
		}
		if d.TimeZone != "" && d.TimeZone != "UTC" {
			title += ", " + d.TimeZone
		}
	}
	return title
}

// boardTitle describes a board in a few words, such as "Hottest pages of the last 24 hours: sport".
func boardTitle(head *codec.Board) string {
	title := ""
	switch head.Kind {
	case "":
		title = "Hottest pages"
	case "window":
		if length, ok := inWords(definedBy(head).Window); ok {
			title = "Hottest pages of the last " + strings.TrimPrefix(length, "1 ")
		}
	case "trending":
		title = "Trending pages"
	case "calendar":
		if head.Period != "" {
			title = "Hottest pages of " + head.Period
		}
	}
	name, _, _ := strings.Cut(head.Board, "/")
	switch {
	case title == "", head.Kind == "" && name != views.DefaultBoard:
		return "Hottest pages: " + head.Board
	case head.Group != "":
		return title + ": " + head.Group
	}
	return title
}

// inWords reads a duration such as "90m", "24h" or "7d", and returns it in words: "90 minutes",
// "24 hours", "7 days".
func inWords(text string) (words string, ok bool) {
	const day = 24 * time.Hour
	var d time.Duration
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return "", false
		}
		d = time.Duration(n) * day
	} else {
		var err error
		if d, err = time.ParseDuration(text); err != nil {
			return "", false
		}
	}
	if d < time.Minute {
		return "", false
	}
	count := func(n int64, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch {
	case d%day == 0 && d > day:
		return count(int64(d/day), "day"), true
	case d%time.Hour == 0:
		return count(int64(d/time.Hour), "hour"), true
	default:
		return count(int64(d/time.Minute), "minute"), true
	}
}
