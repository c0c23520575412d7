package boards

import (
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/heat"
)

// at is a minute of a test.
func at(t testing.TB, text string) Minute {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return MinuteOf(when)
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func newBoard(t testing.TB, d Definition) *Board {
	t.Helper()
	if d.Name == "" {
		d.Name = "b"
	}
	b, err := New(d)
	require.NoError(t, err)
	return b
}

// visit is some behaviours of a page in a minute.
type visit struct {
	minute Minute
	totals heat.Totals
}

// naive counts a board in the simplest way: it keeps every visit, and calculates with big numbers.
type naive struct {
	d      Definition
	visits []visit
	first  map[string]Minute // of periods
}

// counted returns the visits that count as of T, by what the minutes say.
func (n *naive) counted(asOf Minute) (counted []visit) {
	d := n.d.Complete()
	for _, v := range n.visits {
		var counts bool
		switch d.Kind {
		case Window:
			counts = v.minute <= asOf && v.minute > asOf-Minute(d.Window/time.Minute)
		case Trending:
			m := Minute(d.HalfLife / time.Minute)
			e, now := v.minute/m, asOf/m
			counts = e <= now && e > now-64
		case Calendar:
			counts = periodName(d, v.minute) == periodName(d, asOf)
		}
		if counts {
			counted = append(counted, v)
		}
	}
	return counted
}

// periodName names the period of a minute as the clock on the wall has it.
func periodName(d Definition, m Minute) string {
	local := m.Time().In(d.Zone)
	if d.Period == Week {
		year, week := local.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	}
	return local.Format(map[Period]string{Hour: "2006-01-02T15", Day: "2006-01-02", Month: "2006-01"}[d.Period])
}

// exactRates are those that exactRate has found.
var exactRates sync.Map

// exactRate is R[j] = 2^(j/m)·2⁴⁰ rounded, found by comparing whole numbers: with R the rounded
// number, (2R - 1)ᵐ < 2^(41m + j) < (2R + 1)ᵐ.
func exactRate(j, m int64) *big.Int {
	if j == 0 {
		return new(big.Int).Lsh(big.NewInt(1), 40)
	}
	if known, ok := exactRates.Load([2]int64{j, m}); ok {
		return known.(*big.Int)
	}
	low, high := new(big.Int).Lsh(big.NewInt(1), 40), new(big.Int).Lsh(big.NewInt(1), 41)
	target := new(big.Int).Lsh(big.NewInt(1), uint(41*m+j))
	for new(big.Int).Sub(high, low).Cmp(big.NewInt(1)) > 0 {
		middle := new(big.Int).Add(low, high)
		middle.Rsh(middle, 1)
		odd := new(big.Int).Lsh(middle, 1)
		odd.Sub(odd, big.NewInt(1))
		if odd.Exp(odd, big.NewInt(m), nil).Cmp(target) < 0 {
			low = middle
		} else {
			high = middle
		}
	}
	exactRates.Store([2]int64{j, m}, low)
	return low
}

// bigOf128 returns a number of package heat.
func bigOf128(u heat.Uint128) *big.Int {
	n, _ := new(big.Int).SetString(u.String(), 10)
	return n
}

// rounded returns a fraction rounded half to even to 10 decimals, without trailing zeros.
func rounded(r *big.Rat) string {
	scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt64(10_000_000_000))
	down := new(big.Int).Div(scaled.Num(), scaled.Denom()) // toward -∞
	rest := new(big.Rat).Sub(scaled, new(big.Rat).SetInt(down))
	c := rest.Cmp(big.NewRat(1, 2))
	if c > 0 || c == 0 && down.Bit(0) == 1 {
		down.Add(down, big.NewInt(1))
	}
	text := new(big.Rat).SetFrac(down, big.NewInt(10_000_000_000)).FloatString(10)
	for text[len(text)-1] == '0' {
		text = text[:len(text)-1]
	}
	if text[len(text)-1] == '.' {
		text = text[:len(text)-1]
	}
	return text
}

