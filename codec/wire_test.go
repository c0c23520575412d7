package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/boards"
	"pageheat/heat"
)

// wholeRange is a range with its pages, as one value to compare.
type wholeRange struct {
	Header RangeHeader
	Pages  []minutePage
}

// minutePage is a page with its sums in a minute.
type minutePage struct {
	Leader
	Minute boards.Minute
	Label  *StampedLabel
}

func appendWholeRange(dst []byte, r *wholeRange) []byte {
	dst = AppendRangeHeader(dst, r.Header, len(r.Pages))
	for i, minute := 0, r.Header.Minute; i < len(r.Pages); i++ {
		if later := r.Pages[i].Minute - minute; later > 0 {
			dst, minute = AppendMinute(dst, later), r.Pages[i].Minute
		}
		if label := r.Pages[i].Label; label != nil {
			dst = AppendPageLabel(dst, &r.Header, minute, label)
		}
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
		whole.Pages = append(whole.Pages, minutePage{Leader{Page: string(page), Totals: t}, r.Minute, r.Label()})
	}
}

// pageWithStates is a page state with states of boards with these numbers, all of the same contents.
type pageWithStates struct {
	Totals heat.Totals
	Label  *StampedLabel
	Day    Day
	Boards []uint64
}

func stateBoard() *boards.Board {
	b, err := boards.New(boards.Definition{Name: "b", Kind: boards.Window, Window: time.Hour})
	if err != nil {
		panic(err)
	}
	return b
}

func (p pageWithStates) append() []byte {
	var state boards.State
	b := stateBoard()
	state.Add(b, b.Place(29_455_384), &heat.Totals{Clicks: heat.Uint128{Lo: 3}, Likes: -1, Behaviours: 2})
	dst := AppendPage(nil, &p.Totals, p.Label, p.Day, len(p.Boards))
	for _, number := range p.Boards {
		dst = AppendBoardState(dst, number, &state)
	}
	return dst
}

func readPageWithStates(b []byte) (p pageWithStates, err error) {
	page, err := DecodePage(b)
	if err != nil {
		return p, err
	}
	p.Totals, p.Label, p.Day = page.Totals, page.Label, page.Day
	for states := page.Boards; states.Len > 0; {
		number, state, err := states.Next()
		if err != nil {
			return p, err
		}
		if _, rest, err := stateBoard().DecodeState(state); err != nil || len(rest) > 0 {
			return p, fmt.Errorf("%d bytes after a state: %w", len(rest), err)
		}
		p.Boards = append(p.Boards, number)
	}
	return p, nil
}

// format is one of the stored formats, to be tested as all of them are.
type format struct {
	name   string
	golden string // its file in testdata/golden, which ends with the version
	value  any    // an example, with something in every field
	encode func(any) []byte
	decode func([]byte) (any, error)
	draw   func(*rapid.T) any
}

