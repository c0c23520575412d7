package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pageheat/codec"
	"pageheat/heat"
)

// pagesOf are the numbers of pages to measure with.
func pagesOf() []int { return []int{100, 10_000, 1_000_000} }

// rangesOf are ranges of input partition 0, one after the other, of that many
// behaviours each over pages chosen at random.
func rangesOf(pages, count, behaviours int) [][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	ranges := make([][]byte, count)
	from := int64(-1)
	for i := range ranges {
		sums := make(map[int]*heat.Totals)
		for range behaviours {
			page := random.IntN(pages)
			t := sums[page]
			if t == nil {
				t = &heat.Totals{}
				sums[page] = t
			}
			t.Count(heat.Behaviour{Clicks: uint32(random.IntN(5)), Minutes: heat.Minutes(random.Int64N(5e9)), Like: int8(random.IntN(3)) - 1})
		}
		to := from + int64(behaviours)
		r := codec.AppendRangeHeader(nil, codec.RangeHeader{Input: codec.TopicID{1}, Targets: 1, From: from, To: to,
			Limits: heat.DefaultLimits()}, len(sums))
		for page, t := range sums {
			r = codec.AppendPageSum(r, fmt.Sprint("page", page), t)
		}
		ranges[i], from = r, to
	}
	return ranges
}

// bothStores runs a benchmark in memory and on disk, with a given number of pages.
func bothStores(b *testing.B, bench func(b *testing.B, pages int, empty func() *Partition)) {
	b.Helper()
	for _, pages := range pagesOf() {
		b.Run(fmt.Sprintf("memory/%d", pages), func(b *testing.B) {
			bench(b, pages, func() *Partition { return New(Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10}) })
		})
	}
	for _, pages := range pagesOf() {
		b.Run(fmt.Sprintf("disk/%d", pages), func(b *testing.B) {
			disk, err := OpenDisk(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			var last *Partition
			bench(b, pages, func() *Partition {
				if last != nil {
					if err := last.Discard(); err != nil {
						b.Fatal(err)
					}
				}
				if last, err = disk.New(Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10}); err != nil {
					b.Fatal(err)
				}
				return last
			})
			if err := disk.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// writeAll takes a checkpoint and writes it, if it is due.
func writeAll(p *Partition, buf []byte) []byte {
	if !p.Crowded() {
		return buf
	}
	checkpoint := p.Checkpoint()
	for more := true; more; {
		_, buf, more = checkpoint.Next(buf[:0])
	}
	checkpoint.Committed(0)
	return buf
}

// filled fills an empty partition with all pages.
func filled(b *testing.B, p *Partition, pages int) *Partition {
	b.Helper()
	one := heat.Totals{Behaviours: 1}
	for i := range pages {
		if err := p.Set(fmt.Sprint("page", i), codec.AppendPageState(nil, &one)); err != nil {
			b.Fatal(err)
		}
	}
	p.Begin(codec.TopicID{2}, 0)
	if err := p.MarkRecovered(); err != nil {
		b.Fatal(err)
	}
	return p
}

// One operation is a range of what 65,536 behaviours leave for one of three
// partitions.
func BenchmarkApply(b *testing.B) {
	bothStores(b, func(b *testing.B, pages int, empty func() *Partition) {
		const behaviours = 65_536 / 3
		ranges := rangesOf(pages/3, 64, behaviours)
		p := filled(b, empty(), pages/3)
		var buf []byte
		b.ReportAllocs()
		sums, n := 0, 0
		for b.Loop() {
			if n%len(ranges) == 0 {
				p.progress.To = nil // the same again
			}
			r, err := codec.ReadRange(ranges[n%len(ranges)])
			if err != nil {
				b.Fatal(err)
			}
			sums += r.Pages
			if _, err := p.Apply(ranges[n%len(ranges)], int64(n), nil); err != nil {
				b.Fatal(err)
			}
			n++
			buf = writeAll(p, buf) // on disk, it is a part of it
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(sums), "ns/page")
	})
}

// One operation is one page of a checkpoint in which all have changed.
func BenchmarkCutNext(b *testing.B) {
	for _, pages := range pagesOf() {
		b.Run(fmt.Sprint(pages), func(b *testing.B) {
			p := filled(b, New(Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10}), pages/3)
			one := heat.Totals{Behaviours: 1}
			var checkpoint *Checkpoint
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				if checkpoint == nil {
					b.StopTimer()
					for pg := range tableOf(p).all() {
						p.change(pg, &one, 0)
					}
					p.ahead = true
					checkpoint = p.Checkpoint()
					b.StartTimer()
				}
				_, value, more := checkpoint.Next(buf[:0])
				buf = value
				if !more {
					checkpoint.Committed(0)
					checkpoint = nil
				}
			}
		})
	}
}

// One operation is one page restored from the changelog.
func BenchmarkRestore(b *testing.B) {
	bothStores(b, func(b *testing.B, pages int, empty func() *Partition) {
		names := make([]string, pages/3)
		for i := range names {
			names[i] = fmt.Sprintf("/articles/%030d", i)
		}
		value := codec.AppendPageState(nil, &heat.Totals{Clicks: heat.Uint128{Lo: 112}, Minutes: heat.Uint128{Lo: 250_610_373_450}, Likes: 12, Behaviours: 100})
		var p *Partition
		n := 0
		b.ReportAllocs()
		for b.Loop() {
			if n%len(names) == 0 {
				p = empty()
			}
			if err := p.Set(names[n%len(names)], value); err != nil {
				b.Fatal(err)
			}
			n++
		}
	})
}

// tableOf is the table of a partition in memory.
func tableOf(p *Partition) *table { return p.pages.(*memory).table }

// One operation is one page of a checkpoint in which all pages change again before they
// are written.
func BenchmarkCutWhileChanging(b *testing.B) {
	for _, pages := range pagesOf() {
		b.Run(fmt.Sprint(pages), func(b *testing.B) {
			p := filled(b, New(Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10}), pages/3)
			one := heat.Totals{Behaviours: 1}
			change := func() {
				for pg := range tableOf(p).all() {
					p.change(pg, &one, 0)
				}
				p.ahead = true
			}
			change()
			var checkpoint *Checkpoint
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				if checkpoint == nil {
					checkpoint = p.Checkpoint()
					change()
				}
				_, value, more := checkpoint.Next(buf[:0])
				buf = value
				if !more {
					checkpoint.Committed(0)
					checkpoint = nil
				}
			}
		})
	}
}

// One operation is a sweep that drops half of the pages of a partition.
func BenchmarkSweep(b *testing.B) {
	for _, pages := range pagesOf() {
		b.Run(fmt.Sprint(pages), func(b *testing.B) {
			noon := codec.Day(20_000).Time()
			for b.Loop() {
				b.StopTimer()
				p := filled(b, New(Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10}), pages)
				for pg := range tableOf(p).all() {
					pg.day = codec.Day(10_000 + pg.Number%2*10_000)
				}
				p.progress.Days, p.sweep.newest = &codec.DaysProgress{Swept: true}, 20_000
				b.StartTimer()
				p.SeekSweep(noon, 90)
				for more := true; more; {
					_, more, _ = p.PassOn()
				}
				if err := p.Sweep(noon); err != nil {
					b.Fatal(err)
				}
				p.Checkpoint().Committed(0)
				for more := true; more; {
					_, more, _ = p.PassOn()
				}
				if p.Len() != pages-pages/2 && p.Len() != pages/2 {
					b.Fatalf("%d of %d pages are left", p.Len(), pages)
				}
			}
		})
	}
}
