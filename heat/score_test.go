package heat

import (
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// mostBehaviours is the bound of the package comment's proof that nothing overflows: ten years of a
// million behaviours a second.
const mostBehaviours = 10 * 31_557_600 * 1_000_000

// worstTotals returns the largest totals that the bound allows.
func worstTotals(like int64) Totals {
	n := new(big.Int).SetInt64(mostBehaviours)
	product := func(each int64) Uint128 {
		p := new(big.Int).Mul(n, big.NewInt(each))
		return Uint128{Hi: new(big.Int).Rsh(p, 64).Uint64(), Lo: p.Uint64()}
	}
	return Totals{
		Clicks:     product(MostClicks),
		Minutes:    product(int64(WholeMinutes(MostMinutes))),
		Likes:      like * mostBehaviours,
		Behaviours: mostBehaviours,
	}
}

// totals draws sums of all sizes up to the bound.
func totals() *rapid.Generator[Totals] {
	worst := worstTotals(1)
	sums := func(most Uint128) *rapid.Generator[Uint128] {
		return rapid.Custom(func(t *rapid.T) Uint128 {
			u := Uint128{Hi: rapid.Uint64Range(0, most.Hi).Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
			if u.Cmp(most) > 0 {
				return most
			}
			return u
		})
	}
	return rapid.Custom(func(t *rapid.T) Totals {
		return Totals{
			Clicks:  sums(worst.Clicks).Draw(t, "clicks"),
			Minutes: sums(worst.Minutes).Draw(t, "minutes"),
			Likes:   rapid.Int64Range(-mostBehaviours, mostBehaviours).Draw(t, "likes"),
		}
	})
}

// weightTexts draws decimals that are weights.
func weightTexts() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"100", "-100", "99.999999", "-99.999999", "0.000001", "0", "-0", "0.8", "1", "+.5", "5."}),
		rapid.StringMatching(`[+-]?[0-9]{1,2}(\.[0-9]{0,6})?`),
	)
}

// exactHeat computes a heat with fractions.
func exactHeat(t *Totals, clicks, minutes, like string) *big.Rat {
	weight := func(text string) *big.Rat {
		r, _ := new(big.Rat).SetString(strings.TrimSuffix(text, "."))
		return r
	}
	nano := big.NewRat(1, 1_000_000_000)
	sum := new(big.Rat).Mul(weight(clicks), new(big.Rat).SetInt(asBig(t.Clicks)))
	m := new(big.Rat).SetInt(asBig(t.Minutes))
	sum.Add(sum, m.Mul(m, nano).Mul(m, weight(minutes)))
	l := new(big.Rat).SetInt64(t.Likes)
	return sum.Add(sum, l.Mul(l, weight(like)))
}

// roundedHalfToEven formats r with at most ten decimals.
func roundedHalfToEven(r *big.Rat) string {
	unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(heatDecimals), nil))
	scaled := new(big.Rat).Mul(r, unit)
	floor := new(big.Int).Div(scaled.Num(), scaled.Denom()) // Euclidean: towards minus infinity
	rest := new(big.Rat).Sub(scaled, new(big.Rat).SetInt(floor))
	switch rest.Cmp(big.NewRat(1, 2)) {
	case 1:
		floor.Add(floor, big.NewInt(1))
	case 0:
		floor.Add(floor, new(big.Int).SetUint64(uint64(floor.Bit(0))))
	}
	text := new(big.Rat).Quo(new(big.Rat).SetInt(floor), unit).FloatString(heatDecimals)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func TestHeatOfTheArticlesExample(t *testing.T) {
	var page Totals
	page.Count(Behaviour{Page: []byte("page001.html"), Clicks: 1, Minutes: 500_000_000, Like: 1})
	assert.Equal(t, "2.2", DefaultWeights().Heat(&page))
	clicks, minutes, likes := DefaultWeights().Parts(&page)
	assert.Equal(t, []string{"0.8", "0.4", "1"}, []string{clicks, minutes, likes})
}

func TestHeatIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, m, l := weightTexts().Draw(t, "clicks"), weightTexts().Draw(t, "minutes"), weightTexts().Draw(t, "like")
		w, err := NewWeights(c, m, l)
		require.NoError(t, err)
		a, b := totals().Draw(t, "a"), totals().Draw(t, "b")

		assert.Equal(t, roundedHalfToEven(exactHeat(&a, c, m, l)), w.Heat(&a))
		assert.Equal(t, exactHeat(&a, c, m, l).Cmp(exactHeat(&b, c, m, l)), w.Score(&a).Cmp(w.Score(&b)))
	})
}

