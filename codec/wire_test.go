package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/bits"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/heat"
)

// wholeRange is a range with its pages, as one value to compare.
type wholeRange struct {
	Header RangeHeader
	Pages  []Leader
}

func appendWholeRange(dst []byte, r *wholeRange) []byte {
	dst = AppendRangeHeader(dst, r.Header, len(r.Pages))
	for i := range r.Pages {
		dst = AppendPageSum(dst, r.Pages[i].Page, &r.Pages[i].Totals)
	}
	return dst
}

func decodeWholeRange(b []byte) (*wholeRange, error) {
	r, err := ReadRange(b)
	if err != nil {
		return nil, err
	}
	whole := &wholeRange{Header: r.Header}
	for {
		var t heat.Totals
		page, err := r.Next(&t)
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return nil, err
		}
		whole.Pages = append(whole.Pages, Leader{Page: string(page), Totals: t})
	}
}

// format is one of the stored formats, to be tested as all of them are.
type format struct {
	name   string
	value  any // an example, with something in every field
	encode func(any) []byte
	decode func([]byte) (any, error)
	draw   func(*rapid.T) any
}

// formats returns all that the pipeline stores or sends in its own formats.
func formats() []format {
	totals := heat.Totals{Clicks: heat.Uint128{Hi: 17, Lo: 3}, Minutes: heat.Uint128{Hi: 1 << 20, Lo: 1 << 63}, Likes: -5, Behaviours: 1 << 50}
	small := heat.Totals{Clicks: heat.Uint128{Lo: 5}, Minutes: heat.Uint128{Lo: 1_511_912_200}, Likes: 1, Behaviours: 1}
	pages := []Leader{{Page: "page37", Totals: small}, {Page: "日本語", Totals: totals}, {Page: "z"}}
	input, behavior := TopicID{0: 1, 15: 0xFF}, TopicID{7: 9}
	return []format{
		{
			name:   "range",
			value:  &wholeRange{RangeHeader{Input: input, Partition: 300, Targets: 7, Target: 6, From: 41, To: 1 << 51, Limits: heat.DefaultLimits()}, pages},
			encode: func(v any) []byte { return appendWholeRange(nil, v.(*wholeRange)) },
			decode: func(b []byte) (any, error) { return decodeWholeRange(b) },
			draw:   func(t *rapid.T) any { return drawRange(t) },
		},
		{
			name:   "page state",
			value:  totals,
			encode: func(v any) []byte { t := v.(heat.Totals); return AppendPageState(nil, &t) },
			decode: func(b []byte) (any, error) { return DecodePageState(b) },
			draw:   func(t *rapid.T) any { return drawTotals(t) },
		},
		{
			name:   "progress",
			value:  Progress{input, behavior, 3, 77, 1 << 40, []int64{-1, Unknown, 1 << 40}, []int64{0, 0, 60}, []uint64{0, 0, 5}},
			encode: func(v any) []byte { p := v.(Progress); return AppendProgress(nil, &p) },
			decode: func(b []byte) (any, error) { return DecodeProgress(b) },
			draw:   func(t *rapid.T) any { return drawProgress(t) },
		},
		{
			name:   "fence",
			value:  Fence{Owner: "host-1/abc", TakenAt: 1_767_323_045_678},
			encode: func(v any) []byte { return AppendFence(nil, v.(Fence)) },
			decode: func(b []byte) (any, error) { return DecodeFence(b) },
			draw: func(t *rapid.T) any {
				return Fence{Owner: rapid.String().Draw(t, "owner"), TakenAt: rapid.Int64().Draw(t, "taken at")}
			},
		},
		{
			name:   "leaders",
			value:  &Leaders{300, Progress{input, behavior, 301, 77, 1 << 40, []int64{-1, 1 << 40}, []int64{0, 60}, []uint64{5, 0}}, Define(heat.DefaultWeights(), 10), pages},
			encode: func(v any) []byte { return AppendLeaders(nil, v.(*Leaders)) },
			decode: func(b []byte) (any, error) { return DecodeLeaders(b) },
			draw: func(t *rapid.T) any {
				p := drawProgress(t)
				return &Leaders{rapid.Int32Range(0, p.Partitions-1).Draw(t, "partition"), p, drawDefinition(t), drawPages(t)}
			},
		},
		{
			name:   "epoch",
			value:  Epoch{Epoch: 1 << 20, Output: "top10"},
			encode: func(v any) []byte { return AppendEpoch(nil, v.(Epoch)) },
			decode: func(b []byte) (any, error) { return DecodeEpoch(b) },
			draw: func(t *rapid.T) any {
				return Epoch{Epoch: rapid.Uint64Range(0, MaxEpoch).Draw(t, "epoch"), Output: rapid.StringN(0, 100, maxNameBytes).Draw(t, "output")}
			},
		},
		{
			name:   "positions",
			value:  Origin{"pageheat-rank", Define(heat.DefaultWeights(), 10), Positions{{behavior, 77}, {}, {input, MaxNumber - 1}}},
			encode: func(v any) []byte { return AppendOrigin(nil, v.(Origin)) },
			decode: func(b []byte) (any, error) { return DecodeOrigin(b) },
			draw: func(t *rapid.T) any {
				o := Origin{Group: rapid.StringN(0, 100, maxNameBytes).Draw(t, "group"), Definition: drawDefinition(t)}
				for range rapid.IntRange(0, 4).Draw(t, "partitions") {
					o.Positions = append(o.Positions, Position{drawTopicID(t), drawOffset(t)})
				}
				return o
			},
		},
	}
}

