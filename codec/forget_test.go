package codec

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/heat"
)

// forgetFormats are the formats of requests to forget pages, and the versions of other formats that have some.
func forgetFormats(input, behavior TopicID, id RequestID, further []BoardProgress) []format {
	taken := ForgetProgress{input, 9, 1 << 33}
	return []format{
		{
			name:   "forget request",
			golden: "forget-request-v1",
			value:  &Forget{ID: id, Hash: HashPage("日本語"), Placed: 1<<31 - 1, Page: "日本語", Block: true, RequestedAt: 1_767_323_045_678},
			encode: func(v any) []byte { return AppendForget(nil, v.(*Forget)) },
			decode: func(b []byte) (any, error) { return DecodeForget(b) },
			draw:   func(t *rapid.T) any { return drawForget(t) },
		},
		{
			name:   "forgotten page",
			golden: "forgotten-page-v1",
			value:  &Forgotten{id, 1 << 33, 1<<31 - 1, true, 1_767_323_045_678, input, []int64{-1, Unknown, 1 << 40}},
			encode: func(v any) []byte { return AppendForgotten(nil, v.(*Forgotten)) },
			decode: func(b []byte) (any, error) { return DecodeForgotten(b) },
			draw:   func(t *rapid.T) any { return drawForgotten(t) },
		},
		{
			name:   "progress",
			golden: "progress-v4",
			value:  Progress{input, behavior, 3, 77, 1 << 40, []int64{-1}, []int64{0}, []uint64{0}, further, 6, taken, nil},
			encode: func(v any) []byte { p := v.(Progress); return AppendProgress(nil, &p) },
			decode: func(b []byte) (any, error) { return DecodeProgress(b) },
			draw: func(t *rapid.T) any {
				p := drawProgress(t)
				p.Forget = ForgetProgress{drawTopicID(t), drawOffset(t), drawTaken(t)}
				return p
			},
		},
		{
			name:   "leaders",
			golden: "leaders-v4",
			value: &Leaders{300, Progress{input, behavior, 301, 77, 1 << 40, []int64{-1}, []int64{60}, []uint64{5}, nil, 0, ForgetProgress{Taken: taken.Taken}, nil},
				Define(heat.DefaultWeights(), 10), []Leader{{Page: "z"}},
				[]BoardLeaders{{"today", "00112233aabbccdd", 29_455_384, 1 << 30, []int64{0, 1 << 40}, true, true, nil, true, []byte("pages")}}, map[string]Label{"z": {Title: "a title"}}},
			encode: func(v any) []byte { return AppendLeaders(nil, v.(*Leaders)) },
			decode: func(b []byte) (any, error) { return DecodeLeaders(b) },
			draw: func(t *rapid.T) any {
				l := drawLeaders(t)
				l.Forget.Taken = drawTaken(t)
				return l
			},
		},
		{
			name:   "positions",
			golden: "positions-v4",
			value: Origin{"pageheat-rank", Define(heat.DefaultWeights(), 10), Positions{{behavior, 77, 1}, {}, {input, MaxNumber - 1, MaxNumber - 1}},
				[]OriginBoard{{"today", 29_455_384, 20_457}, {"trending", 0, 0}}, nil},
			encode: func(v any) []byte { return AppendOrigin(nil, v.(Origin)) },
			decode: func(b []byte) (any, error) { return DecodeOrigin(b) },
			draw: func(t *rapid.T) any {
				o := drawOrigin(t)
				for i := range o.Positions {
					o.Positions[i].Forgotten = rapid.Uint64Range(0, MaxNumber-1).Draw(t, "forgotten")
				}
				o.Positions = append(o.Positions, Position{Forgotten: drawTaken(t)})
				return o
			},
		},
	}
}

func drawTaken(t *rapid.T) uint64 { return rapid.Uint64Range(1, MaxNumber-1).Draw(t, "taken") }

func drawRequestID(t *rapid.T) (id RequestID) {
	copy(id[:], rapid.SliceOfN(rapid.Byte(), len(id), len(id)).Draw(t, "request"))
	return id
}

