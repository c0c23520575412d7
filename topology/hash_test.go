package topology

import (
	"hash/fnv"
	"testing"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// gokaPartition places a key as goka.Processor and goka.View do (their hash
// methods are not exported).
func gokaPartition(t require.TestingT, key string, partitions int) int32 {
	h := Hasher()()
	_, err := h.Write([]byte(key))
	require.NoError(t, err)
	sum := int32(h.Sum32())
	if sum < 0 {
		sum = -sum
	}
	return sum % int32(partitions)
}

// saramaPartition places a key as goka's producer does.
func saramaPartition(t require.TestingT, key string, partitions int) int32 {
	p := sarama.NewCustomHashPartitioner(Hasher())("topic")
	got, err := p.Partition(&sarama.ProducerMessage{Key: sarama.StringEncoder(key)}, int32(partitions))
	require.NoError(t, err)
	return got
}

func TestPartitionIsTheOneThatGokaAndSaramaCompute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		page := rapid.String().Draw(t, "page")
		partitions := rapid.IntRange(1, 5000).Draw(t, "partitions")
		got := Partition(page, partitions)
		assert.GreaterOrEqual(t, got, int32(0))
		assert.Less(t, got, int32(partitions))
		assert.Equal(t, got, Partition([]byte(page), partitions))
		assert.Equal(t, gokaPartition(t, page, partitions), got)
		assert.Equal(t, saramaPartition(t, page, partitions), got)
	})
}

func TestPartitionOfAPageWhoseHashIsTheLowestInt32(t *testing.T) {
	const page = "/t/cb8p5q"
	h := fnv.New32a()
	_, _ = h.Write([]byte(page))
	require.Equal(t, uint32(1<<31), h.Sum32(), "the page is chosen for this hash")

	for _, partitions := range []int{1, 3, 7, 100} {
		assert.Equal(t, int32(0), Partition(page, partitions))
		assert.Equal(t, int32(0), gokaPartition(t, page, partitions))
		assert.Equal(t, int32(0), saramaPartition(t, page, partitions))
	}
}

func TestSumAgreesWithSum32(t *testing.T) {
	h := Hasher()()
	_, _ = h.Write([]byte("/t/cb8p5q"))
	assert.Equal(t, []byte{1, 0, 0, 0, 0}, h.Sum([]byte{1}))
}

// TestPartitionStaysWhereItIs pins the placement of pages. If it changed, the pages of existing
// tables would be in the wrong partitions.
func TestPartitionStaysWhereItIs(t *testing.T) {
	for page, want := range map[string]int32{"page1": 6, "page37": 3, "/": 1, "": 0, "/häuser": 5} {
		assert.Equal(t, want, Partition(page, 7), "page %q", page)
	}
}

func TestPartitionDoesNotAllocate(t *testing.T) {
	page := []byte("/shuttle/missions/sts-69/mission-sts-69.html")
	var sum int32
	assert.Zero(t, testing.AllocsPerRun(100, func() { sum += Partition(page, 3) }))
	_ = sum
}