func drawTopicID(t *rapid.T) (id TopicID) {
	copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "topic id"))
	return id
}

func drawPartition(t *rapid.T) int32 { return rapid.Int32Range(0, math.MaxInt32).Draw(t, "partition") }
func drawOffset(t *rapid.T) int64    { return rapid.Int64Range(0, MaxNumber-2).Draw(t, "offset") }

func drawDefinition(t *rapid.T) (d Definition) {
	copy(d.Order[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "order"))
	d.Top = rapid.IntRange(1, math.MaxInt32).Draw(t, "top")
	d.Text = rapid.StringN(0, 100, maxDefinitionBytes).Draw(t, "text")
	return d
}

func drawTotals(t *rapid.T) heat.Totals {
	behaviours := rapid.OneOf(rapid.Uint64Range(0, 9), rapid.Uint64Range(0, 1<<50)).Draw(t, "behaviours")
	upTo := func(most uint64, name string) heat.Uint128 { // most for each behaviour
		hi, lo := bits.Mul64(behaviours, rapid.Uint64Range(0, most).Draw(t, name))
		return heat.Uint128{Hi: hi, Lo: lo}
	}
	return heat.Totals{
		Clicks: upTo(heat.MostClicks, "clicks"), Minutes: upTo(uint64(heat.WholeMinutes(heat.MostMinutes)), "minutes"),
		Likes: rapid.Int64Range(-int64(behaviours), int64(behaviours)).Draw(t, "likes"), Behaviours: behaviours,
	}
}

func drawPages(t *rapid.T) (pages []Leader) {
	for range rapid.IntRange(0, 4).Draw(t, "pages") {
		name := rapid.StringN(1, 100, MaxPageBytes).Filter(func(s string) bool { return isPage([]byte(s)) })
		pages = append(pages, Leader{name.Draw(t, "page"), drawTotals(t)})
	}
	return pages
}

func drawProgress(t *rapid.T) Progress {
	p := Progress{
		Input: drawTopicID(t), Behavior: drawTopicID(t),
		Partitions: rapid.Int32Range(1, math.MaxInt32).Draw(t, "heat partitions"),
		Next:       drawOffset(t), Counted: rapid.Uint64Range(0, MaxNumber-1).Draw(t, "counted"),
	}
	for range rapid.IntRange(0, 4).Draw(t, "partitions") {
		p.To = append(p.To, drawOffset(t)+Unknown)
		p.Begin = append(p.Begin, drawOffset(t))
		p.Lost = append(p.Lost, rapid.Uint64Range(0, MaxNumber-1).Draw(t, "lost"))
	}
	return p
}

