package processors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
)

// TestLeadersWithForgottenPagesAreNotTaken: an owner that was frozen has counted more than the next one so far, and
// still has a page that was forgotten since.
func TestLeadersWithForgottenPagesAreNotTaken(t *testing.T) {
	r := NewRanker(RankerConfig{Board: "all-time", Top: 10})
	leaders := func(next int64, taken uint64, page string) *codec.Leaders {
		return &codec.Leaders{Progress: codec.Progress{Partitions: 1, Behavior: codec.TopicID{2}, Next: next, Forget: codec.ForgetProgress{Taken: taken}},
			Definition: codec.Define(heat.DefaultWeights(), 10), Pages: []codec.Leader{{Page: page, Totals: heat.Totals{Behaviours: 1}}}}
	}
	r.Begin(1, 1, nil, nil)
	take := func(l *codec.Leaders) bool {
		taken, err := r.Leaders(l)
		require.NoError(t, err)
		return taken
	}
	require.True(t, take(leaders(10, 0, "private")))
	require.True(t, take(leaders(10, 2, "public")))
	b, made := r.Board(time.Now(), false)
	require.Equal(t, codec.Offsets{{Partition: 0, Offset: 2}}, b.Forgotten)
	require.EqualValues(t, 2, made[0].Forgotten)
	require.False(t, take(leaders(20, 0, "private")))
	require.False(t, take(leaders(20, 1, "private")))
	require.True(t, take(leaders(11, 2, "public")))
}

// TestLateLeadersWithForgottenPagesAreNotTaken: also before there is a board. A further board may be made from the
// newer ones of the two.
func TestLateLeadersWithForgottenPagesAreNotTaken(t *testing.T) {
	r := NewRanker(RankerConfig{Board: "all-time", Top: 10})
	r.Begin(1, 1, nil, nil)
	leaders := func(behavior byte, taken uint64) *codec.Leaders {
		return &codec.Leaders{Progress: codec.Progress{Partitions: 1, Behavior: codec.TopicID{behavior}, Next: 10, Forget: codec.ForgetProgress{Taken: taken}},
			Definition: codec.Define(heat.DefaultWeights(), 10)}
	}
	for _, c := range []struct {
		behavior byte
		taken    uint64
		want     bool
	}{{2, 1, true}, {2, 0, false}, {2, 1, true}, {3, 0, true}} {
		got, err := r.Leaders(leaders(c.behavior, c.taken))
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%+v", c)
	}
}
