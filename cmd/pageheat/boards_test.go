package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/integration/samples"
)

// testProgram is a program whose output topic exists on a broker of its own.
func testProgram(t *testing.T) *program {
	t.Helper()
	flags := defaultCommon()
	flags.Kafka.Brokers, flags.Log.Level = strings.Split(broker(t, kfake.SeedTopics(1, flags.Names.Output, flags.Names.Input)), ","), "error"
	p, err := flags.program(strings.NewReader(""), io.Discard, io.Discard)
	require.NoError(t, err)
	return p
}

// publish sends boards of a name with these versions, the page of each named after it.
func publish(t *testing.T, p *program, name string, versions ...uint64) {
	t.Helper()
	require.True(t, send(t, p, name, versions...))
}

// send is publish for any goroutine of a test; false if it has failed.
func send(t *testing.T, p *program, name string, versions ...uint64) bool {
	t.Helper()
	client, err := p.kafka.Client("test")
	if err != nil {
		t.Errorf("connect: %v", err)
		return false
	}
	defer client.Close()
	sent := true
	for _, v := range versions {
		value, err := codec.EncodeBoard(&codec.Board{
			Board: name, Version: v, UpdatedAt: time.Unix(int64(v), 0), Counted: v,
			Pages: []codec.BoardPage{{Rank: 1, Page: fmt.Sprintf("page%d", v), Heat: "0.8", Clicks: "1", Minutes: "0", Likes: "0", Behaviours: 1}},
		})
		sent = assert.NoError(t, err) && sent
		client.Produce(t.Context(), &kgo.Record{Topic: p.topo.Output, Key: []byte(name), Value: value}, func(_ *kgo.Record, err error) {
			assert.NoError(t, err)
		})
	}
	return assert.NoError(t, client.Flush(t.Context())) && sent
}

func TestTopPrintsEveryBoardUntilInterrupted(t *testing.T) {
	p := testProgram(t)
	publish(t, p, "all-time", 1)
	began := make(chan struct{})
	var publishing sync.WaitGroup
	defer publishing.Wait()
	publishing.Go(func() {
		select {
		case <-began:
			send(t, p, "all-time", 2, 3)
		case <-t.Context().Done():
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out := &samples.Output{Want: "all-time, 3 behaviours", Came: cancel}
	first := &samples.Output{Want: "all-time, 1 behaviours", Came: func() { close(began) }}
	code := run(ctx, []string{"top", "--brokers", strings.Join(p.kafka.Brokers(), ",")}, strings.NewReader(""), io.MultiWriter(first, out), io.Discard)
	assert.Equal(t, exitDone, code)
	assert.Equal(t, 3, strings.Count(out.String(), "behaviours counted"))
	assert.Equal(t, 1, strings.Count(out.String(), "page2 "))
}
