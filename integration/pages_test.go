package integration

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
)

// asking asks an instance for pages, one after the other, until it is stopped.
type asking struct {
	stop    context.CancelFunc
	done    chan struct{}
	answers map[int]int // by status
	err     error
}

func ask(ctx context.Context, in *harness.Instance) *asking {
	ctx, stop := context.WithCancel(ctx)
	a := &asking{stop: stop, done: make(chan struct{}), answers: make(map[int]int)}
	go func() {
		defer close(a.done)
		for n := 0; ; n++ {
			answer, err := in.Get(ctx, fmt.Sprintf("/api/v1/page?page=%%2Fpage%d", n%237))
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				a.err = err
				return
			}
			a.answers[answer.Status]++
		}
	}()
	return a
}

// finish ends the questions: all were answered.
func (a *asking) finish(t *testing.T) {
	t.Helper()
	a.stop()
	<-a.done
	require.NoError(t, a.err)
	assert.Zero(t, a.answers[http.StatusServiceUnavailable], "answers by status: %v", a.answers)
	assert.Positive(t, a.answers[http.StatusOK])
}

// TestPagesAreAnsweredWhileTheirOwnersMove: by the instance that gives half of the partitions
// away, and by the one that takes all of them in the end.
func TestPagesAreAnsweredWhileTheirOwnersMove(t *testing.T) {
	t.Parallel()
	const partitions = 4
	site := quickSite(t)
	p := newPipeline(t, site, partitions)
	ctx := within(t)
	others := site.Start("others", "--roles", "ingest,rank")
	first := site.Start("first", "--roles", "heat,serve")
	input := startTraffic(t, site, partitions)
	_, err := p.boards.Wait(ctx, func(b *harness.Board) bool { return b.Counted > 1000 })
	require.NoError(t, err)
	require.NoError(t, first.WaitReady(ctx))

	giving := ask(ctx, first)
	second := site.Start("second", "--roles", "heat,serve")
	waitShared(t, ctx, site, 2, "-heat")
	require.NoError(t, second.WaitOwner(ctx, 1))
	require.NoError(t, second.WaitReady(ctx))
	taking := ask(ctx, second)
	counted := p.boards.Newest().Counted
	_, err = p.boards.Wait(ctx, func(b *harness.Board) bool { return b.Counted > counted+1000 })
	require.NoError(t, err)
	giving.finish(t)

	stopped(t, first)
	waitShared(t, ctx, site, 1, "-heat")
	counted = p.boards.Newest().Counted
	_, err = p.boards.Wait(ctx, func(b *harness.Board) bool { return b.Counted > counted+1000 })
	require.NoError(t, err)
	input.finish(t)
	taking.finish(t)
	p.exact(t, second, input.ends, input.want)
	stopped(t, second, others)
}
