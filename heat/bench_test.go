package heat

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func BenchmarkCount(b *testing.B) {
	var t Totals
	visit := Behaviour{Clicks: 5, Minutes: 1_511_912_200, Like: -1}
	for b.Loop() {
		t.Count(visit)
	}
}

func BenchmarkAdd(b *testing.B) {
	var t Totals
	o := Totals{Clicks: Uint128{Lo: 5}, Minutes: Uint128{Lo: 1_511_912_200}, Likes: -1, Behaviours: 1}
	for b.Loop() {
		t.Add(&o)
	}
}

func BenchmarkScore(b *testing.B) {
	w := DefaultWeights()
	t := Totals{Clicks: Uint128{Lo: 5}, Minutes: Uint128{Lo: 1_511_912_200}, Likes: -1, Behaviours: 1}
	var sink Score
	for b.Loop() {
		sink = w.Score(&t)
	}
	_ = sink
}

func BenchmarkHeat(b *testing.B) {
	w := DefaultWeights()
	t := Totals{Clicks: Uint128{Lo: 112}, Minutes: Uint128{Lo: 250_610_373_450}, Likes: 12, Behaviours: 100}
	b.ReportAllocs()
	for b.Loop() {
		_ = w.Heat(&t)
	}
}

// The article's traffic: each behaviour changes a page at random.
func BenchmarkChanged(b *testing.B) {
	for _, pages := range []int{100, 10_000, 1_000_000} {
		b.Run(fmt.Sprint(pages), func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			m := &table{}
			for i := range pages {
				m.pages = append(m.pages, &Page{Name: fmt.Sprint("page", i)})
			}
			x := NewIndex(DefaultWeights(), 10, m.all)
			m.passes = 0
			order := make([]int32, 1<<20)
			for i := range order {
				order[i] = random.Int32N(int32(pages))
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				p := m.pages[order[i&(len(order)-1)]]
				p.Totals.Count(Behaviour{Clicks: uint32(i % 5), Minutes: Minutes(i&7) * unitsPerMinute / 2, Like: int8(i%3) - 1})
				x.Changed(p)
				i++
			}
			b.ReportMetric(float64(m.passes), "passes")
		})
	}
}

func BenchmarkTop(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	m := &table{}
	for i := range 10_000 {
		p := &Page{Name: fmt.Sprint("page", i)}
		p.Totals.Likes = random.Int64N(1_000_000)
		m.pages = append(m.pages, p)
	}
	x := NewIndex(DefaultWeights(), 10, m.all)
	var top []*Page
	b.ReportAllocs()
	for b.Loop() {
		top = x.Top(top[:0])
	}
}
