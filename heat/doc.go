// Package heat is the domain of pageheat: what a behaviour is, how behaviours
// add up, what heat is, and how pages are ordered by it. It knows nothing of
// Kafka and imports nothing of this project.
//
// The way through the package:
//
//   - behaviour.go: a [Behaviour] is one visit of one page (clicks, minutes,
//     like), within [Limits].
//   - totals.go: [Totals] are the exact sums over a page's behaviours. They are
//     whole numbers (minutes in units of 10⁻⁹), so the order and the grouping in
//     which behaviours are added cannot change them.
//   - uint128.go: the 128-bit sums that this needs.
//   - weights.go: [Weights] say what a click, a minute and a like are worth. They
//     are decimals, taken exactly.
//   - score.go: [Score] is a page's heat as a whole number, to compare and to show;
//     [Scorer] is what makes it of totals, [Weights] or a program's own; [Before] is the
//     order.
//   - index.go: [Index] keeps the hottest pages of a table at hand while heats
//     rise and fall.
//
// # Why nothing overflows
//
// The bound that everything is proved for is ten years of one million behaviours
// a second, all on one page, each with the most that a behaviour may carry
// (10⁶ clicks, 1440 minutes, like ±1). Ten years are 3.156·10⁸ seconds, so
//
//	behaviours  N = 3.156·10¹⁴              < 2⁶⁴ = 1.84·10¹⁹: 64 bits
//	likes       |L| ≤ N                     < 2⁶³ = 9.22·10¹⁸: 64 bits, signed
//	clicks      C ≤ N·10⁶      = 3.156·10²⁰ > 2⁶⁴:             128 bits
//	minutes     M ≤ N·1.44·10¹² = 4.55·10²⁶ > 2⁶⁴:             128 bits
//
// Weights are at most 100 in absolute value and have at most 6 fraction
// digits, so as whole numbers in units of 10⁻⁶ they are at most W = 10⁸. A score
// counts units of 10⁻¹⁵:
//
//	|score| ≤ W·10⁹·C + W·M + W·10⁹·|L|
//	        ≤ 3.156·10³⁷ + 4.55·10³⁴ + 3.156·10³¹
//	        < 3.161·10³⁷ < 2¹²⁷ = 1.70·10³⁸: 128 bits, signed
//
// with room for five times as much. The products and partial sums are taken
// modulo 2¹²⁸, as two's complement is; since the result fits, it is exact. A sum
// over all pages (a partition's count, a board's) is bounded by the same numbers.
package heat
