package heat_test

import (
	"fmt"
	"math"
	"math/big"

	"pageheat/heat"
)

// pace is the number of visits per minute spent: pages that are read quickly come first. A minute
// is added, so that a page with one short visit does not win.
type pace struct{}

func (pace) Score(t *heat.Totals) heat.Score {
	number := func(u heat.Uint128) *big.Int {
		hi := new(big.Int).SetUint64(u.Hi)
		return hi.Lsh(hi, 64).Add(hi, new(big.Int).SetUint64(u.Lo))
	}
	// In whole numbers, as a score must be: a float would depend on the machine.
	perMinute := number(heat.Uint128{Lo: t.Behaviours})
	perMinute.Mul(perMinute, big.NewInt(1e15)).Mul(perMinute, big.NewInt(int64(heat.WholeMinutes(1))))
	perMinute.Div(perMinute, number(t.Minutes.AddUint64(uint64(heat.WholeMinutes(1)))))
	return heat.NewScore(new(big.Int).Rsh(perMinute, 64).Int64(), new(big.Int).And(perMinute, new(big.Int).SetUint64(math.MaxUint64)).Uint64())
}

func (pace) String() string { return "visits per minute" }

// A custom score orders an index like the weights do.
func ExampleScorer() {
	pages := []*heat.Page{{Name: "/essay"}, {Name: "/weather"}}
	visit := func(page *heat.Page, minutes uint32) {
		page.Totals.Count(heat.Behaviour{Minutes: heat.WholeMinutes(minutes)})
	}
	visit(pages[0], 9)
	visit(pages[1], 0)
	visit(pages[1], 2)
	all := func(yield func(*heat.Page) bool) {
		for _, page := range pages {
			if !yield(page) {
				return
			}
		}
	}
	for _, page := range heat.NewIndex(pace{}, 10, all).Top(nil) {
		fmt.Println(page.Name, pace{}.Score(&page.Totals))
	}
	// Output:
	// /weather 0.6666666667
	// /essay 0.1
}
