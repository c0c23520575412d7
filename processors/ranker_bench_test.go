package processors_test

import (
	"fmt"
	"testing"
	"time"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
)

// A board of as many input partitions as heat partitions, after one of these has sent leaders.
func BenchmarkRankerBoard(b *testing.B) {
	for _, n := range []int{3, 48, 512} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := processors.NewRanker(processors.RankerConfig{Board: "all-time", Top: 10})
			r.Begin(1, n, nil, nil)
			leaders := func(partition int, next int64) *codec.Leaders {
				l := &codec.Leaders{Partition: int32(partition), Definition: codec.Define(heat.DefaultWeights(), 10),
					Progress: codec.Progress{Partitions: int32(n), Next: next, Counted: uint64(next), To: make([]int64, n)}}
				for i := range 10 {
					l.Pages = append(l.Pages, codec.Leader{Page: fmt.Sprint("page", partition, "-", i), Totals: heat.Totals{Likes: int64(partition * i)}})
				}
				return l
			}
			for p := range n {
				if _, err := r.Leaders(leaders(p, 1)); err != nil {
					b.Fatal(err)
				}
			}
			last := leaders(n-1, 2)
			b.ReportAllocs()
			for b.Loop() {
				last.Next, last.Counted = last.Next+1, last.Counted+1
				if _, err := r.Leaders(last); err != nil {
					b.Fatal(err)
				}
				if board, _ := r.Board(time.Now(), false); board == nil {
					b.Fatal("no board")
				}
			}
		})
	}
}
