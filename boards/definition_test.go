package boards

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHashesNeverChange: tables and published boards have them.
func TestHashesNeverChange(t *testing.T) {
	for _, c := range []struct {
		d              Definition
		text           string
		hash, counting string
	}{
		{Definition{Name: "all-time", Kind: AllTime}, "board: all-time\nkind: all-time\nsize: 10\nheat: 0.8 x clicks + 0.8 x minutes + 1 x likes\nmin-behaviours: 1\n", "1059635f748d1b39", "56a87382d9c7dd35"},
		{Definition{Name: "fair", Kind: Window, Window: 24 * time.Hour, MaxPerStep: "02.50", Include: []string{"/b.*", "/a", "/a"}, Exclude: []string{"/x"}},
			"board: fair\nkind: window\nwindow: 1440m\nstep: 5m\nsize: 10\nheat: 0.8 x clicks + 0.8 x minutes + 1 x likes\n" +
				"include: \"/a\"\ninclude: \"/b.*\"\nexclude: \"/x\"\nmin-behaviours: 1\nmax-per-step: 2.5\n", "ce6c2c9ede7ce180", "f31677008d69824c"},
		{Definition{Name: "hot", Kind: Trending, HalfLife: 6 * time.Hour, GroupBy: "/([^/]+)/.*", MaxPerGroup: 3, MinBehaviours: 5},
			"board: hot\nkind: trending\nhalf-life: 360m\nsize: 10\nheat: 0.8 x clicks + 0.8 x minutes + 1 x likes\n" +
				"group-by: \"/([^/]+)/.*\"\nmax-groups: 100\nmax-per-group: 3\nmin-behaviours: 5\n", "35eaea119afc3285", "1b008fcf06749cc0"},
		{Definition{Name: "today", Kind: Calendar, Period: Day, MaxPerStep: "1"},
			"board: today\nkind: calendar\ncalendar: day\ntime-zone: UTC\ngrace: 60m\nstep: 5m\nsize: 10\n" +
				"heat: 0.8 x clicks + 0.8 x minutes + 1 x likes\nkeep: 9600h\nmin-behaviours: 1\nmax-per-step: 1\n", "b110d002d41f4f65", "77137c2288849dfc"},
	} {
		d := c.d.Complete()
		require.NoError(t, d.Validate())
		assert.Equal(t, c.text, d.Canonical())
		assert.Equal(t, c.hash, d.Hash(), d.Name)
		assert.Equal(t, c.counting, d.CountingHash(), d.Name)
	}
}

// TestHashes: what changes a board changes its hash, and only what changes what is counted changes the
// other.
func TestHashes(t *testing.T) {
	base := Definition{Name: "b", Kind: Window, Window: time.Hour, Step: time.Minute}.Complete()
	for name, change := range map[string]struct {
		to       func(d *Definition)
		counting bool
	}{
		"name":     {func(d *Definition) { d.Name = "c" }, true},
		"window":   {func(d *Definition) { d.Window *= 2 }, true},
		"step":     {func(d *Definition) { d.Step *= 2 }, true},
		"size":     {func(d *Definition) { d.Size = 11 }, false},
		"include":  {func(d *Definition) { d.Include = []string{"/"} }, false},
		"exclude":  {func(d *Definition) { d.Exclude = []string{"/"} }, false},
		"group-by": {func(d *Definition) { d.GroupBy, d.MaxGroups = "/(.*)", 100 }, false},
		"min":      {func(d *Definition) { d.MinBehaviours = 2 }, false},
		"cap":      {func(d *Definition) { d.MaxPerStep = "1" }, false},
	} {
		d := base
		change.to(&d)
		assert.NotEqual(t, base.Hash(), d.Hash(), name)
		assert.Equal(t, change.counting, base.CountingHash() != d.CountingHash(), name)
	}
	same := base
	same.Include = []string{}
	assert.Equal(t, base.Hash(), same.Hash())
}

