//go:build unix

package store

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"syscall"
	"testing"
	"time"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
)

// cpu is the processor time that the process has taken: other work on the machine does not change it.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// furtherBoards are four boards beside that of all time, of different kinds.
func furtherBoards(b *testing.B) []*boards.Board {
	b.Helper()
	var all []*boards.Board
	for _, d := range []boards.Definition{
		{Name: "trending", Kind: boards.Trending, HalfLife: 6 * time.Hour},
		{Name: "last-hour", Kind: boards.Window, Window: time.Hour, Step: time.Minute},
		{Name: "last-day", Kind: boards.Window, Window: 24 * time.Hour, Step: 5 * time.Minute},
		{Name: "today", Kind: boards.Calendar, Period: boards.Day},
	} {
		board, err := boards.New(d)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, board)
	}
	return all
}

// boardsBench is a partition that gets ranges as one of three does.
type boardsBench struct {
	p       *Partition
	bodies  [][]byte // pages of ranges
	sums    []int
	now     time.Time
	n       int
	to      int64
	message []byte
	leaders codec.Leaders
}

const (
	benchBehaviours = 65_536 / 3
	// rangesPerMinute are those of 50,000 behaviours a second.
	rangesPerMinute = 50_000 * 60 / 65_536
)

func newBoardsBench(b *testing.B, pages int, further []*boards.Board) *boardsBench {
	b.Helper()
	w := &boardsBench{now: time.Date(2026, 1, 2, 13, 7, 30, 0, time.UTC), to: -1}
	random := rand.New(rand.NewPCG(1, 2))
	pages = max(pages/3, 1)
	for range 64 {
		sums := map[int]*heat.Totals{}
		for range benchBehaviours {
			page := random.IntN(pages)
			if sums[page] == nil {
				sums[page] = &heat.Totals{}
			}
			sums[page].Count(heat.Behaviour{Clicks: uint32(random.IntN(5)), Minutes: heat.Minutes(random.Int64N(5e9)), Like: int8(random.IntN(3)) - 1})
		}
		var body []byte
		for page, t := range sums {
			body = codec.AppendPageSum(body, fmt.Sprint("page", page), t)
		}
		w.bodies, w.sums = append(w.bodies, body), append(w.sums, len(sums))
	}
	w.p = filled(b, New(Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10, Boards: further}), pages)
	w.p.StartBoards()
	w.advance()
	// Every page has had visits in several slots.
	for _, ago := range []time.Duration{20 * time.Hour, 14 * time.Hour, 7 * time.Hour, 50 * time.Minute, 31 * time.Minute, 12 * time.Minute} {
		var body []byte
		for page := range pages {
			body = codec.AppendPageSum(body, fmt.Sprint("page", page), &heat.Totals{Clicks: heat.Uint128{Lo: random.Uint64N(5)},
				Minutes: heat.Uint128{Lo: random.Uint64N(5e9)}, Likes: random.Int64N(3) - 1, Behaviours: 1})
		}
		w.apply(b, boards.MinuteOf(w.now.Add(-ago)), body, pages)
	}
	w.p.Leaders(&w.leaders)
	return w
}

func (w *boardsBench) advance() {
	for more := true; more; {
		_, more = w.p.Advance(w.now)
	}
}

func (w *boardsBench) apply(b *testing.B, minute boards.Minute, body []byte, pages int) {
	b.Helper()
	h := codec.RangeHeader{Input: codec.TopicID{1}, Targets: 1, From: w.to, To: w.to + 1<<20, Minute: minute, Limits: heat.DefaultLimits()}
	w.message = append(codec.AppendRangeHeader(w.message[:0], h, pages), body...)
	if _, err := w.p.Apply(w.message, w.to+1); err != nil {
		b.Fatal(err)
	}
	w.to = h.To
}

// next applies a range of now, and the turn of a minute when it is due. It returns the range's pages.
func (w *boardsBench) next(b *testing.B) int {
	b.Helper()
	if w.n++; w.n%rangesPerMinute == 0 {
		w.now = w.now.Add(time.Minute)
		w.advance()
	}
	i := w.n % len(w.bodies)
	w.apply(b, boards.MinuteOf(w.now), w.bodies[i], w.sums[i])
	w.p.Leaders(&w.leaders)
	return w.sums[i]
}

