package codec

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/boards"
	"pageheat/heat"
)

// closedFormats are the versions of formats with the closings of periods.
func closedFormats(input, behavior TopicID) []format {
	closing := Closing{29_455_384, 1 << 40, []int64{-1, Unknown, 1 << 39}, 1 << 30}
	return []format{
		{
			name:   "progress",
			golden: "progress-v6",
			value: Progress{input, behavior, 3, 77, 1 << 41, []int64{-1, Unknown, 1 << 40}, []int64{0, 0, 60}, []uint64{0, 0, 5}, []BoardProgress{
				{3, "hour", "00112233aabbccdd", "board: hour\nkind: calendar\n", 29_455_444, 1 << 31, []int64{0, 1 << 40}, []Closing{closing, {AsOf: 29_455_444}}},
				{5, "trending", "ffeeddcc00112233", "", 1, 0, nil, nil}}, 6, ForgetProgress{input, 9, 1 << 33}, nil},
			encode: func(v any) []byte { p := v.(Progress); return AppendProgress(nil, &p) },
			decode: func(b []byte) (any, error) { return DecodeProgress(b) },
			draw: func(t *rapid.T) any {
				p := drawProgress(t)
				p.Boards = append(p.Boards, BoardProgress{Number: p.NextBoard, Name: "day"})
				p.NextBoard++
				for i := range p.Boards {
					least := 0
					if i == len(p.Boards)-1 {
						least = 1 // else it is an earlier version
					}
					for asOf := range rapid.IntRange(least, 3).Draw(t, "closings") {
						p.Boards[i].Closings = append(p.Boards[i].Closings, drawClosing(t, boards.Minute(asOf)))
					}
				}
				if rapid.Bool().Draw(t, "forgets") {
					p.Forget = ForgetProgress{drawTopicID(t), drawOffset(t), drawTaken(t)}
				}
				return p
			},
		},
		{
			name:   "leaders",
			golden: "leaders-v5",
			value: &Leaders{300, Progress{input, behavior, 301, 77, 1 << 40, []int64{-1}, []int64{60}, []uint64{5}, nil, 0, ForgetProgress{Taken: 1 << 33}, nil},
				Define(heat.DefaultWeights(), 10), []Leader{{Page: "z"}},
				[]BoardLeaders{{"today", "00112233aabbccdd", 29_455_384, 1 << 30, []int64{0, 1 << 40}, true, true, &closing, true, []byte("pages")}}, map[string]Label{"z": {Title: "a title"}}},
			encode: func(v any) []byte { return AppendLeaders(nil, v.(*Leaders)) },
			decode: func(b []byte) (any, error) { return DecodeLeaders(b) },
			draw: func(t *rapid.T) any {
				l := drawLeaders(t)
				closing := drawClosing(t, math.MaxInt32)
				l.Boards = append(l.Boards, BoardLeaders{Name: "day", Final: true, Closing: &closing, Pages: []byte{}})
				if rapid.Bool().Draw(t, "forgets") {
					l.Forget.Taken = drawTaken(t)
				}
				return l
			},
		},
	}
}

func drawClosing(t *rapid.T, asOf boards.Minute) Closing {
	c := Closing{AsOf: asOf, Counted: rapid.Uint64Range(0, MaxNumber-1).Draw(t, "counted"), Late: rapid.Uint64Range(0, MaxNumber-1).Draw(t, "late")}
	for range rapid.IntRange(0, 3).Draw(t, "partitions") {
		c.To = append(c.To, drawOffset(t)+Unknown)
	}
	return c
}

func TestClosingsAreInOrder(t *testing.T) {
	p := Progress{Partitions: 1, NextBoard: 1, Boards: []BoardProgress{{Name: "day", Closings: []Closing{{AsOf: 7}, {AsOf: 7}}}}}
	_, err := DecodeProgress(AppendProgress(nil, &p))
	require.ErrorIs(t, err, ErrMalformed)
	require.ErrorContains(t, err, "were closed as of")
}