func TestInvalidDefinitions(t *testing.T) {
	window := Definition{Name: "b", Kind: Window, Window: time.Hour}
	day := Definition{Name: "b", Kind: Calendar, Period: Day}
	for want, d := range map[string]Definition{
		`name: must be 1 to 64 letters`:                                           with(window, func(d *Definition) { d.Name = "a/b" }),
		`board "": name: must be`:                                                 with(window, func(d *Definition) { d.Name = "" }),
		`name: must be 1 to 64`:                                                   with(window, func(d *Definition) { d.Name = strings.Repeat("a", 65) }),
		`begin with a letter or a digit`:                                          with(window, func(d *Definition) { d.Name = ".." }),
		`kind: must be all-time, window, trending or calendar`:                    {Name: "b"},
		`size: 1001: must be from 1 to 1000`:                                      with(window, func(d *Definition) { d.Size = 1001 }),
		`window: 0s: must be from 1m to 34560h`:                                   {Name: "b", Kind: Window},
		`window: 1h0m30s: must be`:                                                with(window, func(d *Definition) { d.Window += 30 * time.Second }),
		`step: 1m makes 1441 steps of the window of 24h1m`:                        with(window, func(d *Definition) { d.Window, d.Step = 1441*time.Minute, time.Minute }),
		`step: 7m does not divide the window of 1h`:                               with(window, func(d *Definition) { d.Step = 7 * time.Minute }),
		`step: 2h: must be from 1m to 1h`:                                         with(window, func(d *Definition) { d.Step = 2 * time.Hour }),
		`half-life: 0s: must be from 1m to 720h`:                                  {Name: "b", Kind: Trending},
		`half-life: 721h: must be`:                                                {Name: "b", Kind: Trending, HalfLife: 721 * time.Hour},
		`calendar: must be hour, day, week or month`:                              {Name: "b", Kind: Calendar},
		`time-zone: must be the same on each machine`:                             with(day, func(d *Definition) { d.Zone = time.Local }),
		`grace: 25h: must be from 1m to 24h`:                                      with(day, func(d *Definition) { d.Grace = 25 * time.Hour }),
		`keep: 1h30m: must be`:                                                    with(day, func(d *Definition) { d.Keep = 90 * time.Minute }),
		`step: a calendar board has steps only beside`:                            with(day, func(d *Definition) { d.Step = time.Hour }),
		`step: 1m makes more than 1440 steps of a month: it must be at least 31m`: {Name: "b", Kind: Calendar, Period: Month, MaxPerStep: "1", Step: time.Minute},
		`max-per-step: is for a window or calendar board`:                         {Name: "b", Kind: Trending, HalfLife: time.Hour, MaxPerStep: "1"},
		`max-per-step: "-1": must be a decimal above 0`:                           with(window, func(d *Definition) { d.MaxPerStep = "-1" }),
		`max-per-step: "0.0"`:                                                     with(window, func(d *Definition) { d.MaxPerStep = "0.0" }),
		`max-per-step: "0.0000001"`:                                               with(window, func(d *Definition) { d.MaxPerStep = "0.0000001" }),
		`max-per-step: "1000000000.5"`:                                            with(window, func(d *Definition) { d.MaxPerStep = "1000000000.5" }),
		`max-per-step: "1e3"`:                                                     with(window, func(d *Definition) { d.MaxPerStep = "1e3" }),
		`include: "a)|(b" is not a pattern`:                                       with(window, func(d *Definition) { d.Include = []string{"a)|(b"} }),
		`exclude: 101 patterns: the maximum is 100`:                               with(window, func(d *Definition) { d.Exclude = make([]string, 101) }),
		`group-by: "/.*" has 0 groups: it must have one`:                          with(window, func(d *Definition) { d.GroupBy = "/.*" }),
		`max-groups: is for boards with group-by`:                                 with(window, func(d *Definition) { d.MaxGroups = 5 }),
		`max-per-group: is for boards with group-by`:                              with(window, func(d *Definition) { d.MaxPerGroup = 5 }),
		`max-groups: 1001: must be from 1 to 1000`:                                with(window, func(d *Definition) { d.GroupBy, d.MaxGroups = "(.*)", 1001 }),
		`min-behaviours: 18446744073709551615: must be from 1`:                    with(window, func(d *Definition) { d.MinBehaviours = math.MaxUint64 }),
		`window: is for a window board`:                                           {Name: "b", Kind: Trending, HalfLife: time.Hour, Window: time.Hour},
		`step: is for a window or calendar board`:                                 {Name: "b", Kind: Trending, HalfLife: time.Hour, Step: time.Hour},
		`keep: is for a calendar board`:                                           with(window, func(d *Definition) { d.Keep = time.Hour }),
	} {
		d = d.Complete()
		err := d.Validate()
		assert.ErrorContains(t, err, want)
		if err != nil {
			assert.NotContains(t, err.Error(), "\n", "one thing is wrong")
		}
		_, err = New(d)
		assert.Error(t, err)
	}
	_, err := New(Definition{Name: "a", Kind: AllTime})
	assert.ErrorIs(t, err, ErrAllTime)
	assert.ErrorContains(t, ValidateAll(make([]Definition, 33)), "33 boards: the maximum is 32")
}