func TestNothingOverflowsAtTheBound(t *testing.T) {
	for _, test := range []struct{ clicks, minutes, like string }{
		{"100", "100", "100"},
		{"-100", "-100", "-100"},
		{"99.999999", "99.999999", "99.999999"},
		{"-99.999999", "-99.999999", "-99.999999"},
		{"0.8", "0.8", "1"},
	} {
		w, err := NewWeights(test.clicks, test.minutes, test.like)
		require.NoError(t, err)
		for _, like := range []int64{1, -1} {
			worst := worstTotals(like)
			want := exactHeat(&worst, test.clicks, test.minutes, test.like)
			assert.Equal(t, roundedHalfToEven(want), w.Heat(&worst), "%v", w)
			assert.Equal(t, want.Sign(), w.Score(&worst).Cmp(Score{}), "%v: the sign is right", w)

			// Adding leads to these totals, without a lost carry.
			half := worstTotals(like)
			half.Clicks, _ = half.Clicks.divide(2)
			half.Minutes, _ = half.Minutes.divide(2)
			half.Likes, half.Behaviours = half.Likes/2, half.Behaviours/2
			twice := half
			twice.Add(&half)
			assert.Equal(t, worst, twice)
		}
	}
}

func TestHeatIsRoundedHalfToEven(t *testing.T) {
	// Minutes in units of 10⁻⁹ times a weight in 10⁻²: the eleventh decimal is cut.
	w, err := NewWeights("0", "0.05", "0")
	require.NoError(t, err)
	for units, want := range map[uint64]string{
		1:  "0",            // 0.5 units of the tenth decimal: to the even 0
		3:  "0.0000000002", // 1.5: to the even 2
		5:  "0.0000000002", // 2.5: to the even 2
		4:  "0.0000000002", // 2 exactly
		31: "0.0000000016", // 15.5: to the even 16
	} {
		assert.Equal(t, want, w.Heat(&Totals{Minutes: Uint128{Lo: units}}), "%d units", units)
	}
	w, err = NewWeights("0", "-0.05", "0")
	require.NoError(t, err)
	assert.Equal(t, "0", w.Heat(&Totals{Minutes: Uint128{Lo: 1}}), "no sign before nothing")
	assert.Equal(t, "-0.0000000002", w.Heat(&Totals{Minutes: Uint128{Lo: 3}}))
}

// TestPartsOfAScoreAddUp: the scores of parts of totals add up to that of the whole.
func TestPartsOfAScoreAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := func(name string) (totals Totals) {
			totals.Clicks = Uint128{Hi: rapid.Uint64Range(0, 16).Draw(t, name), Lo: rapid.Uint64().Draw(t, name)}
			totals.Minutes = Uint128{Lo: rapid.Uint64().Draw(t, name)}
			totals.Likes = rapid.Int64Range(-1e14, 1e14).Draw(t, name)
			return totals
		}
		w := Weights{clicks: rapid.Int64Range(-1e8, 1e8).Draw(t, "weight"), minutes: -1e8, like: 1e8}
		one, other := part("one"), part("other")
		a, b := w.Score(&one), w.Score(&other)
		one.Add(&other)
		assert.Equal(t, w.Score(&one), a.Add(b))
		assert.Equal(t, a, w.Score(&one).Sub(b))
		assert.Equal(t, a, NewScore(a.Words()))
	})
}

func TestUnitsOfWeights(t *testing.T) {
	w, err := NewWeights("0.8", "-100", "0.000001")
	require.NoError(t, err)
	clicks, minutes, like := w.Units()
	assert.Equal(t, []int64{800_000, -100_000_000, 1}, []int64{clicks, minutes, like})
}

func TestBefore(t *testing.T) {
	w := DefaultWeights()
	hot, cold := w.Score(&Totals{Likes: 1}), w.Score(&Totals{Likes: -1})
	assert.True(t, Before(hot, "z", cold, "a"), "the hotter one comes first")
	assert.False(t, Before(cold, "a", hot, "z"))
	assert.True(t, Before(hot, "Z", hot, "a"), "of equals, the lesser bytes")
	assert.False(t, Before(hot, "a", hot, "Z"))
	assert.False(t, Before(hot, "a", hot, "a"))
}
