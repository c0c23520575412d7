package main

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kfake"

	"pageheat/integration/samples"
)

func TestProduceInterrupted(t *testing.T) {
	brokers := broker(t, kfake.SeedTopics(3, "user-behavior-topic"))
	t.Run("between batches", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		out := &samples.Output{Want: "in all", Came: cancel}
		assert.Equal(t, exitInterrupted, run(ctx, []string{"produce", "--brokers", brokers}, nil, out, io.Discard))
		assert.Contains(t, out.String(), "batch 1: ")
	})
	for name, more := range map[string]string{"while it reads": "", "while it sends": "a|1|1|0\n"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			stdin := &typist{first: "a|1|1|0\n", more: more, read: cancel}
			out := &samples.Output{}
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
