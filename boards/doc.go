// Package boards has the boards that move with time: of the last hours, of what is trending, of a day.
// It says what such a board is and counts for it, exactly and without I/O. It knows package heat alone;
// docs/boards.md has the reasons.
//
// The way through the package:
//
//   - minute.go: a behaviour's time is a [Minute].
//   - definition.go, validate.go, pattern.go: a [Definition] says what a board is, and has a hash.
//   - chooser.go, groups.go: a [Chooser] says which pages are on a board and in which group; [Groups] has
//     the groups that have boards of their own.
//   - board.go: a [Board] is a definition made ready. It knows the [Place] of each minute, and which
//     slots count, are late, or may be dropped as of a minute T.
//   - state.go, cells.go, cell.go: a [State] is what a page has on a board, sums in slots.
//   - states.go, slab.go: [States] has those of many pages, in memory without pointers.
//   - sum.go: a [Sum] is a page's sum as of a slot; [Score] orders pages by it, [Shown] is what is
//     published.
//   - rates.go: the weights of minutes on a trending board; calendar.go: periods and time zones.
//   - holders.go: [Holders] finds the pages that change when T advances.
//   - wire.go: states and sums in bytes.
//   - wide.go: the numbers of 192 and 256 bits that trending needs.
//
// # Why nothing overflows
//
// Window and calendar boards hold parts of the totals of package heat, within the same bounds. A
// trending board multiplies by rates R[j] < 2⁴¹. Its bound for one slot, the half-life of a page, is
// n = 10¹⁴ behaviours, each with the most that a behaviour may carry (10⁶ clicks, 1440 minutes, like
// ±1). Those are three years of a million behaviours a second, all on one page and in one half-life,
// which lasts at most 30 days; until it leaves, 64 of them pass. So
//
//	behaviours  n = 10¹⁴                            < 2⁶⁴: 64 bits
//	likes       |L| ≤ n·R         < 2.2·10²⁶        < 2¹²⁷: 128 bits, signed
//	clicks      C ≤ n·10⁶·R       < 2.2·10³²        < 2¹²⁸: 128 bits
//	minutes     M ≤ n·1.44·10¹²·R < 3.167·10³⁸      < 2¹²⁸ = 3.40·10³⁸: 128 bits
//
// As of epoch E the sum of 64 epochs, each times 2^(e - E), is kept in units of 2⁻⁶³:
//
//	Σ M·2^(63 - (E - e)) < 3.167·10³⁸·2⁶⁴ < 2¹⁹²: 192 bits
//
// and those of clicks and likes are smaller. A score is at most 10⁸ (the greatest weight in units of
// 10⁻⁶) times 10⁹ times the sum of clicks, and likewise for likes, and 10⁸ times that of minutes:
//
//	|score| ≤ 10¹⁷·2.2·10³²·2⁶⁴ + 10⁸·2¹⁹² + 10¹⁷·2.2·10²⁶·2⁶⁴ < 2²³⁰: 256 bits, signed
//
// The sum of steps on a board with a maximum for each is bounded as a score of package heat is: of each
// step it takes the score or less, and the absolute values of the scores of parts add up to no more
// than the bound of the whole. (A maximum is above 0, so it never makes an absolute value greater.)
package boards