// shown returns what the board publishes as of T, and the exact sum that orders pages.
func (n *naive) shown(asOf Minute) (Shown, *big.Rat) {
	d := n.d.Complete()
	clicks, minutes, likes, order := new(big.Rat), new(big.Rat), new(big.Rat), new(big.Rat)
	var behaviours uint64
	steps := map[string]*heat.Totals{}
	for _, v := range n.counted(asOf) {
		factor := big.NewRat(1, 1)
		if d.Kind == Trending {
			m := int64(d.HalfLife / time.Minute)
			rate := exactRate(int64(v.minute)%m, m)
			age := uint(int64(asOf)/m - int64(v.minute)/m)
			factor.SetFrac(rate, new(big.Int).Lsh(big.NewInt(1), 40+age))
		}
		add := func(sum *big.Rat, part *big.Int, unit int64) {
			sum.Add(sum, new(big.Rat).Mul(factor, new(big.Rat).SetFrac(part, big.NewInt(unit))))
		}
		add(clicks, bigOf128(v.totals.Clicks), 1)
		add(minutes, bigOf128(v.totals.Minutes), 1_000_000_000)
		add(likes, big.NewInt(v.totals.Likes), 1)
		behaviours += v.totals.Behaviours
		if d.MaxPerStep != "" {
			step := n.stepOf(d, v.minute)
			if steps[step] == nil {
				steps[step] = &heat.Totals{}
			}
			steps[step].Add(&v.totals)
		}
	}
	weights := d.Scorer.(heat.Weights)
	for _, part := range []struct {
		weight string
		sum    *big.Rat
	}{{weights.Clicks(), clicks}, {weights.Minutes(), minutes}, {weights.Like(), likes}} {
		weight, _ := new(big.Rat).SetString(part.weight)
		order.Add(order, weight.Mul(weight, part.sum))
	}
	if d.MaxPerStep != "" {
		order = new(big.Rat)
		limit, _ := new(big.Rat).SetString(d.MaxPerStep)
		for _, totals := range steps {
			one, _ := new(big.Rat).SetString(exactScore(weights, totals))
			if one.Cmp(limit) > 0 {
				one = limit
			}
			order.Add(order, one)
		}
	}
	display := big.NewRat(1, 1)
	if d.Kind == Trending {
		if m := int64(d.HalfLife / time.Minute); int64(asOf)%m > 0 {
			display.SetFrac(exactRate(m-int64(asOf)%m, m), new(big.Int).Lsh(big.NewInt(1), 41))
		}
	}
	show := func(r *big.Rat) string { return rounded(new(big.Rat).Mul(r, display)) }
	return Shown{Heat: show(order), Clicks: show(clicks), Minutes: show(minutes), Likes: show(likes), Behaviours: behaviours}, order
}

// exactScore is a score with all of its digits.
func exactScore(w heat.Weights, t *heat.Totals) string {
	hi, lo := w.Score(t).Words()
	n := new(big.Int).Lsh(big.NewInt(hi), 64)
	n.Add(n, new(big.Int).SetUint64(lo))
	return new(big.Rat).SetFrac(n, power10(15)).FloatString(15)
}

// stepOf names the step of a minute.
func (n *naive) stepOf(d Definition, m Minute) string {
	step := Minute(d.Step / time.Minute)
	if d.Kind == Window {
		for m%step != 0 {
			m++
		}
		return m.String()
	}
	// Back to the first minute of the period, minute by minute: two days more than it can take.
	name, first := periodName(d, m), m
	if known, ok := n.first[name]; ok {
		return fmt.Sprint(name, (m-known)/step)
	}
	for back := m; back >= 0 && back > m-d.Period.minutes()-2*minutesPerDay; back-- {
		if periodName(d, back) == name {
			first = back
		}
	}
	if n.first == nil {
		n.first = map[string]Minute{}
	}
	n.first[name] = first
	return fmt.Sprint(name, (m-first)/step)
}

