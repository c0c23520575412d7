package store_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
)

// TestTotalsAreReadByAnyone: readers see whole ranges, and never less than before, whatever the
// owner of the partition does meanwhile.
func TestTotalsAreReadByAnyone(t *testing.T) {
	onBoth(t, func(t *testing.T, s kind) {
		const pages, ranges = 300, 100 // more pages than are looked up together
		sums := make(map[string]uint64)
		for i := range pages {
			sums[fmt.Sprint("page", i)] = 1
		}
		p := s.started(t)
		var reading sync.WaitGroup
		done := make(chan struct{})
		for range 2 {
			reading.Go(func() {
				for least, i := uint64(0), 0; ; i++ {
					got, known, err := p.Totals(fmt.Sprint("page", i%pages))
					if !assert.NoError(t, err) || !assert.GreaterOrEqual(t, got.Behaviours, least) {
						return
					}
					if known {
						least = got.Behaviours
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		to := int64(-1)
		for i := range int64(ranges) {
			applyLong(t, p, &to, pages, sums)
			var leaders codec.Leaders
			p.Leaders(&leaders)
			if i%3 == 0 {
				drain(t, p.Checkpoint(), i)
			}
		}
		p.Resume()
		for name := range sums {
			r := pageRecord(name, ranges)
			require.NoError(t, p.Set(r.key, r.value))
		}
		require.NoError(t, p.MarkRecovered())
		close(done)
		reading.Wait()
		last, _, err := p.Totals("page7")
		require.NoError(t, err)
		require.EqualValues(t, ranges, last.Behaviours)
	})
}

// TestARangeThatWasAppliedInPartIsNotRead: its partition answers nothing any more.
func TestARangeThatWasAppliedInPartIsNotRead(t *testing.T) {
	onBoth(t, func(t *testing.T, s kind) {
		p := s.started(t)
		sums := make(map[string]uint64)
		for i := range 200 {
			sums[fmt.Sprint("page", i)] = 1
		}
		whole := rangeOf(codec.RangeHeader{From: -1, To: 199}, sums)
		_, err := p.Apply(whole[:len(whole)-1], 0)
		require.ErrorIs(t, err, codec.ErrMalformed)
		for name := range sums {
			_, _, err := p.Totals(name)
			require.ErrorIs(t, err, codec.ErrMalformed)
		}
	})
}
