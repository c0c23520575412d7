package main

import (
	"bytes"
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
)

// testProgram is a program whose output topic exists on a broker of its own.
func testProgram(t *testing.T) *program {
	t.Helper()
	flags := common{
		Brokers: strings.Split(broker(t, kfake.SeedTopics(1, "page-popularity-top10", "user-behavior-topic")), ","),
		Prefix:  "pageheat", Input: "user-behavior-topic", Output: "page-popularity-top10", LogLevel: "error",
	}
	p, err := flags.program(strings.NewReader(""), io.Discard, io.Discard)
	require.NoError(t, err)
	return p
}

// publish sends boards of a name with these versions, the page of each named after it.
func publish(t *testing.T, p *program, name string, versions ...uint64) {
	t.Helper()
	require.True(t, send(t, p, name, versions...))
}

// send is publish for any goroutine of a test; false where it has failed.
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
			Pages: []codec.BoardPage{{Rank: 1, Page: fmt.Sprintf("page%d", v), Heat: "0.8", Clicks: "1", Minutes: "0", Behaviours: 1}},
		})
		sent = assert.NoError(t, err) && sent
		client.Produce(t.Context(), &kgo.Record{Topic: p.topo.Output, Key: []byte(name), Value: value}, func(_ *kgo.Record, err error) {
			assert.NoError(t, err)
		})
	}
	return assert.NoError(t, client.Flush(t.Context())) && sent
}

func TestNewestBoardIsFoundFarBack(t *testing.T) {
	p := testProgram(t)
	var others []uint64
	for v := range uint64(boardWindow * boardWindowGrows * 2) {
		others = append(others, v+1)
	}
	publish(t, p, "all-time", 3, 2)
	publish(t, p, "weekly", others...)

	newest, _, err := newestBoard(t.Context(), p, "all-time")
	require.NoError(t, err)
	require.NotNil(t, newest.board)
	assert.Equal(t, uint64(3), newest.board.Version)

	newest, _, err = newestBoard(t.Context(), p, "monthly")
	require.NoError(t, err)
	assert.Nil(t, newest.board)
}

func TestFollowGivesOnlyNewerBoards(t *testing.T) {
	p := testProgram(t)
	publish(t, p, "all-time", 5, 7, 6)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var versions []uint64
	for b, err := range followBoards(ctx, p, "all-time") {
		require.NoError(t, err)
		versions = append(versions, b.board.Version)
		switch b.board.Version {
		case 7: // what it began with; now what comes while it looks
			publish(t, p, "weekly", 100)
			publish(t, p, "all-time", 7, 6, 9, 8, 12)
		case 12:
			cancel()
		}
		if b.board.Version == 12 {
			break
		}
	}
	assert.Equal(t, []uint64{7, 9, 12}, versions)
}

func TestFollowEndsWhenToldTo(t *testing.T) {
	p := testProgram(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range followBoards(ctx, p, "all-time") {
		assert.ErrorIs(t, err, errInterrupted)
	}
}

// signalling is a writer that tells when a text has come.
type signalling struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	came func()
}

func (s *signalling) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(b)
	if s.came != nil && strings.Contains(s.text.String(), s.want) {
		s.came()
		s.came = nil
	}
	return len(b), nil
}

func (s *signalling) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
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
	out := &signalling{want: "all-time, 3 behaviours", came: cancel}
	first := &signalling{want: "all-time, 1 behaviours", came: func() { close(began) }}
	code := run(ctx, []string{"top", "--brokers", strings.Join(p.kafka.Brokers(), ",")}, strings.NewReader(""), io.MultiWriter(first, out), io.Discard)
	assert.Equal(t, exitDone, code)
	assert.Equal(t, 3, strings.Count(out.String(), "behaviours counted"))
	assert.Equal(t, 1, strings.Count(out.String(), "page2 "))
}

func TestPrintNewestPrintsTheLast(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	boards := func(yield func(boardRecord, error) bool) {
		for v := uint64(1); v <= 100; v++ {
			if !yield(boardRecord{board: &codec.Board{Board: "b", Version: v, Counted: v}}, nil) {
				return
			}
		}
		cancel()
		yield(boardRecord{}, errInterrupted)
	}
	var out bytes.Buffer
	require.ErrorIs(t, printNewest(ctx, &out, boards, usualWeights(t), time.Hour), errInterrupted)
	assert.Contains(t, out.String(), "b, 100 behaviours")
	assert.LessOrEqual(t, strings.Count(out.String(), "counted"), 2)
}