// definitions of all kinds, of which a test draws.
func someDefinition(t *rapid.T, capped bool) Definition {
	d := Definition{Name: "b", Kind: rapid.SampledFrom([]Kind{Window, Trending, Calendar}).Draw(t, "kind")}
	if capped {
		d.Kind = rapid.SampledFrom([]Kind{Window, Calendar}).Draw(t, "kind")
		d.MaxPerStep = rapid.SampledFrom([]string{"0.5", "3", "1000000"}).Draw(t, "max-per-step")
	}
	minutes := func(label string, most int) time.Duration {
		return time.Duration(rapid.IntRange(1, most).Draw(t, label)) * time.Minute
	}
	switch d.Kind {
	case Window:
		d.Step = minutes("step", 7)
		d.Window = d.Step * time.Duration(rapid.IntRange(1, 40).Draw(t, "steps"))
	case Trending:
		d.HalfLife = time.Duration(rapid.SampledFrom([]int{1, 2, 7, 60, 97}).Draw(t, "half-life")) * time.Minute
	case Calendar:
		d.Period = rapid.SampledFrom([]Period{Hour, Day, Week, Month}).Draw(t, "period")
		if capped {
			d.Period = rapid.SampledFrom([]Period{Hour, Day}).Draw(t, "period")
			d.Step = minutes("step", 60)
		}
		name := rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"}).Draw(t, "zone")
		d.Zone, _ = time.LoadLocation(name)
	}
	w := func(label string) string {
		return rapid.SampledFrom([]string{"0.8", "1", "-2.5", "0", "100", "0.000001"}).Draw(t, label)
	}
	d.Scorer, _ = heat.NewWeights(w("clicks"), w("minutes"), w("likes"))
	return d
}

func someTotals(t *rapid.T) heat.Totals {
	n := rapid.Uint64Range(1, 3).Draw(t, "behaviours")
	return heat.Totals{
		Clicks:     heat.Uint128{Lo: rapid.Uint64Range(0, n*heat.MostClicks).Draw(t, "clicks")},
		Minutes:    heat.Uint128{Lo: rapid.Uint64Range(0, n*heat.MostMinutes*1e9).Draw(t, "minutes")},
		Likes:      rapid.Int64Range(-int64(n), int64(n)).Draw(t, "likes"),
		Behaviours: n,
	}
}

// starts are around which minutes a test counts: ordinary ones, and where clocks are put.
func starts(t testing.TB) []Minute {
	return []Minute{
		at(t, "2026-01-02T15:04:00Z"), at(t, "2026-03-29T01:00:00Z"), at(t, "2026-10-25T01:00:00Z"), // Berlin
		at(t, "2010-11-07T02:31:00Z"), // St. John's, at one minute past midnight
		at(t, "2011-12-30T10:00:00Z"), // Apia left out a day
		at(t, "2026-04-04T15:00:00Z"), // Lord Howe, by half an hour
		at(t, "2026-12-31T23:59:00Z"), 0,
	}
}

// TestBoardsAreWhatBigNumbersSay counts in any order, with pages dropped and encoded meanwhile, and
// compares with the naive count as of each T.
func TestBoardsAreWhatBigNumbersSay(t *testing.T) {
	begins := starts(t)
	for name, capped := range map[string]bool{"plain": false, "capped": true} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				d := someDefinition(t, capped)
				b, err := New(d)
				require.NoError(t, err)
				asOf := rapid.SampledFrom(begins).Draw(t, "start")
				asOf = b.AsOf(asOf.Time())
				reach := map[Kind]int{Window: int(d.Window / time.Minute), Trending: 66 * int(d.HalfLife/time.Minute), Calendar: 0}[d.Kind]
				if d.Kind == Calendar {
					reach = 2 * int(d.Period.minutes())
				}
				model := &naive{d: b.Definition()}
				var s State
				for range rapid.IntRange(1, 30).Draw(t, "steps") {
					minute := max(0, asOf+Minute(rapid.IntRange(-reach-3, 20+reach/4).Draw(t, "minute")))
					v := visit{minute: minute, totals: someTotals(t)}
					place := b.Place(minute)
					if !b.Late(place.Slot, asOf) {
						fresh := !slices.Contains(slices.Collect(s.Slots(b)), place.Slot)
						assert.Equal(t, fresh, s.Add(b, place, &v.totals), "fresh")
						model.visits = append(model.visits, v)
					}
					want, _ := model.shown(asOf)
					sum := s.Sum(b, b.Slot(asOf))
					assert.Equal(t, want, b.Show(&sum, asOf), "%s as of %s: %v", b.definition.String(), asOf, model.visits)
					switch rapid.IntRange(0, 4).Draw(t, "then") {
					case 0:
						asOf = b.AsOf((asOf + Minute(rapid.IntRange(0, reach/2+10).Draw(t, "advance"))).Time())
						s.Drop(b, b.First(asOf))
					case 1:
						decoded, rest, err := b.DecodeState(s.Append(nil))
						require.NoError(t, err)
						assert.Empty(t, rest)
						assert.Equal(t, s.cells, decoded.cells)
						s = decoded
					case 2:
						read, rest, err := b.DecodeSum(append(b.AppendSum(nil, &sum), 7))
						require.NoError(t, err)
						assert.Equal(t, []byte{7}, rest)
						assert.Equal(t, sum, read)
					}
				}
			})
		})
	}
}