func drawForget(t *rapid.T) *Forget {
	f := &Forget{ID: drawRequestID(t), Block: rapid.Bool().Draw(t, "block"), RequestedAt: rapid.Int64().Draw(t, "requested at"), Hash: HashPage("a"), Placed: rapid.Uint32().Draw(t, "placed")}
	if rapid.Bool().Draw(t, "named") {
		f.Page = rapid.StringN(1, 100, MaxPageBytes).Filter(IsPage).Draw(t, "page")
		f.Hash = HashPage(f.Page)
		return f
	}
	f.Number = rapid.Uint64Range(0, MaxNumber-1).Draw(t, "number")
	return f
}

func drawForgotten(t *rapid.T) *Forgotten {
	f := &Forgotten{ID: drawRequestID(t), Number: drawTaken(t), Placed: rapid.Uint32().Draw(t, "placed"), Blocked: rapid.Bool().Draw(t, "blocked"),
		RequestedAt: rapid.Int64().Draw(t, "requested at"), Input: drawTopicID(t)}
	for range rapid.IntRange(0, 3).Draw(t, "inputs") {
		f.To = append(f.To, drawOffset(t)+Unknown)
	}
	return f
}

// TestARequestThatIsTakenInHasNoName: the name must leave the forget topic.
func TestARequestThatIsTakenInHasNoName(t *testing.T) {
	asked := &Forget{ID: RequestID{1}, Hash: HashPage("/private"), Page: "/private", Block: true, RequestedAt: 5}
	taken := asked.Taken(3)
	assert.Equal(t, asked.Key(), taken.Key(), "one takes the place of the other")
	b := AppendForget(nil, taken)
	assert.NotContains(t, string(b), "private")
	read, err := DecodeForget(b)
	require.NoError(t, err)
	assert.Equal(t, &Forget{ID: RequestID{1}, Hash: HashPage("/private"), Block: true, RequestedAt: 5, Number: 3}, read)
	assert.NotEqual(t, asked.Key(), ForgetKey(asked.Hash, RequestID{2}), "another request for the page must not be compacted away with it")

	named := *taken
	named.Page = "/private"
	_, err = DecodeForget(AppendForget(nil, &named))
	assert.ErrorIs(t, err, ErrMalformed)
}

func TestWhatCountsOfAForgottenPage(t *testing.T) {
	input := TopicID{1}
	f := Forgotten{Input: input, To: []int64{41, -1, Unknown}}
	for _, test := range []struct {
		input     TopicID
		partition int32
		offset    int64
		counts    bool
	}{
		{input, 0, 41, false}, {input, 0, 42, true},
		{input, 1, 0, true}, {input, 2, 0, true}, {input, 3, 0, true},
		{TopicID{2}, 0, 0, true},
	} {
		assert.Equal(t, test.counts, f.Counts(test.input, test.partition, test.offset), "%v", test)
	}
	f.Blocked = true
	assert.False(t, f.Counts(input, 0, 42))
	assert.False(t, f.Counts(TopicID{2}, 0, 42))
}

func TestKeysOfForgottenPages(t *testing.T) {
	hash := HashPage("page37")
	key := ForgottenKey(hash)
	read, ok := ForgottenHash(key)
	assert.True(t, ok)
	assert.Equal(t, hash, read)
	kind, _, internal := InternalKey(key)
	assert.True(t, internal)
	assert.Equal(t, KindForgotten, kind)
	for _, other := range []string{"|forgotten|", key[:len(key)-1], key + "0", key[:len(key)-1] + "G", key[:len(key)-1] + "F", "page37"} {
		_, ok = ForgottenHash(other)
		assert.False(t, ok, other)
	}
}

func TestBoardSaysWhatItHasForgotten(t *testing.T) {
	b, err := EncodeBoard(goldenForgottenBoard())
	require.NoError(t, err)
	assert.Contains(t, string(b), `"final":true,"removed":2,"as_of"`)
	assert.Contains(t, string(b), `"late":3,"forgotten":{"1":7},"definition_hash"`)
	_, err = DecodeBoard([]byte(`{"board":"b","removed":-1,"pages":[]}`))
	require.ErrorIs(t, err, ErrMalformed)
}

// goldenForgottenBoard is a final board that pages were taken off.
func goldenForgottenBoard() *Board {
	b := goldenDayBoard()
	b.Removed, b.Forgotten = 2, Offsets{{1, 7}}
	return b
}
