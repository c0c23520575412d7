package harness

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// followed is a follower that received boards at the given milliseconds, each with a version, a
// count and the offsets of two partitions.
func followed(began time.Time, boards ...[5]int) *Boards {
	b := &Boards{changed: make(chan struct{})}
	for _, n := range boards {
		value := fmt.Sprintf(`{"board":"all-time","version":%d,"counted":%d,"offsets":{"0":%d,"1":%d},"pages":[{"page":"a"}]}`, n[1], n[2], n[3], n[4])
		b.take(&kgo.Record{Key: []byte("all-time"), Value: []byte(value)}, began.Add(time.Duration(n[0])*time.Millisecond))
	}
	return b
}

// A follower keeps the newest board with its pages, and the time and progress of all others.
func TestBoards(t *testing.T) {
	began := time.Now()
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	b := followed(began, [5]int{10, 1, 5, 3, 2}, [5]int{20, 2, 6, 4, 2}, [5]int{25, 2, 6, 4, 2}, [5]int{70, 3, 8, 5, 3})
	assert.Empty(t, b.Wrong())
	assert.Equal(t, 1, b.Older(), "a version that came twice")
	assert.Equal(t, 3, b.Count())
	first, err := b.First(t.Context(), func(b *Board) bool { return b.Counted >= 6 })
	require.NoError(t, err)
	assert.Equal(t, at(20), first.Came)
	newest, err := b.Wait(t.Context(), func(b *Board) bool { return b.Counted >= 6 })
	require.NoError(t, err)
	assert.Equal(t, at(70), newest.Came)
	assert.Equal(t, []Page{{Page: "a"}}, newest.Pages)
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(assert.AnError)
	_, err = b.First(ended, func(b *Board) bool { return b.Counted > 8 })
	require.ErrorIs(t, err, assert.AnError)

	assert.Equal(t, 50*time.Millisecond, b.LongestPause(at(0), at(80)))
	assert.Equal(t, []Pause{{at(20), 50 * time.Millisecond}}, b.Pauses(at(0), at(80), 10*time.Millisecond))
	assert.Equal(t, 60*time.Millisecond, b.LongestStall(at(0), at(80)), "of partition 1")
	assert.Equal(t, 130*time.Millisecond, b.LongestStall(at(0), at(200)))
}

// Boards that go back and records that are not boards are recorded.
func TestBoardsThatAreWrong(t *testing.T) {
	b := followed(time.Now(), [5]int{10, 1, 5, 3, 2}, [5]int{20, 2, 4, 3, 1})
	b.take(&kgo.Record{Offset: 7, Value: []byte("none")}, time.Now())
	require.Len(t, b.Wrong(), 3)
	assert.Contains(t, b.Wrong()[0], "counts 4 behaviours")
	assert.Contains(t, b.Wrong()[1], "input partition 1 up to offset 1")
	assert.Contains(t, b.Wrong()[2], "offset 7 is no board")
}
