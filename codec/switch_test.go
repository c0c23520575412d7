package codec

import (
	"pgregory.net/rapid"

	"pageheat/heat"
)

// switchFormats are those of an output that is handed over.
func switchFormats() []format {
	return []format{
		{
			name:   "epoch",
			golden: "epoch-v3",
			value:  Epoch{Epoch: 1 << 20, Output: "top10", MovedTo: "v2-rank"},
			encode: func(v any) []byte { return AppendEpoch(nil, v.(Epoch)) },
			decode: func(b []byte) (any, error) { return DecodeEpoch(b) },
			draw: func(t *rapid.T) any {
				return Epoch{Epoch: rapid.Uint64Range(0, MaxEpoch).Draw(t, "epoch"), Output: rapid.StringN(0, 100, maxNameBytes).Draw(t, "output"),
					MovedTo: rapid.StringN(1, 100, maxNameBytes).Draw(t, "group")}
			},
		},
		{
			name:   "positions",
			golden: "positions-v5",
			value: Origin{"v2-rank", Define(heat.DefaultWeights(), 10), nil, []OriginBoard{{"today", 29_455_384, 20_457}},
				&HandOver{"pageheat-rank", []int64{77, 0, MaxNumber - 1}}},
			encode: func(v any) []byte { return AppendOrigin(nil, v.(Origin)) },
			decode: func(b []byte) (any, error) { return DecodeOrigin(b) },
			draw: func(t *rapid.T) any {
				o := drawOrigin(t)
				o.Positions, o.HandOver = nil, &HandOver{From: rapid.StringN(0, 100, maxNameBytes).Draw(t, "from")}
				for range rapid.IntRange(0, 4).Draw(t, "inputs") {
					o.HandOver.Offsets = append(o.HandOver.Offsets, drawOffset(t))
				}
				return o
			},
		},
		{
			name:   "notice",
			golden: "notice-v1",
			value:  Notice{MovedTo: "v2-rank", Board: []byte(`{"board":"day/2026-01-02"}`)},
			encode: func(v any) []byte { return AppendNotice(nil, v.(Notice)) },
			decode: func(b []byte) (any, error) { return DecodeNotice(b) },
			draw: func(t *rapid.T) any {
				return Notice{MovedTo: rapid.StringN(0, 100, maxNameBytes).Draw(t, "group"), Board: rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "board")}
			},
		},
	}
}