// formats returns all that the pipeline stores or sends in its own formats.
func formats() []format {
	totals := heat.Totals{Clicks: heat.Uint128{Hi: 17, Lo: 3}, Minutes: heat.Uint128{Hi: 1 << 20, Lo: 1 << 63}, Likes: -5, Behaviours: 1 << 50}
	small := heat.Totals{Clicks: heat.Uint128{Lo: 5}, Minutes: heat.Uint128{Lo: 1_511_912_200}, Likes: 1, Behaviours: 1}
	pages := []Leader{{Page: "page37", Totals: small}, {Page: "日本語", Totals: totals}, {Page: "z"}}
	label := StampedLabel{Label{Title: "日 & <b>", URL: "https://forum.example/t/日?a=b"}, Stamp{29_455_384*60_000 + 999, 300, 42}}
	minutes := []minutePage{{pages[0], 29_455_384, &label}, {pages[2], 29_455_384, nil}, {pages[1], 29_455_386, &label}}
	input, behavior := TopicID{0: 1, 15: 0xFF}, TopicID{7: 9}
	further := []BoardProgress{{3, "today", "00112233aabbccdd", "", 29_455_384, 1 << 30, []int64{0, 1 << 40}, nil}, {5, "trending", "ffeeddcc00112233", "", 1, 0, nil, nil}}
	return append([]format{
		{
			name:   "range",
			golden: "range-v3",
			value:  &wholeRange{RangeHeader{Input: input, Partition: 300, Targets: 7, Target: 6, From: 41, To: 1 << 51, Source: 2, Minute: 29_455_384, Limits: heat.Limits{MaxClicks: 999_999, MaxMinutes: 1439}}, minutes},
			encode: func(v any) []byte { return appendWholeRange(nil, v.(*wholeRange)) },
			decode: func(b []byte) (any, error) { return decodeWholeRange(b) },
			draw:   func(t *rapid.T) any { return drawRange(t) },
		},
		{
			name:   "page state",
			golden: "page-state-v1",
			value:  totals,
			encode: func(v any) []byte { t := v.(heat.Totals); return AppendPageState(nil, &t) },
			decode: func(b []byte) (any, error) { return DecodePageState(b) },
			draw:   func(t *rapid.T) any { return drawTotals(t) },
		},
		{
			name:   "page state",
			golden: "page-state-v2",
			value:  pageWithStates{totals, nil, 0, []uint64{0, 7, 7}},
			encode: func(v any) []byte { return v.(pageWithStates).append() },
			decode: func(b []byte) (any, error) { return readPageWithStates(b) },
			draw: func(t *rapid.T) any {
				return pageWithStates{drawTotals(t), nil, 0, rapid.SliceOfN(rapid.Uint64(), 1, 3).Draw(t, "boards")}
			},
		},
		{
			name:   "page state",
			golden: "page-state-v3",
			value:  pageWithStates{totals, &label, 0, []uint64{0, 7}},
			encode: func(v any) []byte { return v.(pageWithStates).append() },
			decode: func(b []byte) (any, error) { return readPageWithStates(b) },
			draw: func(t *rapid.T) any {
				boards := rapid.SliceOfN(rapid.Uint64(), 0, 3).Draw(t, "boards")
				if len(boards) == 0 {
					boards = nil
				}
				return pageWithStates{drawTotals(t), drawLabel(t, drawPartition(t), drawOffset(t)), 0, boards}
			},
		},
		{
			name:   "progress",
			golden: "progress-v3",
			value:  Progress{input, behavior, 3, 77, 1 << 40, []int64{-1, Unknown, 1 << 40}, []int64{0, 0, 60}, []uint64{0, 0, 5}, further, 6, ForgetProgress{}, nil},
			encode: func(v any) []byte { p := v.(Progress); return AppendProgress(nil, &p) },
			decode: func(b []byte) (any, error) { return DecodeProgress(b) },
			draw:   func(t *rapid.T) any { return drawProgress(t) },
		},
		{
			name:   "progress",
			golden: "progress-v5",
			value: Progress{input, behavior, 3, 77, 1 << 40, []int64{-1, Unknown, 1 << 40}, []int64{0, 0, 60}, []uint64{0, 0, 5}, []BoardProgress{
				{3, "hour", "00112233aabbccdd", "board: hour\nkind: window\nwindow: 60m\nstep: 1m\n", 29_455_384, 1 << 30, []int64{0, 1 << 40}, nil},
				{5, "trending", "ffeeddcc00112233", "", 1, 0, nil, nil}}, 6, ForgetProgress{}, nil},
			encode: func(v any) []byte { p := v.(Progress); return AppendProgress(nil, &p) },
			decode: func(b []byte) (any, error) { return DecodeProgress(b) },
			draw: func(t *rapid.T) any {
				p := drawProgress(t)
				for i := range p.Boards {
					p.Boards[i].Definition = rapid.StringN(1, 20, 80).Draw(t, "definition")
				}
				return p
			},
		},
		{
			name:   "fence",
			golden: "fence-v1",
			value:  Fence{Owner: "host-1/abc", TakenAt: 1_767_323_045_678},
			encode: func(v any) []byte { return AppendFence(nil, v.(Fence)) },
			decode: func(b []byte) (any, error) { return DecodeFence(b) },
			draw: func(t *rapid.T) any {
				return Fence{Owner: rapid.String().Draw(t, "owner"), TakenAt: rapid.Int64().Draw(t, "taken at")}
			},
		},
		{
			name:   "kept totals",
			golden: "kept-totals-v1",
			value:  Kept{Behaviours: 1 << 40, KeptAt: 1_767_323_045_678},
			encode: func(v any) []byte { return AppendKept(nil, v.(Kept)) },
			decode: func(b []byte) (any, error) { return DecodeKept(b) },
			draw: func(t *rapid.T) any {
				return Kept{Behaviours: rapid.Uint64Range(0, MaxNumber-1).Draw(t, "behaviours"), KeptAt: rapid.Int64().Draw(t, "kept at")}
			},
		},
		{
			name:   "leaders",
			golden: "leaders-v3",
			value: &Leaders{300, Progress{input, behavior, 301, 77, 1 << 40, []int64{-1, 1 << 40}, []int64{0, 60}, []uint64{5, 0}, nil, 0, ForgetProgress{}, nil}, Define(heat.DefaultWeights(), 10), pages,
				[]BoardLeaders{{"today", "00112233aabbccdd", 29_455_384, 1 << 30, []int64{0, 1 << 40}, true, true, nil, true, []byte("pages")}}, map[string]Label{"z": label.Label, "page37": {Title: "a title"}}},
			encode: func(v any) []byte { return AppendLeaders(nil, v.(*Leaders)) },
			decode: func(b []byte) (any, error) { return DecodeLeaders(b) },
			draw:   func(t *rapid.T) any { return drawLeaders(t) },
		},
		{
			name:   "epoch",
			golden: "epoch-v2",
			value:  Epoch{Epoch: 1 << 20, Output: "top10"},
			encode: func(v any) []byte { return AppendEpoch(nil, v.(Epoch)) },
			decode: func(b []byte) (any, error) { return DecodeEpoch(b) },
			draw: func(t *rapid.T) any {
				return Epoch{Epoch: rapid.Uint64Range(0, MaxEpoch).Draw(t, "epoch"), Output: rapid.StringN(0, 100, maxNameBytes).Draw(t, "output")}
			},
		},
		{
			name:   "board trail",
			golden: "board-trail-v1",
			value: &Trail{Version: 1 << 40, At: 1_767_323_045_678, Basis: "00112233aabbccdd 2026-01-02", Pages: []TrailPage{
				{Page: "page37", Rose: 1_767_323_000_000, Held: []HeldRank{{Rank: 9, Until: 1_767_323_000_001}, {Rank: 4, Until: 1_767_323_000_002}}}, {Page: "日本語"}}},
			encode: func(v any) []byte { return AppendTrail(nil, v.(*Trail)) },
			decode: func(b []byte) (any, error) { return DecodeTrail(b) },
			draw: func(t *rapid.T) any {
				at := rapid.Int64Range(0, MaxNumber-1)
				trail := &Trail{Version: rapid.Uint64Range(0, MaxNumber-1).Draw(t, "version"), At: at.Draw(t, "at"), Basis: rapid.StringN(0, 100, maxNameBytes).Draw(t, "basis")}
				for _, page := range drawPages(t) {
					p := TrailPage{Page: page.Page, Rose: at.Draw(t, "rose")}
					for range rapid.IntRange(0, 3).Draw(t, "places") {
						p.Held = append(p.Held, HeldRank{rapid.IntRange(0, math.MaxInt32).Draw(t, "rank"), at.Draw(t, "until")})
					}
					trail.Pages = append(trail.Pages, p)
				}
				return trail
			},
		},
		{
			name:   "events position",
			golden: "events-position-v1",
			value:  EventsPosition{Output: behavior, Next: 1 << 40},
			encode: func(v any) []byte { return AppendEventsPosition(nil, v.(EventsPosition)) },
			decode: func(b []byte) (any, error) { return DecodeEventsPosition(b) },
			draw: func(t *rapid.T) any {
				return EventsPosition{Output: drawTopicID(t), Next: rapid.Int64Range(0, MaxNumber-1).Draw(t, "next")}
			},
		},
		{
			name:   "positions",
			golden: "positions-v3",
			value: Origin{"pageheat-rank", Define(heat.DefaultWeights(), 10), Positions{{behavior, 77, 0}, {}, {input, MaxNumber - 1, 0}},
				[]OriginBoard{{"today", 29_455_384, 20_457}, {"trending", 0, 0}}, nil},
			encode: func(v any) []byte { return AppendOrigin(nil, v.(Origin)) },
			decode: func(b []byte) (any, error) { return DecodeOrigin(b) },
			draw:   func(t *rapid.T) any { return drawOrigin(t) },
		},
	}, append(forgetFormats(input, behavior, RequestID{3: 4, 15: 0xFE}, further), append(append(closedFormats(input, behavior), sweepFormats(input, behavior)...), switchFormats()...)...)...)
}

