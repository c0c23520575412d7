package codec

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/boards"
	"pageheat/heat"
)

func TestRangesThatContradictThemselves(t *testing.T) {
	sum := AppendPageSum(nil, "p", &heat.Totals{Behaviours: 1})
	for name, b := range map[string][]byte{
		"lost, with pages":           append(AppendRangeHeader(nil, RangeHeader{Targets: 1, Limits: heat.DefaultLimits(), From: 1, To: 2, Lost: true}, 1), sum...),
		"empty, with pages":          append(AppendRangeHeader(nil, RangeHeader{Targets: 1, From: 2, To: 2}, 1), sum...),
		"a page without name":        append(AppendRangeHeader(nil, RangeHeader{Targets: 1, Limits: heat.DefaultLimits(), From: 1, To: 2}, 1), 0, 0, 0, 0, 0, 0),
		"an empty range with a page": append(AppendRangeHeader(nil, RangeHeader{Targets: 1, Limits: heat.DefaultLimits(), From: 1, To: 2}, 0), sum...),
		"to beyond all":              AppendRangeHeader(nil, RangeHeader{Targets: 1, From: 5, To: math.MinInt64 + 3}, 0),
		"a partition below 0":        AppendRangeHeader(nil, RangeHeader{Targets: 1, Partition: -1}, 0),
		"from below -1":              AppendRangeHeader(nil, RangeHeader{Targets: 1, From: -2}, 0),
		"more behaviours than offsets": append(AppendRangeHeader(nil, RangeHeader{Targets: 1, Limits: heat.DefaultLimits(), From: 1, To: 3}, 3),
			bytes.Repeat(sum, 3)...),
		"more clicks than can be": append(AppendRangeHeader(nil, RangeHeader{Targets: 1, Limits: heat.Limits{MaxClicks: 4, MaxMinutes: 1}, From: 1, To: 2}, 1),
			AppendPageSum(nil, "p", &heat.Totals{Behaviours: 1, Clicks: heat.Uint128{Lo: 5}})...),
		"a name that is not UTF-8": append(AppendRangeHeader(nil, RangeHeader{Targets: 1, Limits: heat.DefaultLimits(), From: 1, To: 2}, 1),
			AppendPageSum(nil, "p\xC2", &heat.Totals{})...),
		"a name with a bar": append(AppendRangeHeader(nil, RangeHeader{Targets: 1, Limits: heat.DefaultLimits(), From: 1, To: 2}, 1),
			AppendPageSum(nil, "a|b", &heat.Totals{})...),
		"no heat partitions":        AppendRangeHeader(nil, RangeHeader{From: 1, To: 2}, 0),
		"a heat partition too many": AppendRangeHeader(nil, RangeHeader{Targets: 3, Target: 3, From: 1, To: 2}, 0),
		"limits that cannot be":     AppendRangeHeader(nil, RangeHeader{Targets: 1, Limits: heat.Limits{MaxClicks: 1 << 30}, From: 1, To: 2}, 0),
		"an empty range to 2^62":    AppendRangeHeader(nil, RangeHeader{Targets: 1, From: 1, To: 1 << 62}, 0),
		"an overlong page": append(AppendRangeHeader(nil, RangeHeader{Targets: 1, Limits: heat.DefaultLimits(), From: 1, To: 2}, 1),
			AppendPageSum(nil, strings.Repeat("x", MaxPageBytes+1), &heat.Totals{})...),
	} {
		_, err := decodeWholeRange(b)
		require.ErrorIs(t, err, ErrMalformed, name)
	}
	_, err := ReadRange(append(AppendRangeHeader(nil, RangeHeader{Targets: 1, Limits: heat.DefaultLimits(), From: 1, To: 2}, 0), 0))
	require.ErrorIs(t, err, ErrMalformed, "also found by a reader of an empty range's header")

	unknownFlag := AppendRangeHeader(nil, RangeHeader{Targets: 1, Limits: heat.DefaultLimits(), From: 1, To: 2}, 0)
	unknownFlag[1] |= 0x80
	_, err = ReadRange(unknownFlag)
	require.ErrorContains(t, err, "flags")
}

func TestMarks(t *testing.T) {
	for _, h := range []RangeHeader{
		{Targets: 1, From: -1, To: -1},
		{Targets: 3, Target: 2, From: -1, To: 5},
		{Targets: 1, Partition: 2, From: 5, To: 5, Limits: heat.DefaultLimits()},
		{Targets: 1, From: 5, To: 9, Lost: true},
	} {
		r, err := ReadRange(AppendRangeHeader(nil, h, 0))
		require.NoError(t, err)
		assert.Equal(t, h, r.Header)
		assert.Zero(t, r.Pages)
		for range 2 {
			_, err = r.Next(new(heat.Totals))
			require.ErrorIs(t, err, io.EOF)
		}
	}
}

