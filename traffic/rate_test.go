package traffic

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRate(t *testing.T) {
	for text, want := range map[string]Rate{"1": 1, "0.5": 0.5, "1e6": 1e6, "max": Rate(math.Inf(1))} {
		var r Rate
		require.NoError(t, r.UnmarshalText([]byte(text)))
		assert.InDelta(t, float64(want), float64(r), 0, text)
		assert.NotZero(t, r)
	}
	for _, text := range []string{"", "0", "-1", "NaN", "Inf", "1e10", "fast"} {
		var r Rate
		assert.Error(t, r.UnmarshalText([]byte(text)), text)
	}
}

func TestPacerHoldsTheRate(t *testing.T) {
	start := time.Now()
	p := NewPacer(2000)
	for range 201 {
		require.NoError(t, p.Wait(t.Context()))
	}
	// The last is due after 200 / 2000 s; it may go a millisecond early.
	assert.GreaterOrEqual(t, time.Since(start), 98*time.Millisecond)

	p = NewPacer(0.001)
	require.NoError(t, p.Wait(t.Context()), "the first goes at once")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.Wait(ctx), context.Canceled)

	p = NewPacer(0)
	for range 100_000 {
		require.NoError(t, p.Wait(t.Context()))
	}
}

func TestInterruptibleGivesEverything(t *testing.T) {
	var got []string
	for line, err := range Interruptible(t.Context(), Lines(strings.NewReader("a\nb\nc"))) {
		require.NoError(t, err)
		got = append(got, string(line))
	}
	assert.Equal(t, []string{"a", "b", "c"}, got)
}