// TestOrderOfArrivalChangesNothing: states with equal behaviours have equal bytes, whatever the order,
// and whether they are added or merged.
func TestOrderOfArrivalChangesNothing(t *testing.T) {
	begins := starts(t)
	rapid.Check(t, func(t *rapid.T) {
		b, err := New(someDefinition(t, rapid.Bool().Draw(t, "capped")))
		require.NoError(t, err)
		begin := rapid.SampledFrom(begins).Draw(t, "start")
		visits := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) visit {
			return visit{minute: begin + Minute(rapid.IntRange(0, 3000).Draw(t, "minute")), totals: someTotals(t)}
		}), 1, 40).Draw(t, "visits")
		shuffled := rapid.Permutation(visits).Draw(t, "shuffled")
		var one, other State
		parts := make([]State, 3)
		for i, v := range visits {
			one.Add(b, b.Place(v.minute), &v.totals)
			parts[i%len(parts)].Add(b, b.Place(v.minute), &v.totals)
		}
		for _, v := range shuffled {
			other.Add(b, b.Place(v.minute), &v.totals)
			other.Sum(b, b.Slot(begin)) // with and without a memo
		}
		assert.Equal(t, one.Append(nil), other.Append(nil))
		for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
			var merged State
			for _, i := range order {
				merged.Merge(b, &parts[i])
			}
			assert.Equal(t, one.Append(nil), merged.Append(nil))
		}
	})
}

// TestOrderIsThatOfTheExactSums, also of scores as of different epochs.
func TestOrderIsThatOfTheExactSums(t *testing.T) {
	begins := starts(t)
	rapid.Check(t, func(t *rapid.T) {
		b, err := New(someDefinition(t, rapid.Bool().Draw(t, "capped")))
		require.NoError(t, err)
		begin := rapid.SampledFrom(begins).Draw(t, "start")
		var states [2]State
		var models [2]naive
		spread := max(1, int(2*b.epoch))
		for range rapid.IntRange(1, 8).Draw(t, "visits") {
			i := rapid.IntRange(0, 1).Draw(t, "page")
			v := visit{minute: begin + Minute(rapid.IntRange(0, spread).Draw(t, "minute")), totals: someTotals(t)}
			if rapid.Bool().Draw(t, "small") { // sums that are nearly equal
				v.totals = heat.Totals{Clicks: heat.Uint128{Lo: 1}, Behaviours: 1}
			}
			states[i].Add(b, b.Place(v.minute), &v.totals)
			models[i].d, models[i].visits = b.Definition(), append(models[i].visits, v)
		}
		asOf := b.AsOf((begin + Minute(spread)).Time())
		if b.step > 0 {
			asOf += b.step
		}
		scores, exact := [2]Score{}, [2]*big.Rat{}
		for i := range states {
			models[i].d = b.Definition()
			sum := states[i].Sum(b, b.Slot(asOf))
			scores[i] = b.Score(&sum)
			_, exact[i] = models[i].shown(asOf)
		}
		assert.Equal(t, exact[0].Cmp(exact[1]), scores[0].Cmp(scores[1]))
		if b.epoch > 0 { // one of them calculated later
			later := b.Slot(asOf) + Slot(rapid.IntRange(0, 58).Draw(t, "epochs"))
			sum := states[1].Sum(b, later)
			assert.Equal(t, exact[0].Cmp(exact[1]), scores[0].Cmp(b.Score(&sum)))
			assert.Equal(t, -exact[0].Cmp(exact[1]), b.Score(&sum).Cmp(scores[0]))
		}
	})
}
