package terminal

import (
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
)

func TestAboutBoards(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	for want, b := range map[string]codec.Board{
		"": {},
		"the last 24h, as of 2026-01-02 03:04 UTC":                      {Kind: "window", AsOf: at, Definition: jsontext.Value(`{"window":"24h"}`)},
		"trending, half-life 6h, as of 2026-01-02 03:04 UTC":            {Kind: "trending", AsOf: at, Definition: jsontext.Value(`{"half-life":"6h"}`)},
		"2026-01-02 so far (Europe/Berlin), as of 2026-01-02 03:04 UTC": {Kind: "calendar", Period: "2026-01-02", AsOf: at, Definition: jsontext.Value(`{"time-zone":"Europe/Berlin"}`)},
		"2026-01-01, closed": {Kind: "calendar", Period: "2026-01-01", Final: true, AsOf: at, Definition: jsontext.Value(`{"time-zone":"UTC"}`)},
		"window, without behaviours from before it was added, 1,234 came too late": {Kind: "window", Since: codec.Offsets{}, Late: 1234},
		`a\u202eb`: {Kind: "a\u202eb", Definition: jsontext.Value(`{"window":7}`)},
	} {
		assert.Equal(t, want, about(&b))
	}
}

// TestPartsOfBoardsWithTheirOwnWay: weights are those of the board; what decays is rounded; a maximum of
// heat leaves no parts.
func TestPartsOfBoardsWithTheirOwnWay(t *testing.T) {
	b := &codec.Board{Board: "trending", Kind: "trending", AsOf: time.Unix(0, 0),
		Definition: jsontext.Value(`{"half-life":"6h","weight-clicks":2,"weight-minutes":"0.5","weight-likes":1}`),
		Pages:      []codec.BoardPage{{Rank: 1, Page: "p", Heat: "3.2222222221", Clicks: "1.1111111111", Minutes: "2", Likes: "0.0000000001", Behaviours: 3}}}
	parts, known := heatParts(b, usualWeights(t))
	require.True(t, known)
	require.Equal(t, [][3]string{{"2.2222222222", "1.0000000000", "0.0000000001"}}, parts)
	text := Text(b, usualWeights(t))
	require.Contains(t, text, "\ntrending, half-life 6h, as of 1970-01-01 00:00 UTC\n")
	require.Regexp(t, `3\.22 +2\.22 +1\.00 +0\.00 +1\.1 +2\.00 +0\.0 +3\n`, text)
	b.Pages[0].Heat = "3.23"
	_, known = heatParts(b, usualWeights(t))
	require.False(t, known)

	capped := &codec.Board{Board: "fair", Kind: "window", Definition: jsontext.Value(`{"step":"5m","max-per-step":2.5}`),
		Pages: []codec.BoardPage{{Rank: 1, Page: "p", Heat: "2.5", Clicks: "100", Minutes: "0", Likes: "0"}}}
	require.Contains(t, Text(capped, usualWeights(t)), "(a page gets at most 2.5 heat in each step of 5m)")
	require.NotContains(t, Text(capped, usualWeights(t)), "of clicks")
}

// TestPartsOfWhatDecaysAreKnown: whatever was rounded, and whatever the weights, the parts of the heat of a
// trending board are shown; with other weights they are not.
func TestPartsOfWhatDecaysAreKnown(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		weight := rapid.Custom(func(t *rapid.T) string {
			return big.NewRat(rapid.Int64Range(-100_000_000, 100_000_000).Draw(t, "millionths"), 1_000_000).FloatString(6)
		})
		total := rapid.Custom(func(t *rapid.T) *big.Rat {
			return big.NewRat(rapid.Int64().Draw(t, "total"), rapid.Int64Range(1, 1<<50).Draw(t, "decay"))
		})
		heat := new(big.Rat)
		var weights, totals []string
		for _, of := range []string{"clicks", "minutes", "likes"} {
			w, exact := weight.Draw(rt, "weight of "+of), total.Draw(rt, of)
			by, _ := new(big.Rat).SetString(w)
			heat.Add(heat, by.Mul(by, exact))
			weights, totals = append(weights, w), append(totals, exact.FloatString(10))
		}
		b := &codec.Board{Board: "trending", Kind: "trending",
			Definition: jsontext.Value(fmt.Sprintf(`{"half-life":"6h","weight-clicks":%s,"weight-minutes":%s,"weight-likes":%s}`, weights[0], weights[1], weights[2])),
			Pages: []codec.BoardPage{{Rank: 1, Page: "p", Heat: codec.Decimal(heat.FloatString(10)),
				Clicks: codec.Decimal(totals[0]), Minutes: codec.Decimal(totals[1]), Likes: codec.Decimal(totals[2])}}}
		_, known := heatParts(b, usualWeights(t))
		require.True(rt, known)
		b.Pages[0].Heat = codec.Decimal(heat.Add(heat, big.NewRat(1, 100_000)).FloatString(10))
		_, known = heatParts(b, usualWeights(t))
		require.False(rt, known)
	})
}

// TestScreenSaysWhatABoardCounts, where there is a line for it.
func TestScreenSaysWhatABoardCounts(t *testing.T) {
	b := forumBoard()
	b.Kind, b.AsOf, b.Definition = "window", b.UpdatedAt.Truncate(time.Minute), jsontext.Value(`{"window":"1h"}`)
	lines := func(width, height int) []string {
		return layout{width: width, height: height, weights: usualWeights(t), style: lipgloss.NewRenderer(io.Discard)}.lines(b)
	}
	all := lines(100, 30)
	require.True(t, strings.HasPrefix(all[1], "the last 1h, as of "), all)
	require.NotContains(t, strings.Join(lines(100, 4), "\n"), "the last 1h", "ranks come first")
	for _, line := range lines(20, 30) {
		require.LessOrEqual(t, ansi.StringWidth(line), 20, line)
	}
}
