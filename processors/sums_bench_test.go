package processors

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/traffic"
)

// messagesOf are messages of the simulator, a power of two of them.
func messagesOf(b *testing.B, pages int) [][]byte {
	b.Helper()
	simulator, err := traffic.NewSimulator(traffic.Options{Pages: pages, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	messages := make([][]byte, 1<<20)
	for i := range messages {
		messages[i] = simulator.Next().Append(nil)
	}
	return messages
}

// pagesOf are the numbers of pages to measure with.
func pagesOf() []int { return []int{100, 10_000, 1_000_000} }

// rangeVolume is how many behaviours ingest combines when it is behind.
const rangeVolume = 65_536

func BenchmarkSumsCount(b *testing.B) {
	for _, pages := range pagesOf() {
		b.Run(fmt.Sprint(pages), func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			visits := make([]heat.Behaviour, 1<<20)
			for i := range visits {
				visits[i] = heat.Behaviour{Page: fmt.Appendf(nil, "page%d", random.IntN(pages)), Clicks: uint32(i % 5),
					Minutes: heat.Minutes(random.Int64N(5e9)), Like: int8(i%3) - 1}
			}
			s := newSums(3)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i%rangeVolume == 0 {
					s.reset()
				}
				s.count(visits[i&(len(visits)-1)], 0)
				i++
			}
		})
	}
}

func BenchmarkCombinerAdd(b *testing.B) {
	for _, pages := range pagesOf() {
		b.Run(fmt.Sprint(pages), func(b *testing.B) {
			messages := messagesOf(b, pages)
			g, now := NewCombiner(0, 3, heat.DefaultLimits()), time.Now().UnixMilli()
			g.Start(codec.TopicID{1}, -1)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i%rangeVolume == 0 {
					g.reset()
				}
				if refusal := g.Add(int64(i), now, messages[i&(len(messages)-1)]); refusal != nil {
					b.Fatal(refusal)
				}
				i++
			}
		})
	}
}

// One operation is a whole range: 65,536 behaviours and their flush.
func BenchmarkCombinerRange(b *testing.B) {
	for _, pages := range pagesOf() {
		b.Run(fmt.Sprint(pages), func(b *testing.B) {
			messages := messagesOf(b, pages)
			g, now := NewCombiner(0, 3, heat.DefaultLimits()), time.Now().UnixMilli()
			g.Start(codec.TopicID{1}, -1)
			b.ReportAllocs()
			i, bytes := 0, 0
			for b.Loop() {
				for range rangeVolume {
					if refusal := g.Add(int64(i), now, messages[i&(len(messages)-1)]); refusal != nil {
						b.Fatal(refusal)
					}
					i++
				}
				bytes = 0
				for _, r := range g.Flush() {
					bytes += len(r)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i), "ns/behaviour")
			b.ReportMetric(float64(bytes)/rangeVolume, "B/behaviour")
		})
	}
}
