package audit

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/boards"
	"pageheat/heat"
)

// BenchmarkRecountedPages prints the memory of a recount for each page, with names of 40 bytes and one
// behaviour each.
func BenchmarkRecountedPages(b *testing.B) {
	now := boards.MinuteOf(time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
	for _, d := range []boards.Definition{
		{Name: "all-time", Kind: boards.AllTime},
		{Name: "hour", Kind: boards.Window, Window: time.Hour},
		{Name: "trending", Kind: boards.Trending, HalfLife: 6 * time.Hour},
	} {
		b.Run(d.Name, func(b *testing.B) {
			const pages = 200_000
			for range b.N {
				count, err := newBoardCount(&Wanted{Definition: d.Complete(), AsOf: now.Time()}, pages)
				require.NoError(b, err)
				before := heap()
				places := count.places()
				for i := range pages {
					counted, err := count.take(places, now, boardPosition{}, heat.Behaviour{Page: fmt.Appendf(nil, "/forum/threads/with-a-long-name/%08d", i), Clicks: 5, Minutes: 1_500_000_000})
					require.NoError(b, err)
					require.True(b, counted)
				}
				b.ReportMetric(float64(heap()-before)/pages, "B/page")
				require.Equal(b, pages, count.pages())
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
