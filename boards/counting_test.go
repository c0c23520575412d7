package boards

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestParseCounting reads what each kind of board counts.
func TestParseCounting(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, d := range []Definition{
		{Name: "hour", Kind: Window, Window: time.Hour, Size: 20, GroupBy: "/(a|b)/.*"},
		{Name: "capped", Kind: Window, Window: 24 * time.Hour, Step: 15 * time.Minute, MaxPerStep: "3"},
		{Name: "trending", Kind: Trending, HalfLife: 6 * time.Hour},
		{Name: "today", Kind: Calendar, Period: Day, Zone: berlin},
		{Name: "hours", Kind: Calendar, Period: Hour, Grace: 7 * time.Minute},
		{Name: "weeks", Kind: Calendar, Period: Week, MaxPerStep: "0.5", Step: time.Hour},
		{Name: "months", Kind: Calendar, Period: Month, MaxPerStep: "0.5"},
	} {
		d = d.Complete()
		require.NoError(t, d.Validate(), d.Name)
		parsed, err := ParseCounting(d.Counting())
		require.NoError(t, err, d.Name)
		require.Equal(t, d.CountingHash(), parsed.CountingHash())
		_, err = New(parsed)
		require.NoError(t, err)
	}
}

// TestParseCountingRefuses what is not the text of a definition, to the byte.
func TestParseCountingRefuses(t *testing.T) {
	for _, text := range []string{
		"", "board: a\n", "board: a\nkind: all-time\n", "board: a\nkind: calendar\ncalendar: day\ntime-zone: Nowhere\ngrace: 60m\n",
		"board: a\nkind: window\nwindow: 1h\nstep: 1m\n", "board: a\nkind: window\nwindow: 60m\nstep: 7m\n",
		"board: a\nkind: window\nwindow: 60m\nstep: 1m", "board: a\nkind: window\nwindow: 60m\nstep: 1m\nsize: 10\n",
		"kind: window\nboard: a\nwindow: 60m\nstep: 1m\n", "board: ../a\nkind: window\nwindow: 60m\nstep: 1m\n",
	} {
		_, err := ParseCounting(text)
		require.ErrorIs(t, err, ErrMalformed, "%q", text)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]string{"board: a\n", "kind: window\n", "kind: trending\n", "window: 60m\n", "step: 1m\n", "half-life: 60m\n", "x\n"}), 0, 6).Draw(t, "lines")
		whole := ""
		for _, line := range text {
			whole += line
		}
		if d, err := ParseCounting(whole); err == nil && d.Counting() != whole {
			t.Fatalf("%q became %q", whole, d.Counting())
		}
	})
}