// ofBoards runs a benchmark with all-time alone, and with four further boards, over each number of pages.
func ofBoards(b *testing.B, all []int, bench func(b *testing.B, w *boardsBench)) {
	b.Helper()
	for _, pages := range all {
		for _, c := range []struct {
			name    string
			further []*boards.Board
		}{{"one", nil}, {"five", furtherBoards(b)}} {
			b.Run(fmt.Sprintf("%d/%s", pages, c.name), func(b *testing.B) { bench(b, newBoardsBench(b, pages, c.further)) })
		}
	}
}

// One operation is what 65,536 behaviours leave for one of three partitions, its leaders, and as much of the
// turn of a minute as falls to it at 50,000 behaviours a second.
func BenchmarkBoardsApply(b *testing.B) {
	ofBoards(b, pagesOf(), func(b *testing.B, w *boardsBench) {
		b.ReportAllocs()
		sums, began := 0, cpu(b)
		for b.Loop() {
			sums += w.next(b)
		}
		b.ReportMetric(float64(cpu(b)-began)/float64(sums), "cpu-ns/page")
	})
}

// One operation is a range, a checkpoint of its pages, and another range meanwhile. It reports what a page of
// the checkpoint takes.
func BenchmarkBoardsCheckpoint(b *testing.B) {
	ofBoards(b, pagesOf(), func(b *testing.B, w *boardsBench) {
		var buf []byte
		var took time.Duration
		bytes, pages := 0, 0
		for b.Loop() {
			w.next(b)
			checkpoint := w.p.Checkpoint()
			w.next(b)
			began := cpu(b)
			for more := true; more; pages++ {
				_, buf, more = checkpoint.Next(buf[:0])
				bytes += len(buf)
			}
			took += cpu(b) - began
			checkpoint.Committed(0)
		}
		b.ReportMetric(float64(took.Nanoseconds())/float64(pages), "cpu-ns/record")
		b.ReportMetric(float64(bytes)/float64(pages), "B/record")
	})
}

// One operation is a cycle of the garbage collector, over 200,000 pages: a third of those of the benchmark. It reports the
// processor time that a cycle takes beside the time in which it is done.
func BenchmarkBoardsCollect(b *testing.B) {
	ofBoards(b, []int{600_000}, func(b *testing.B, w *boardsBench) {
		for range 3 {
			w.next(b)
		}
		began, cycles := collected(), 0
		for b.Loop() {
			runtime.GC()
			cycles++
		}
		b.ReportMetric((collected()-began)*1000/float64(cycles), "gc-cpu-ms/cycle")
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "heap-MiB")
		runtime.KeepAlive(w)
	})
}

// collected is the processor time that the garbage collector has taken, in seconds, as the runtime estimates it.
func collected() float64 {
	s := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(s)
	return s[0].Value.Float64()
}

// One operation is a minute: behaviours of almost an hour ago, and the turn after which they leave the last hour.
// It reports how long the turn takes, and the longest time in which a board is not sent.
func BenchmarkBoardsTurn(b *testing.B) {
	for _, pages := range pagesOf() {
		b.Run(fmt.Sprint(pages), func(b *testing.B) {
			w := newBoardsBench(b, pages, furtherBoards(b))
			var took, longest time.Duration
			turns := 0
			for b.Loop() {
				for range rangesPerMinute {
					w.apply(b, boards.MinuteOf(w.now.Add(-59*time.Minute)), w.bodies[w.n%len(w.bodies)], w.sums[w.n%len(w.bodies)])
					w.n++
				}
				w.p.Leaders(&w.leaders)
				w.now = w.now.Add(time.Minute)
				began, unsent := cpu(b), time.Now()
				for more := true; more; {
					_, more = w.p.Advance(w.now)
					if w.p.Leaders(&w.leaders); len(w.leaders.Boards) == len(w.p.boards) {
						longest, unsent = max(longest, time.Since(unsent)), time.Now()
					}
				}
				took += cpu(b) - began
				turns++
			}
			b.ReportMetric(float64(took.Microseconds())/1000/float64(turns), "cpu-ms/turn")
			b.ReportMetric(float64(longest.Microseconds())/1000, "max-ms-unsent")
		})
	}
}
