package overview

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"pageheat/codec"
)

// Only what all heat partitions have applied is applied.
func TestAppliedBy(t *testing.T) {
	leaders := map[int32]*codec.Leaders{0: {To: []int64{9, -1, 4}}, 1: {To: []int64{7, 3}}}
	assert.Equal(t, map[int32]int64{0: 8, 1: 0, 2: 0}, appliedBy(leaders, 2))
	assert.Empty(t, appliedBy(leaders, 3), "one of them was not heard of")
}

func TestLag(t *testing.T) {
	n := Node{Kind: "group", Partitions: []Partition{{Partition: 0, End: 10, Committed: -1}, {Partition: 1, End: 5, Committed: -1}}}
	n.until(nil)
	assert.Nil(t, n.Lag)
	n.until(map[int32]int64{0: 4})
	assert.Nil(t, n.Lag, "of one of them it is not known")
	assert.EqualValues(t, 6, *n.Partitions[0].Lag)
	assert.EqualValues(t, -1, n.Partitions[1].Committed)

	n.Records = 0
	n.until(map[int32]int64{0: 4, 1: 6})
	assert.EqualValues(t, 6, *n.Lag, "and no partition makes up for another")
	assert.EqualValues(t, 10, n.Records)

	rank := Node{Kind: "group"}
	rank.behind("in", progress{applied: map[int32]int64{0: 8, 1: 3}, board: map[int32]int64{0: 5, 1: 4}})
	assert.EqualValues(t, 3, *rank.Lag)
	assert.Equal(t, int32(1), rank.Behind[1].Partition)
}