func drawRange(t *rapid.T) *wholeRange {
	h := RangeHeader{
		Input: drawTopicID(t), Partition: drawPartition(t),
		Targets: rapid.Int32Range(1, math.MaxInt32).Draw(t, "targets"),
		From:    drawOffset(t) - 1,
		Limits: heat.Limits{
			MaxClicks:  rapid.Uint32Range(0, heat.MostClicks).Draw(t, "most clicks"),
			MaxMinutes: rapid.Uint32Range(0, heat.MostMinutes).Draw(t, "most minutes"),
		},
		Lost: rapid.Bool().Draw(t, "lost"),
	}
	h.Target = rapid.Int32Range(0, h.Targets-1).Draw(t, "target")
	h.To = rapid.Int64Range(h.From, MaxNumber-2).Draw(t, "to")
	whole := &wholeRange{Header: h}
	if h.Lost || h.From == h.To {
		return whole
	}
	behaviours := uint64(0)
	for _, page := range drawPages(t) {
		behaviours += page.Totals.Behaviours
		if page.Totals.Within(h.Limits) && behaviours <= uint64(h.To-h.From) {
			whole.Pages = append(whole.Pages, page)
		}
	}
	return whole
}

func TestStoredFormatsRoundTrip(t *testing.T) {
	for _, f := range formats() {
		t.Run(f.name, func(t *testing.T) {
			got, err := f.decode(f.encode(f.value))
			require.NoError(t, err)
			assert.Equal(t, f.value, got)
			rapid.Check(t, func(t *rapid.T) {
				value := f.draw(t)
				got, err := f.decode(f.encode(value))
				require.NoError(t, err)
				require.Equal(t, value, got)
			})
		})
	}
}

func TestStoredFormatsRefuseWhatIsCutOffOrLeftOver(t *testing.T) {
	for _, f := range formats() {
		t.Run(f.name, func(t *testing.T) {
			b := f.encode(f.value)
			for n := range b {
				_, err := f.decode(b[:n:n])
				require.ErrorIs(t, err, ErrMalformed, "the first %d of %d bytes", n, len(b))
				assert.ErrorContains(t, err, f.name, "the error says what was read")
			}
			_, err := f.decode(append(bytes.Clone(b), 0))
			require.ErrorIs(t, err, ErrMalformed)
		})
	}
}

func TestStoredFormatsRefuseOtherVersions(t *testing.T) {
	for _, f := range formats() {
		for _, version := range []byte{0, 77, '{', 0xFF} {
			b := f.encode(f.value)
			b[0] = version
			_, err := f.decode(b)
			require.ErrorIs(t, err, ErrMalformed, f.name)
			require.ErrorIs(t, err, ErrVersion, f.name)
			assert.ErrorContains(t, err, "written by another version of pageheat", f.name)
		}
	}
}

// A length is not to be believed: 2⁶³ of anything is refused before memory is
// taken for it.
func TestStoredFormatsRefuseLengthsBeyondTheRecord(t *testing.T) {
	huge := binary.AppendUvarint(nil, 1<<63)
	for _, f := range formats() {
		b := f.encode(f.value)
		for at := 1; at < len(b); at++ {
			bomb := append(append(bytes.Clone(b[:at]), huge...), b[at:]...)
			assert.Less(t, testing.AllocsPerRun(1, func() { _, _ = f.decode(bomb) }), 60.0)
			if got, err := f.decode(bomb); err == nil { // then it was no length
				assert.Equal(t, bomb, f.encode(got), f.name)
			}
		}
	}
}