func TestARangesErrorNamesTheRangeAndThePage(t *testing.T) {
	b := AppendRangeHeader(nil, RangeHeader{Targets: 1, Partition: 3, From: 7, To: 9}, 2)
	b = AppendPageSum(b, "good", &heat.Totals{})
	b = append(b, 1, 'p', 0x80, 0x80, 0x80, 0x80)
	_, err := decodeWholeRange(b)
	require.ErrorContains(t, err, "input partition 3, offsets (7, 9], page 2 of 2")
	require.ErrorContains(t, err, "clicks is cut off")
}

func TestTheMostThatAppendersAppend(t *testing.T) {
	most := heat.Totals{
		Clicks: heat.Uint128{Hi: math.MaxUint64}, Minutes: heat.Uint128{Hi: math.MaxUint64},
		Likes: math.MinInt64, Behaviours: math.MaxUint64,
	}
	sum := AppendPageSum(nil, strings.Repeat("x", MaxPageBytes), &most)
	assert.LessOrEqual(t, len(sum), MaxPageSumBytes)
	header := AppendRangeHeader(nil, RangeHeader{
		Partition: math.MaxInt32, Targets: math.MaxInt32, Target: math.MaxInt32 - 1, From: math.MaxInt64 - 1, To: math.MaxInt64 - 1,
		Limits: heat.Limits{MaxClicks: math.MaxUint32, MaxMinutes: math.MaxUint32},
	}, math.MaxInt)
	assert.LessOrEqual(t, len(header), MaxRangeHeaderBytes)
	assert.Equal(t, sum, AppendPageSum(nil, []byte(strings.Repeat("x", MaxPageBytes)), &most), "names may be bytes or text")
}

func TestReadingARangeDoesNotAllocate(t *testing.T) {
	whole := formats()[0].value.(*wholeRange)
	for i := range whole.Pages {
		whole.Pages[i].Label = nil
	}
	b := appendWholeRange(nil, whole)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		r, err := ReadRange(b)
		var sums heat.Totals
		for err == nil {
			_, err = r.Next(&sums)
		}
	}))
}

// readWhole reads all pages of a range, each as Next does or all without the quick way.
func readWhole(b []byte, quick bool) (pages []Leader, err error) {
	r, err := ReadRange(b)
	for err == nil {
		var t heat.Totals
		var page []byte
		if quick {
			page, err = r.Next(&t)
		} else {
			page, err = r.anyPage(&t)
		}
		pages = append(pages, Leader{string(page), t})
	}
	return pages, err
}

// Whatever is wrong with a page is found on the quick way too, which judges nothing but
// leaves it to the other.
func TestTheQuickWayThroughARangeIsAsStrict(t *testing.T) {
	limits := heat.Limits{MaxClicks: 100, MaxMinutes: 60}
	const behaviours = 1000
	minutes := uint64(behaviours * heat.WholeMinutes(limits.MaxMinutes))
	sums := []heat.Totals{
		{Clicks: heat.Uint128{Lo: 3}, Minutes: heat.Uint128{Lo: 1_500_000_000}, Likes: -1, Behaviours: 1},
		{Clicks: heat.Uint128{Lo: behaviours * 100}, Minutes: heat.Uint128{Lo: minutes}, Likes: behaviours, Behaviours: behaviours},
		{Clicks: heat.Uint128{Lo: behaviours*100 + 1}, Behaviours: behaviours},
		{Minutes: heat.Uint128{Lo: minutes + 1}, Behaviours: behaviours},
		{Likes: behaviours + 1, Behaviours: behaviours},
		{Likes: -behaviours - 1, Behaviours: behaviours},
		{Likes: 1},
		{},
		{Clicks: heat.Uint128{Lo: 100 * usualBehaviours}, Behaviours: usualBehaviours},
		{Clicks: heat.Uint128{Lo: 100 * (usualBehaviours - 1)}, Behaviours: usualBehaviours - 1},
		{Minutes: heat.Uint128{Lo: 1 << 56}, Behaviours: 1 << 40},
		{Clicks: heat.Uint128{Hi: 1}, Behaviours: usualBehaviours - 1},
	}
	step := 1
	if testing.Short() {
		step = 7 // other values at each place
	}
	for _, sum := range sums {
		h := RangeHeader{Targets: 1, From: 9, To: 9 + int64(sum.Behaviours) + 1, Limits: limits}
		b := AppendRangeHeader(nil, h, 2)
		begin := len(b)
		b = AppendPageSum(b, "/a page of some length", &sum)
		b = AppendPageSum(b, "/last", &heat.Totals{Behaviours: 1})
		check := func(b []byte) {
			want, wantErr := readWhole(b, false)
			got, err := readWhole(b, true)
			if !slices.Equal(want, got) || wantErr.Error() != err.Error() { // cheaper than assertions, a quarter of a million times
				require.Equal(t, want, got)
				require.Equal(t, wantErr.Error(), err.Error())
			}
		}
		check(b)
		for at := begin; at < len(b); at++ {
			check(b[:at:at])
			for c := at % step; c < 256; c += step {
				other := bytes.Clone(b)
				other[at] = byte(c)
				check(other)
				check(append(append(bytes.Clone(b[:at]), byte(c)), b[at:]...))
			}
		}
		one := AppendRangeHeader(nil, RangeHeader{Targets: 1, From: 9, To: 9 + int64(sum.Behaviours), Limits: limits}, 2)
		check(append(one, b[begin:]...)) // one behaviour too many
	}
}