func drawLeaders(t *rapid.T) *Leaders {
	p := drawProgress(t)
	var on []BoardLeaders
	for _, b := range p.Boards {
		on = append(on, BoardLeaders{b.Name, b.Counting, b.AsOf, b.Late, b.Since, rapid.Bool().Draw(t, "grouped"), rapid.Bool().Draw(t, "final"), nil, rapid.Bool().Draw(t, "turning"), rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "encoded pages")})
	}
	p.Boards, p.NextBoard = nil, 0
	var labels map[string]Label
	for _, page := range drawPages(t) {
		if labels == nil {
			labels = map[string]Label{}
		}
		labels[page.Page] = drawLabel(t, 0, 0).Label
	}
	return &Leaders{rapid.Int32Range(0, p.Partitions-1).Draw(t, "partition"), p, drawDefinition(t), drawPages(t), on, labels}
}

func drawOrigin(t *rapid.T) Origin {
	o := Origin{Group: rapid.StringN(0, 100, maxNameBytes).Draw(t, "group"), Definition: drawDefinition(t)}
	for range rapid.IntRange(0, 4).Draw(t, "partitions") {
		o.Positions = append(o.Positions, Position{drawTopicID(t), drawOffset(t), 0})
	}
	for range rapid.IntRange(0, 2).Draw(t, "boards") {
		o.Boards = append(o.Boards, OriginBoard{rapid.StringN(0, 20, 80).Draw(t, "board"), boards.Minute(rapid.Int64Range(0, int64(boards.MaxMinute)).Draw(t, "as of")),
			boards.Minute(rapid.Int64Range(0, int64(boards.MaxMinute)).Draw(t, "closed"))})
	}
	return o
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

func TestWhetherANameIsAPagesTakesNoMemory(t *testing.T) {
	for _, name := range []string{"p", "/articles/2026", strings.Repeat("x", MaxPageBytes), strings.Repeat("ß", MaxPageBytes/2), "", "a|b", "\u0085", "\xff"} {
		raw := []byte(name)
		assert.Zero(t, testing.AllocsPerRun(100, func() { IsPage(name) }), "%q", name)
		assert.Zero(t, testing.AllocsPerRun(100, func() { isPage(raw) }), "%q", name)
		assert.Equal(t, utf8.Valid(raw) && checkPage(raw) == nil, IsPage(name), "%q", name)
		assert.Equal(t, IsPage(name), isPage(raw), "%q", name)
	}
}
