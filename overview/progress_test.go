package overview

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"pageheat/boards"
	"pageheat/codec"
)

// Applied means applied by all heat partitions.
func TestAppliedBy(t *testing.T) {
	leaders := map[int32]*codec.Leaders{
		0: {Progress: codec.Progress{To: []int64{9, -1, 4}}},
		1: {Progress: codec.Progress{To: []int64{7, 3}}},
	}
	assert.Equal(t, map[int32]int64{0: 8, 1: 0, 2: 0}, appliedBy(leaders, 2))
	assert.Empty(t, appliedBy(leaders, 3), "one of them was not heard of")
}

// TestBoardsOf: a board is as of what all partitions have, and the fewer differ.
func TestBoardsOf(t *testing.T) {
	of := func(boards ...codec.BoardLeaders) *codec.Leaders { return &codec.Leaders{Boards: boards} }
	hour := func(hash string, asOf boards.Minute) codec.BoardLeaders {
		return codec.BoardLeaders{Name: "hour", Hash: hash, AsOf: asOf}
	}
	day := codec.BoardLeaders{Name: "day", Hash: "d", AsOf: 7}
	closed := codec.BoardLeaders{Name: "day", Hash: "d", AsOf: 1, Final: true}
	got := boardsOf(map[int32]*codec.Leaders{
		0: of(hour("a", 20), day, closed), 1: of(hour("b", 15), day), 2: of(hour("a", 10), day), 3: of(day),
	})
	assert.Equal(t, []Board{
		{Name: "day", AsOf: boards.Minute(7).Time(), Differ: []int32{}},
		{Name: "hour", AsOf: boards.Minute(10).Time(), Differ: []int32{1, 3}},
	}, got)
	assert.Equal(t, []string{"board hour is not updated: heat partitions [1 3]: they define it in another way than the others, or do not have it"},
		(&State{Boards: got}).Problems())
	assert.Equal(t, []Board{}, boardsOf(nil))
}

func TestLag(t *testing.T) {
	offset := func(n int64) *int64 { return &n }
	fresh := func() Node {
		return Node{Kind: "group", Partitions: []Partition{{Partition: 0, End: offset(10)}, {Partition: 1, End: offset(5)}}}
	}
	n := fresh()
	n.until(reached{why: "away"})
	assert.Nil(t, n.Lag)
	assert.Equal(t, "partitions [0 1]: away", n.Unknown)
	n = fresh()
	n.until(reached{at: map[int32]int64{0: 4}, why: "away"})
	assert.Nil(t, n.Lag, "of one of them it is not known")
	assert.Nil(t, n.Records)
	assert.EqualValues(t, 6, *n.Partitions[0].Lag)
	assert.Nil(t, n.Partitions[1].Committed)
	n = fresh()
	n.until(reached{at: map[int32]int64{0: 4, 1: 6}})
	assert.EqualValues(t, 6, *n.Lag, "and no partition makes up for another")
	assert.EqualValues(t, 10, *n.Records)
	assert.Empty(t, n.Unknown)
	n = fresh()
	n.until(reached{at: map[int32]int64{0: 4, 1: 5}, ends: map[int32]int64{0: 4}})
	assert.Zero(t, *n.Partitions[0].Lag, "nothing more can be read")
	assert.Nil(t, n.Partitions[1].Lag, "the last one was not found")
	assert.Contains(t, n.Unknown, "partitions [1]: the last record was not found")

	rank := Node{Kind: "group"}
	rank.behind("in", progress{applied: map[int32]int64{0: 8, 1: 3}, board: map[int32]int64{0: 5, 1: 4}})
	assert.EqualValues(t, 3, *rank.Lag)
	assert.Equal(t, int32(1), rank.Behind[1].Partition)
	rank = Node{Kind: "group"}
	rank.behind("in", progress{applied: map[int32]int64{0: 8}, noBoard: "none yet"})
	assert.Nil(t, rank.Lag)
	assert.Equal(t, "none yet", rank.Unknown)
}