func with(d Definition, change func(d *Definition)) Definition {
	change(&d)
	return d
}

func TestDefaultSteps(t *testing.T) {
	for window, step := range map[time.Duration]time.Duration{
		time.Minute: time.Minute, time.Hour: time.Minute, 24 * time.Hour: 5 * time.Minute, 7 * 24 * time.Hour: time.Hour,
		1009 * time.Minute:  1009 * time.Minute, // a prime
		30 * 24 * time.Hour: 3 * time.Hour,
	} {
		assert.Equal(t, step, Definition{Kind: Window, Window: window}.Complete().Step, window)
	}
}

func TestPatterns(t *testing.T) {
	b := newBoard(t, with(lastHour, func(d *Definition) {
		d.Include, d.Exclude = []string{"/sport/.*", "/news|/olympia"}, []string{".*/private"}
	}))
	for page, has := range map[string]bool{
		"/sport/x": true, "/sport/": true, "/sport": false, "/news": true, "/news/x": false, "/olympia": true,
		"/sport/private": false, "x/sport/x": false, "": false,
	} {
		assert.Equal(t, has, b.Has(page), page)
	}
	assert.True(t, newBoard(t, lastHour).Has("anything"))
}

// TestSlotsBeginWhereNoEarlierMinuteIs in them, nor in a later one.
func TestSlotsBeginWhereNoEarlierMinuteIs(t *testing.T) {
	for _, d := range []Definition{
		lastHour, today,
		{Name: "odd", Kind: Window, Window: 42 * time.Minute, Step: 7 * time.Minute},
		{Name: "trending", Kind: Trending, HalfLife: 11 * time.Minute},
		{Name: "hour", Kind: Calendar, Period: Hour, Zone: zone(t, "Australia/Lord_Howe")},
		{Name: "month", Kind: Calendar, Period: Month, Zone: zone(t, "Asia/Kathmandu")},
	} {
		b := newBoard(t, d)
		for _, at := range []time.Time{time.Unix(0, 0), time.Unix(60*60, 0), time.Date(2026, 4, 4, 14, 59, 0, 0, time.UTC), time.Date(2026, 4, 4, 15, 30, 0, 0, time.UTC)} {
			m := MinuteOf(at)
			s := b.Place(m).Slot
			first := b.Begins(s)
			assert.LessOrEqual(t, first, m, d.Name)
			assert.Equal(t, s, b.Place(first).Slot, "%s: %s", d.Name, first)
			if first > 0 {
				assert.Less(t, b.Place(first-1).Slot, s, "%s: %s", d.Name, first)
			}
		}
	}
}

func TestGroups(t *testing.T) {
	b := newBoard(t, with(today, func(d *Definition) { d.GroupBy = "/([^?]*)/.*|x" }))
	for page, want := range map[string]string{
		"/sport/x": "sport", "/Käse/1": "Käse", "/2026-01/x": "2026-01",
		"/sport": "", "//x": "", "/a/b/c": "", "x": "", "/../x": "", "/a\u200bb/x": "",
		"/2026-01-02/x": "", // it is the key of a day
		"/events/x":     "", "/feed.rss/x": "", "/feed.atom/x": "", "/list.html/x": "", "/list.htm/x": "list.htm",
		"/" + strings.Repeat("a", MaxGroupBytes) + "/x":   strings.Repeat("a", MaxGroupBytes),
		"/" + strings.Repeat("a", MaxGroupBytes+1) + "/x": "",
	} {
		group, ok := b.Group(page)
		assert.Equal(t, want, group, page)
		assert.Equal(t, want != "", ok, page)
	}
	_, ok := newBoard(t, today).Group("/sport/x")
	assert.False(t, ok)
}
