package codec

import (
	"fmt"
	"testing"

	"pageheat/heat"
)

func BenchmarkParseBehaviour(b *testing.B) {
	for name, msg := range map[string]string{
		"article":   "page37|5|1.5119122|-1",
		"blanks":    "page37 | 5 | 1.5119122 | -1",
		"long page": "/projects/xdotool/xdotool.xhtml?utm_source=feed&utm_medium=rss|1|0.5833333|0",
		"not ASCII": "/日本語/ページ|5|1.5119122|-1",
		"json":      `{"page":"page37","clicks":5,"minutes":1.5119122,"like":-1}`,
		"refused":   "page37|5|1.5119122|7",
		"17 digits": "page37|5|1.51191219999999994|1",
	} {
		b.Run(name, func(b *testing.B) {
			raw, l := []byte(msg), heat.DefaultLimits()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = ParseBehaviour(raw, l)
			}
		})
	}
}

func BenchmarkRange(b *testing.B) {
	const pages = 100
	totals := heat.Totals{Clicks: heat.Uint128{Lo: 3_000}, Minutes: heat.Uint128{Lo: 2_500_000_000_000}, Likes: 3, Behaviours: 1000}
	names := make([][]byte, pages)
	for i := range names {
		names[i] = fmt.Append(nil, "page", i)
	}
	write := func(dst []byte) []byte {
		dst = AppendRangeHeader(dst, RangeHeader{From: 1000, To: 101_000, Limits: heat.DefaultLimits()}, pages)
		for _, name := range names {
			dst = AppendPageSum(dst, name, &totals)
		}
		return dst
	}
	encoded := write(nil)
	b.Run("append/100 pages", func(b *testing.B) {
		b.ReportAllocs()
		dst := make([]byte, 0, len(encoded))
		for b.Loop() {
			dst = write(dst[:0])
		}
	})
	b.Run("read/100 pages", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r, err := ReadRange(encoded)
			var t heat.Totals
			for err == nil {
				_, err = r.Next(&t)
			}
		}
	})
}

func BenchmarkLeaders(b *testing.B) {
	l := &Leaders{Progress: Progress{Next: 1 << 30, To: make([]int64, 3), Begin: make([]int64, 3), Lost: make([]uint64, 3), Counted: 1 << 40}}
	for i := range 10 {
		l.Pages = append(l.Pages, Leader{Page: fmt.Sprint("page", i), Totals: heat.Totals{
			Clicks: heat.Uint128{Lo: 1 << 40}, Minutes: heat.Uint128{Lo: 1 << 60}, Likes: 1 << 30, Behaviours: 1 << 36,
		}})
	}
	encoded := AppendLeaders(nil, l)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		dst := make([]byte, 0, len(encoded))
		for b.Loop() {
			dst = AppendLeaders(dst[:0], l)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = DecodeLeaders(encoded)
		}
	})
}

func BenchmarkBoard(b *testing.B) {
	board := goldenBoard()
	for len(board.Pages) < 10 {
		board.Pages = append(board.Pages, board.Pages[0])
	}
	encoded, err := EncodeBoard(board)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = EncodeBoard(board)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = DecodeBoard(encoded)
		}
	})
}
