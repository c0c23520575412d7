package pipeline

import (
	"context"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/processors"
)

// boundsCluster answers with an end, and with an older one until some time.
type boundsCluster struct {
	lookups
	end, stale int64
	right      time.Time
	err        error
	slow       time.Duration

	mu    sync.Mutex
	asked int
}

func (c *boundsCluster) Bounds(context.Context, string, int32) (kafka.Bounds, error) {
	time.Sleep(c.slow)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if time.Now().Before(c.right) {
		return kafka.Bounds{End: c.stale}, c.err
	}
	return kafka.Bounds{End: c.end}, c.err
}

// boundsOn is a check whose background look-ups end with ctx.
func boundsOn(ctx context.Context, c *boundsCluster) *offsetBounds {
	return newOffsetBounds(&topics{cluster: c, ctx: ctx}, "input")
}

// allExist is a check that believes every offset of a partition.
func allExist(partition int32) *offsetBounds {
	b := newOffsetBounds(nil, "input")
	_ = b.claims.Ends(processors.NewEndLookup(partition, 0, time.Now()), 1<<40, time.Now())
	return b
}

const leap = 1 << 30

// TestALeapWaitsForItsLookUp: for as long as a stale answer may explain it.
func TestALeapWaitsForItsLookUp(t *testing.T) {
	for name, c := range map[string]struct {
		end     int64
		err     error
		stale   time.Duration // for which the answer is 0
		refused bool
		takes   time.Duration
	}{
		"it is there":                {end: leap},
		"it is above the end":        {end: leap - 1, refused: true, takes: 31 * time.Second},
		"a stale answer":             {end: leap, stale: 10 * time.Second, takes: 10 * time.Second},
		"there is no such partition": {err: kafka.ErrNoPartition, refused: true},
		"no broker answers":          {err: io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster := &boundsCluster{end: c.end, err: c.err, right: time.Now().Add(c.stale)}
				began := time.Now()
				err := boundsOn(t.Context(), cluster).check(t.Context(), 3, leap)
				assert.Equal(t, c.takes, time.Since(began))
				switch {
				case c.refused:
					require.ErrorIs(t, err, codec.ErrMalformed)
					require.ErrorContains(t, err, "input partition 3")
					require.NotNil(t, failure.As(err))
				case c.err != nil:
					require.ErrorIs(t, err, c.err)
					require.Nil(t, failure.As(err), "it may pass")
				default:
					require.NoError(t, err)
				}
			})
		})
	}
}

// TestSmallStepsAreCheckedInTheBackground by one look-up at a time.
func TestSmallStepsAreCheckedInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := &boundsCluster{end: 31, slow: 300 * time.Millisecond}
		b := boundsOn(t.Context(), cluster)
		var all sync.WaitGroup
		for step := range int64(4) {
			for range 8 {
				all.Go(func() { assert.NoError(t, b.check(t.Context(), 0, 10*(step+1))) })
			}
		}
		all.Wait()
		time.Sleep(time.Second)
		cluster.mu.Lock()
		require.Equal(t, 1, cluster.asked)
		cluster.mu.Unlock()
		time.Sleep(10 * time.Second)
		require.NoError(t, b.check(t.Context(), 0, 40))
		time.Sleep(time.Minute)
		require.ErrorContains(t, b.check(t.Context(), 0, 1), "offset 39 of input partition 0, which ends at offset 31")
	})
}

// TestALookUpEndsWithItsRole, and says nothing of the claim.
func TestALookUpEndsWithItsRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		b := boundsOn(ctx, &boundsCluster{})
		require.NoError(t, b.check(t.Context(), 0, 10))
		time.Sleep(10 * time.Second)
		end()
		synctest.Wait() // no goroutine is left
		require.NoError(t, b.check(t.Context(), 0, 10))
	})
}
