package heat

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// behaviours draws any behaviour within the default limits.
func behaviours() *rapid.Generator[Behaviour] {
	return rapid.Custom(func(t *rapid.T) Behaviour {
		return Behaviour{
			Clicks:  rapid.Uint32Range(0, MostClicks).Draw(t, "clicks"),
			Minutes: Minutes(rapid.Int64Range(0, int64(WholeMinutes(MostMinutes))).Draw(t, "minutes")),
			Like:    rapid.Int8Range(-1, 1).Draw(t, "like"),
		}
	})
}

func TestLimits(t *testing.T) {
	require.NoError(t, DefaultLimits().Validate())
	require.NoError(t, Limits{MaxClicks: 1, MaxMinutes: 1}.Validate())
	require.ErrorContains(t, Limits{MaxClicks: 0, MaxMinutes: 1}.Validate(), "clicks")
	require.ErrorContains(t, Limits{MaxClicks: MostClicks + 1, MaxMinutes: 1}.Validate(), "clicks")
	require.ErrorContains(t, Limits{MaxClicks: 1, MaxMinutes: 0}.Validate(), "minutes")
	require.ErrorContains(t, Limits{MaxClicks: 1, MaxMinutes: MostMinutes + 1}.Validate(), "minutes")
}

func TestMinutesAsDecimal(t *testing.T) {
	assert.Equal(t, "0", Minutes(0).String())
	assert.Equal(t, "1440", WholeMinutes(1440).String())
	assert.Equal(t, "1.5119122", Minutes(1_511_912_200).String())
	assert.Equal(t, "0.000007153", Minutes(7_153).String())
	assert.Equal(t, "-0.5", Minutes(-500_000_000).String())
}

func TestTotalsDoNotDependOnOrderOrGrouping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOf(behaviours()).Draw(t, "all")
		var inOrder Totals
		clicks, minutes := new(big.Int), new(big.Int)
		for _, b := range all {
			inOrder.Count(b)
			clicks.Add(clicks, big.NewInt(int64(b.Clicks)))
			minutes.Add(minutes, big.NewInt(int64(b.Minutes)))
		}
		assert.Equal(t, clicks.String(), inOrder.ClicksDecimal())
		assert.Equal(t, minutes.String(), inOrder.Minutes.String())
		assert.Equal(t, uint64(len(all)), inOrder.Behaviours)

		shuffled := rapid.Permutation(all).Draw(t, "shuffled")
		groups := make([]Totals, rapid.IntRange(1, 5).Draw(t, "groups"))
		for _, b := range shuffled {
			groups[rapid.IntRange(0, len(groups)-1).Draw(t, "group")].Count(b)
		}
		var grouped Totals
		for i := range groups {
			grouped.Add(&groups[i])
		}
		assert.Equal(t, inOrder, grouped)

		// What was added can be subtracted again.
		for i := range groups {
			require.NoError(t, grouped.Sub(&groups[i]))
		}
		assert.Equal(t, Totals{}, grouped)
	})
}

func TestSubRefusesWhatIsNoPart(t *testing.T) {
	whole := Totals{Clicks: Uint128{Lo: 5}, Minutes: Uint128{Lo: 5}, Likes: -1, Behaviours: 5}
	for _, part := range []Totals{
		{Clicks: Uint128{Lo: 6}},
		{Clicks: Uint128{Hi: 1}},
		{Minutes: Uint128{Lo: 6}},
		{Behaviours: 6},
	} {
		rest := whole
		require.Error(t, rest.Sub(&part))
		assert.Equal(t, whole, rest, "a refused subtraction changes nothing")
	}
	rest := whole
	require.NoError(t, rest.Sub(&Totals{Likes: 3, Behaviours: 3}), "likes may go either way")
	assert.Equal(t, int64(-4), rest.Likes)
}

// TestParseTotals reads what decimals say, and nothing else.
func TestParseTotals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Totals{
			Clicks:  Uint128{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")},
			Minutes: Uint128{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")},
			Likes:   rapid.Int64().Draw(t, "likes"), Behaviours: rapid.Uint64().Draw(t, "behaviours"),
		}
		got, err := ParseTotals(want.ClicksDecimal(), want.MinutesDecimal(), want.Likes, want.Behaviours)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
	for _, text := range []string{"", "-1", "+1", "1e3", "1.", ".5", "0.0000000001", "1,5", " 1", "1 ", "0x1", "NaN",
		"340282366920938463463374607431768211456", "999999999999999999999999999999999999999"} {
		_, err := ParseTotals("1", text, 0, 1)
		require.Error(t, err, text)
		_, err = ParseTotals(text, "1", 0, 1)
		require.Error(t, err, text)
	}
	_, err := ParseTotals("1.5", "1", 0, 1)
	require.ErrorContains(t, err, "clicks")
}