func TestIntegersHaveOneForm(t *testing.T) {
	padded := []byte{epochVersion, 0x85, 0x00, 0x00} // 5, in two bytes
	_, err := DecodeEpoch(padded)
	require.ErrorIs(t, err, ErrMalformed)

	for _, u := range []heat.Uint128{{}, {Lo: 127}, {Lo: 128}, {Lo: math.MaxUint64}, {Hi: 1}, {Hi: 1<<62 - 1}, {Hi: 1 << 62}, {Hi: math.MaxUint64, Lo: math.MaxUint64}} {
		b := appendUvarint128(nil, u)
		r := reader{what: "test", b: b}
		assert.Equal(t, u, r.uvarint128("u"))
		require.NoError(t, r.end())
		if u.Hi == 0 {
			assert.Equal(t, binary.AppendUvarint(nil, u.Lo), b, "up to 64 bits it is the usual form")
		}
	}
	for _, tooLarge := range [][]byte{
		append(bytes.Repeat([]byte{0xFF}, 18), 4),    // 2¹²⁸
		append(bytes.Repeat([]byte{0x80}, 19), 1),    // 20 bytes
		append(bytes.Repeat([]byte{0xFF}, 18), 0x80), // goes on
	} {
		r := reader{what: "test", b: tooLarge}
		r.uvarint128("u")
		require.ErrorContains(t, r.end(), "does not fit")
	}
	r := reader{what: "test", b: appendUvarint128(nil, heat.Uint128{Hi: 1})}
	r.uvarint("u")
	require.ErrorContains(t, r.end(), "64 bits")
}

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
	b := appendWholeRange(nil, formats()[0].value.(*wholeRange))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		r, err := ReadRange(b)
		var sums heat.Totals
		for err == nil {
			_, err = r.Next(&sums)
		}
	}))
}

func TestSendingLeadersAllocatesLittle(t *testing.T) {
	l := &Leaders{Progress: Progress{Partitions: 3, To: make([]int64, 3), Begin: make([]int64, 3), Lost: make([]uint64, 3)}, Definition: Define(heat.DefaultWeights(), 10)}
	for i := range 10 {
		l.Pages = append(l.Pages, Leader{Page: strings.Repeat("x", i+1), Totals: heat.Totals{Clicks: heat.Uint128{Lo: 1 << 40}, Behaviours: 1 << 21}})
	}
	b := AppendLeaders(nil, l)
	assert.Zero(t, testing.AllocsPerRun(100, func() { b = AppendLeaders(b[:0], l) }))
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = DecodeLeaders(b) }), 5.0)

	// Decoded leaders do not change with the bytes they came from.
	got, err := DecodeLeaders(b)
	require.NoError(t, err)
	clear(b)
	assert.True(t, reflect.DeepEqual(l, got))
}

func TestTopicIDIsPrintedAsKafkaDoes(t *testing.T) {
	assert.Equal(t, "AAAAAAAAAAAAAAAAAAAAAQ", TopicID{15: 1}.String()) // Kafka's own METADATA_TOPIC_ID
	assert.Equal(t, "-_-_-_-_-_-_-_-_-_-_-w", TopicID{0xfb, 0xff, 0xbf, 0xfb, 0xff, 0xbf, 0xfb, 0xff, 0xbf, 0xfb, 0xff, 0xbf, 0xfb, 0xff, 0xbf, 0xfb}.String())
	assert.True(t, TopicID{}.IsZero())
	assert.False(t, TopicID{15: 1}.IsZero())
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
	for _, sum := range sums {
		h := RangeHeader{Targets: 1, From: 9, To: 9 + int64(sum.Behaviours) + 1, Limits: limits}
		b := AppendRangeHeader(nil, h, 2)
		begin := len(b)
		b = AppendPageSum(b, "/a page of some length", &sum)
		b = AppendPageSum(b, "/last", &heat.Totals{Behaviours: 1})
		check := func(b []byte) {
			want, wantErr := readWhole(b, false)
			got, err := readWhole(b, true)
			require.Equal(t, want, got)
			require.Equal(t, wantErr.Error(), err.Error())
		}
		check(b)
		for at := begin; at < len(b); at++ {
			check(b[:at:at])
			for c := range 256 {
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

func TestWhetherANameIsAPagesTakesNoMemory(t *testing.T) {
	for _, name := range []string{"p", "/articles/2026", strings.Repeat("x", MaxPageBytes), strings.Repeat("ß", MaxPageBytes/2), "", "a|b", "\u0085", "\xff"} {
		raw := []byte(name)
		assert.Zero(t, testing.AllocsPerRun(100, func() { IsPage(name) }), "%q", name)
		assert.Zero(t, testing.AllocsPerRun(100, func() { isPage(raw) }), "%q", name)
		assert.Equal(t, utf8.Valid(raw) && checkPage(raw) == nil, IsPage(name), "%q", name)
		assert.Equal(t, IsPage(name), isPage(raw), "%q", name)
	}
}
