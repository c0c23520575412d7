package switchover

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/failure"
)

// board is one of a group in the output.
func board(group, key string, version uint64, offsets ...int64) *Board {
	return &Board{Board: codec.Board{Board: key, Version: version, Offsets: codec.NewOffsets(offsets)}, Origin: codec.Origin{Group: group, Definition: codec.Definition{Top: 10}}}
}

// found is a running deployment with two live boards and a final one, and another one beside it that has
// counted as much.
func found() *Found {
	day := board("a-rank", "day/2026-01-02", 3)
	day.Final = true
	all := board("a-rank", "all-time", 1<<32+7, 100, 90)
	all.Origin.Boards = []codec.OriginBoard{{Name: "day", AsOf: 29_455_384, Closed: 29_455_000}}
	of := map[string]*Board{"all-time": all, "day": board("a-rank", "day", 1<<32+6, 99, 91), "day/2026-01-02": day}
	return &Found{Output: "top10", AllTime: "all-time", From: "a-rank", To: "b-rank", Epoch: codec.Epoch{Epoch: 2, Output: "top10"},
		Last: of, Newest: of, Has: []string{"day"}, Counted: codec.NewOffsets([]int64{100, 91})}
}

func keys(s *Step) (keys []string) {
	for _, b := range s.Boards {
		keys = append(keys, b.Key)
	}
	return keys
}

func TestPlan(t *testing.T) {
	f := found()
	plan, err := Plan(f, Options{})
	require.NoError(t, err)
	require.Nil(t, plan.Behind)
	require.Equal(t, []string{"all-time", "day"}, keys(&plan), "the board of all time first, final boards not at all")
	epoch, err := codec.DecodeEpoch(plan.Epoch)
	require.NoError(t, err)
	assert.Equal(t, codec.Epoch{Epoch: 3, Output: "top10", MovedTo: "b-rank"}, epoch)
	for i, b := range plan.Boards {
		given, err := codec.DecodeBoard(b.Value)
		require.NoError(t, err)
		assert.EqualValues(t, 2<<32+i+1, given.Version, "in an epoch above all that were used")
		assert.Equal(t, f.Last[b.Key].Offsets, given.Offsets, "the board as it stands")
		origin, err := codec.DecodeOrigin(b.Positions)
		require.NoError(t, err)
		assert.Equal(t, "b-rank", origin.Group)
		assert.Equal(t, f.Last["all-time"].Origin.Boards, origin.Boards)
		assert.Equal(t, &codec.HandOver{From: "a-rank", Offsets: []int64{100, 91}}, origin.HandOver, "what no board may fall behind")
	}
}

// TestPlanGoesOn: what a step that was interrupted has left is not done again, and what it had not done is.
func TestPlanGoesOn(t *testing.T) {
	f := found()
	plan, err := Plan(f, Options{})
	require.NoError(t, err)
	take := func(n int) {
		for _, b := range plan.Boards[:n] {
			given, err := codec.DecodeBoard(b.Value)
			require.NoError(t, err)
			origin, err := codec.DecodeOrigin(b.Positions)
			require.NoError(t, err)
			f.Last[b.Key] = &Board{Board: *given, Origin: origin}
		}
	}
	f.Epoch, err = codec.DecodeEpoch(plan.Epoch)
	require.NoError(t, err)
	again, err := Plan(f, Options{})
	require.NoError(t, err)
	require.Nil(t, again.Epoch, "it is marked")
	require.Equal(t, []string{"all-time", "day"}, keys(&again))

	take(1)
	again, err = Plan(f, Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"day"}, keys(&again))
	take(2)
	again, err = Plan(f, Options{})
	require.NoError(t, err)
	require.True(t, again.Empty())

	// The new ranking has published, and a frozen instance of the old one thaws: the new one corrects that.
	own := board("b-rank", "all-time", 4<<32+1)
	f.Newest = map[string]*Board{"all-time": own, "day": f.Last["day"], "day/2026-01-02": f.Last["day/2026-01-02"]}
	f.Last["all-time"] = board("a-rank", "all-time", 1<<32+8)
	again, err = Plan(f, Options{})
	require.NoError(t, err)
	require.True(t, again.Empty())
	// It has not published yet.
	f.Newest["all-time"] = board("b-rank", "all-time", 3<<32+1)
	f.Newest["all-time"].Origin.HandOver = &codec.HandOver{From: "a-rank"}
	again, err = Plan(f, Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"all-time"}, keys(&again))
}

// TestPlanIsUndone: the old ranking has ended, and nothing was handed over.
func TestPlanIsUndone(t *testing.T) {
	f := found()
	f.From, f.To, f.ToEpoch, f.Epoch = "b-rank", "a-rank", codec.Epoch{Epoch: 3, Output: "top10", MovedTo: "b-rank"}, codec.Epoch{}
	plan, err := Plan(f, Options{})
	require.NoError(t, err)
	require.True(t, plan.Undo)
	require.Nil(t, plan.Epoch)
	require.Equal(t, []string{"all-time", "day"}, keys(&plan))
	origin, err := codec.DecodeOrigin(plan.Boards[0].Positions)
	require.NoError(t, err)
	require.Equal(t, "a-rank", origin.Group)
}

func TestPlanRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(f *Found)
		says   string
	}{
		"no boards":                {func(f *Found) { f.Newest = nil }, "there are no boards"},
		"those of somebody else":   {func(f *Found) { f.From = "c-rank" }, "are of the group a-rank, and neither of c-rank"},
		"boards that it has not":   {func(f *Found) { f.Has = nil }, "does not have these boards of the output: day"},
		"another output's ranking": {func(f *Found) { f.Epoch.Output = "other" }, "publishes to other"},
	} {
		t.Run(name, func(t *testing.T) {
			f := found()
			c.change(f)
			_, err := Plan(f, Options{})
			require.ErrorContains(t, err, c.says)
			require.NotNil(t, failure.As(err))
		})
	}
	f := found()
	f.Has = nil
	plan, err := Plan(f, Options{DeleteBoards: true})
	require.NoError(t, err)
	require.Equal(t, []string{"all-time", "day", "day/2026-01-02"}, keys(&plan))
	assert.Nil(t, plan.Boards[1].Value)
	assert.Nil(t, plan.Boards[2].Value)

	f.Counted = codec.NewOffsets([]int64{100, 90})
	plan, err = Plan(f, Options{DeleteBoards: true})
	require.NoError(t, err)
	require.Equal(t, &BehindError{Partition: 1, Counted: 90, Least: 91}, plan.Behind)
	plan, err = Plan(f, Options{DeleteBoards: true, Behind: true})
	require.NoError(t, err)
	require.Nil(t, plan.Behind)
	origin, err := codec.DecodeOrigin(plan.Boards[0].Positions)
	require.NoError(t, err)
	assert.Empty(t, origin.HandOver.Offsets)
}
