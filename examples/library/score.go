package main

import (
	"fmt"
	"math/bits"

	"pageheat/heat"
)

// attention weighs behaviours as usual, but counts a page's minutes only up to some minutes per
// visit on average. A tab that was left open for a day does not make a page hot.
type attention struct {
	weights heat.Weights
	minutes uint32 // per visit
}

var _ heat.Scorer = attention{}

// Score implements [heat.Scorer]: it caps the minutes, and leaves the rest to the weights.
func (a attention) Score(t *heat.Totals) heat.Score {
	capped := *t
	hi, lo := bits.Mul64(t.Behaviours, uint64(heat.WholeMinutes(a.minutes)))
	if most := (heat.Uint128{Hi: hi, Lo: lo}); capped.Minutes.Cmp(most) > 0 {
		capped.Minutes = most
	}
	return a.weights.Score(&capped)
}

// String implements [heat.Scorer]. Another cap is another text, so instances with different caps
// never mix their pages on one board.
func (a attention) String() string {
	return fmt.Sprintf("%s, with at most %d minutes a visit", a.weights, a.minutes)
}