func TestTheUsualPageTakesTheQuickWay(t *testing.T) {
	l := heat.DefaultLimits()
	for _, page := range []string{"p", "page37", "/articles/2026/01/some-title", strings.Repeat("x", 127)} {
		b := AppendRangeHeader(nil, RangeHeader{Targets: 1, To: 1 << 20, Limits: l}, 1)
		b = AppendPageSum(b, page, &heat.Totals{Clicks: heat.Uint128{Lo: 1 << 30}, Minutes: heat.Uint128{Lo: 1 << 50}, Likes: -7, Behaviours: 1 << 19})
		b = append(b, make([]byte, 8)...) // more pages
		r, err := ReadRange(b)
		require.NoError(t, err)
		assert.Equal(t, page, string(r.usualPage(new(heat.Totals))))
	}
}

func TestShortNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.OneOf(
			rapid.Map(rapid.Uint64(), func(u uint64) []byte { return append(binary.AppendUvarint(nil, u), make([]byte, 8)...) }),
			rapid.Map(rapid.Uint64Range(0, 1<<56), func(u uint64) []byte { return append(binary.AppendUvarint(nil, u), make([]byte, 8)...) }),
			rapid.SliceOfN(rapid.Byte(), 0, 12),
		).Draw(t, "bytes")
		r := reader{what: "test", b: b}
		u, n := shortUvarint(b)
		want := r.uvarint("u")
		if n == 0 {
			return
		}
		require.NoError(t, r.err)
		require.Equal(t, want, u)
		require.Equal(t, r.at, n)
	})
}

// A range whose pages are of one minute, and which was validated with the greatest limits, takes no
// more bytes than it did before ranges had minutes: 4 for the minute instead of 5 for limits.
func TestTheCostOfAMinute(t *testing.T) {
	const before = 2 + 16 + 3 + 1 + 1 + 5 + 1
	h := RangeHeader{Targets: 3, From: 41, To: 43, Minute: 29_455_384, Limits: heat.DefaultLimits()}
	assert.LessOrEqual(t, len(AppendRangeHeader(nil, h, 2)), before)
}

func TestMinutesThatContradictThemselves(t *testing.T) {
	h := RangeHeader{Targets: 1, From: 1, To: 9, Minute: boards.MaxMinute - 1, Limits: heat.DefaultLimits()}
	sum := AppendPageSum(nil, "p", &heat.Totals{Behaviours: 1})
	for name, after := range map[string][]byte{
		"no minutes later":          append(AppendMinute(nil, 0), sum...),
		"a minute after the last":   append(AppendMinute(nil, 2), sum...),
		"a minute without a page":   AppendMinute(nil, 1),
		"two minutes before a page": append(AppendMinute(AppendMinute(nil, 1), 1), sum...),
	} {
		_, err := decodeWholeRange(append(AppendRangeHeader(nil, h, 1), after...))
		require.ErrorIs(t, err, ErrMalformed, name)
	}
	whole, err := decodeWholeRange(append(AppendMinute(AppendRangeHeader(nil, h, 1), 1), sum...))
	require.NoError(t, err)
	assert.Equal(t, boards.MaxMinute, whole.Pages[0].Minute)
	written := AppendRangeHeader(nil, RangeHeader{Targets: 1, From: 1, To: 9}, 0)
	written[1] &^= rangeLimits
	_, err = ReadRange(written)
	require.ErrorIs(t, err, ErrMalformed, "limits that are not announced")
}
