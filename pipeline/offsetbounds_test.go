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
)

// reachTest is a check whose answers the test gives.
type offsetBoundsTest struct {
	*offsetBounds
	mu    sync.Mutex
	asked int

	// end and err answer; stale is what is answered until right.
	end, stale int64
	right      time.Time
	err        error
	slow       time.Duration
}

func newOffsetBoundsTest(t *testing.T) *offsetBoundsTest {
	r := &offsetBoundsTest{}
	r.offsetBounds = &offsetBounds{topic: "input", of: make(map[int32]*boundary), background: t.Context(),
		end: func(context.Context, int32) (int64, error) { return r.answer() },
		endFrom: func(ctx context.Context, _ int32, least int64) (int64, error) {
			for began := time.Now(); ; {
				have, err := r.answer()
				if err == nil && have >= least || time.Since(began) > staleAnswers {
					return have, err
				}
				select {
				case <-time.After(staleAnswerPause):
				case <-ctx.Done():
					return 0, errSessionOver
				}
			}
		}}
	return r
}

func (r *offsetBoundsTest) answer() (int64, error) {
	time.Sleep(r.slow)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if time.Now().Before(r.right) {
		return r.stale, r.err
	}
	return r.end, r.err
}

// TestALeapIsCheckedBeforeItIsBelieved: at once where no stale answer explains it.
func TestALeapIsCheckedBeforeItIsBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		next    int64
		end     int64
		stale   time.Duration // for which the answer is 0
		err     error
		refused bool
		takes   time.Duration
	}{
		"it is there":                    {next: maxStep + 1, end: maxStep + 1},
		"it is above the end":            {next: maxStep + 2, end: maxStep + 1, refused: true, takes: staleAnswers + staleAnswerPause},
		"it is beyond doubt":             {next: 1 << 62, end: maxStep, refused: true},
		"a stale answer":                 {next: maxStep + 1, end: maxStep + 1, stale: 10 * time.Second, takes: 10 * time.Second},
		"there is no such partition":     {next: maxStep + 1, err: kafka.ErrNoPartition, refused: true},
		"no broker answers":              {next: maxStep + 1, err: io.EOF},
		"a small step is believed first": {next: maxStep, end: 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newOffsetBoundsTest(t)
				r.end, r.err, r.right = c.end, c.err, time.Now().Add(c.stale)
				ctx, end := context.WithCancel(t.Context())
				r.background = ctx
				began := time.Now()
				err := r.check(ctx, 3, c.next)
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
				end()
				synctest.Wait()
			})
		})
	}
}

// TestSmallStepsAreCheckedInTheBackground: what they speak of may take a while to show,
// where a broker's answers are stale, but not without end.
func TestSmallStepsAreCheckedInTheBackground(t *testing.T) {
	for name, c := range map[string]struct {
		end     int64
		stale   time.Duration
		err     error
		refused bool
	}{
		"it is there":                {end: 10},
		"stale answers":              {end: 10, stale: staleAnswers - time.Second},
		"it is above the end":        {end: 9, refused: true},
		"there is no such partition": {err: kafka.ErrNoPartition, refused: true},
		"no broker answers":          {err: io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newOffsetBoundsTest(t)
				r.end, r.err, r.right = c.end, c.err, time.Now().Add(c.stale)
				ctx, end := context.WithCancel(t.Context())
				r.background = ctx
				defer end()
				require.NoError(t, r.check(ctx, 0, 10))
				for range 3 {
					time.Sleep(staleAnswers)
					synctest.Wait()
					err := r.check(ctx, 0, 10)
					require.NoError(t, r.check(ctx, 1, 0), "other partitions are none of it")
					if !c.refused {
						require.NoError(t, err)
						continue
					}
					if err == nil {
						continue
					}
					require.ErrorIs(t, err, codec.ErrMalformed)
					require.ErrorContains(t, err, "input partition 0")
					return
				}
				require.False(t, c.refused, "it must have been noticed")
			})
		})
	}
}

// TestOneStaleAnswerIsNoReason: the record that comes after a long silence is not
// refused for an answer of before it.
func TestOneStaleAnswerIsNoReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newOffsetBoundsTest(t)
		r.end, r.stale, r.right = 20, 5, time.Now().Add(time.Millisecond)
		require.NoError(t, r.check(t.Context(), 0, 10))
		synctest.Wait()
		time.Sleep(2 * staleAnswers)
		require.NoError(t, r.check(t.Context(), 0, 12))
		time.Sleep(lookUpEvery)
		synctest.Wait()
		require.NoError(t, r.check(t.Context(), 0, 20))
	})
}

// TestOneLookUpAtATime of a partition, and one a second at most.
func TestOneLookUpAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newOffsetBoundsTest(t)
		r.end, r.slow = 1<<40, 300*time.Millisecond
		var all sync.WaitGroup
		for step := range int64(4) {
			for range 8 {
				all.Go(func() { assert.NoError(t, r.check(t.Context(), 0, step+1)) })
			}
		}
		all.Wait()
		time.Sleep(r.slow)
		synctest.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		require.Equal(t, 1, r.asked)
	})
}

// TestALookUpEndsWithItsRole.
func TestALookUpEndsWithItsRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newOffsetBoundsTest(t)
		var end context.CancelFunc
		r.background, end = context.WithCancel(t.Context())
		require.NoError(t, r.check(t.Context(), 0, 10))
		time.Sleep(2 * lookUpEvery)
		end()
		synctest.Wait()
		r.offsetBounds.mu.Lock()
		defer r.offsetBounds.mu.Unlock()
		require.False(t, r.of[0].asking)
		require.NoError(t, r.of[0].refuted)
	})
}
