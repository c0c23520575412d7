package main

import (
	"context"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"pageheat/traffic"
)

func TestProduceInterrupted(t *testing.T) {
	brokers := broker(t, kfake.SeedTopics(3, "user-behavior-topic"))
	t.Run("between batches", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		out := &signalling{want: "in all", came: cancel}
		assert.Equal(t, exitInterrupted, run(ctx, []string{"produce", "--brokers", brokers}, nil, out, io.Discard))
		assert.Contains(t, out.String(), "batch 1: ")
	})
	for name, more := range map[string]string{"while it reads": "", "while it sends": "a|1|1|0\n"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			stdin := &typist{first: "a|1|1|0\n", more: more, read: cancel}
			out := &signalling{}
			code := run(ctx, []string{"produce", "--brokers", brokers, "--file", "-", "--rate", "1"}, stdin, out, io.Discard)
			assert.Equal(t, exitInterrupted, code)
			assert.Contains(t, out.String(), " messages sent in ")
		})
	}
}

// typist is a terminal: first a text, then, which it tells, either another one
// without end or nothing at all.
type typist struct {
	first, more string
	read        func()
}

func (t *typist) Read(b []byte) (int, error) {
	if t.first != "" {
		n := copy(b, t.first)
		t.first = t.first[n:]
		return n, nil
	}
	t.read()
	if t.more == "" {
		select {}
	}
	return copy(b, t.more), nil
}

func TestMessageRate(t *testing.T) {
	for text, want := range map[string]messageRate{"1": 1, "0.5": 0.5, "1e6": 1e6, "max": messageRate(math.Inf(1))} {
		var r messageRate
		require.NoError(t, r.UnmarshalText([]byte(text)))
		assert.InDelta(t, float64(want), float64(r), 0, text)
		assert.True(t, r.set())
	}
	for _, text := range []string{"", "0", "-1", "NaN", "Inf", "1e10", "fast"} {
		var r messageRate
		assert.Error(t, r.UnmarshalText([]byte(text)), text)
	}
}

func TestPacerHoldsTheRate(t *testing.T) {
	start := time.Now()
	p := newPacer(2000)
	for range 201 {
		require.NoError(t, p.wait(t.Context()))
	}
	// The last is due after 200 / 2000 s; it may go a millisecond early.
	assert.GreaterOrEqual(t, time.Since(start), 98*time.Millisecond)

	p = newPacer(0.001)
	require.NoError(t, p.wait(t.Context()), "the first goes at once")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.wait(ctx), errInterrupted)

	p = newPacer(0)
	for range 100_000 {
		require.NoError(t, p.wait(t.Context()))
	}
}

func TestInterruptibleGivesEverything(t *testing.T) {
	var got []string
	for line, err := range interruptible(t.Context(), traffic.Lines(strings.NewReader("a\nb\nc"))) {
		require.NoError(t, err)
		got = append(got, string(line))
	}
	assert.Equal(t, []string{"a", "b", "c"}, got)
}
