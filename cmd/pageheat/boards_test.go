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

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/heat"
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
	client, err := p.connect(t.Context())
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
	out := &signalling{want: "version 3", came: cancel}
	first := &signalling{want: "version 1", came: func() { close(began) }}
	code := run(ctx, []string{"top", "--brokers", strings.Join(p.brokers, ",")}, strings.NewReader(""), io.MultiWriter(first, out), io.Discard)
	assert.Equal(t, exitDone, code)
	assert.Equal(t, 3, strings.Count(out.String(), "all-time, version"))
	assert.Equal(t, 1, strings.Count(out.String(), "page2 "))
}

func TestPrintNewestPrintsTheLast(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	boards := func(yield func(boardRecord, error) bool) {
		for v := uint64(1); v <= 100; v++ {
			if !yield(boardRecord{board: &codec.Board{Board: "b", Version: v}}, nil) {
				return
			}
		}
		cancel()
		yield(boardRecord{}, errInterrupted)
	}
	var out bytes.Buffer
	require.ErrorIs(t, printNewest(ctx, &out, boards, usualWeights(t), time.Hour), errInterrupted)
	assert.Contains(t, out.String(), "version 100,")
	assert.LessOrEqual(t, strings.Count(out.String(), "version"), 2)
}

// The board is drawn in place, as it changes, until somebody presses q.
func TestScreenIsLive(t *testing.T) {
	keys, press := io.Pipe()
	began, shown := make(chan struct{}), make(chan struct{})
	first := &signalling{want: "version 42,", came: func() { close(began) }}
	second := &signalling{want: "version 43,", came: func() { close(shown) }}
	p := &program{stdin: keys, stdout: io.MultiWriter(first, second)}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	boards := func(yield func(boardRecord, error) bool) {
		one, two := testBoard(), testBoard()
		two.Version = 43
		if !yield(boardRecord{board: one}, nil) {
			return
		}
		select {
		case <-began:
			yield(boardRecord{board: two}, nil)
		case <-ctx.Done():
		}
		<-ctx.Done()
		yield(boardRecord{}, errInterrupted)
	}
	var pressing sync.WaitGroup
	defer pressing.Wait()
	pressing.Go(func() {
		select {
		case <-shown:
			_, err := press.Write([]byte("q"))
			assert.NoError(t, err)
		case <-ctx.Done():
		}
		assert.NoError(t, press.Close())
	})
	err := showScreen(stop, p, boards, screen{out: p.stdout, weights: usualWeights(t)})
	require.ErrorIs(t, err, errInterrupted)
	select {
	case <-shown:
	default:
		t.Error("the second board was not drawn")
	}
}

func usualWeights(t *testing.T) heat.Weights {
	t.Helper()
	w, err := heat.NewWeights("0.8", "0.8", "1")
	require.NoError(t, err)
	return w
}

// The parts of a heat are exact, and are shown only where they make this heat.
func TestPartsOfHeat(t *testing.T) {
	b := testBoard()
	parts, known := heatParts(b, usualWeights(t))
	require.True(t, known)
	assert.Equal(t, [][3]string{{"89.6", "200.4", "12"}, {"0", "0", "-1"}}, parts)
	text := boardText(io.Discard, b, usualWeights(t), 0)
	assert.Regexp(t, `heat +of clicks +of minutes +of likes +clicks +minutes +likes +behaviours\n`, text)
	assert.Regexp(t, `302 +89.6 +200.4 +12 +112 +250.5 +12 +100\n`, text)

	big := codec.BoardPage{Page: "big", Heat: "272225893536750770770.3", Clicks: "340282366920938463463", Minutes: "0.125", Likes: -1}
	parts, known = heatParts(&codec.Board{Pages: []codec.BoardPage{big}}, usualWeights(t))
	require.False(t, known, "the like is not in it")
	require.Nil(t, parts)
	big.Heat = "272225893536750770769.5"
	parts, known = heatParts(&codec.Board{Pages: []codec.BoardPage{big}}, usualWeights(t))
	require.True(t, known)
	assert.Equal(t, [][3]string{{"272225893536750770770.4", "0.1", "-1"}}, parts)

	b.Pages[1].Heat = "-2"
	text = boardText(io.Discard, b, usualWeights(t), 0)
	assert.NotContains(t, text, "of clicks")
	assert.Contains(t, text, "made with other weights than 0.8 x clicks + 0.8 x minutes + 1 x likes")
	for _, wrong := range []codec.Decimal{"", "x", "-1", "0.5", "340282366920938463463374607431768211456"} {
		_, ok := units(wrong, 0)
		assert.False(t, ok, wrong)
	}
}

func testBoard() *codec.Board {
	now := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	return &codec.Board{Board: "all-time", Version: 42, UpdatedAt: now, Counted: 5_000_000, Pages: []codec.BoardPage{
		{Rank: 1, PreviousRank: 2, RankSince: now, Page: strings.Repeat("世", 60), Heat: "302", Clicks: "112", Minutes: "250.5", Likes: 12, Behaviours: 100},
		{Rank: 2, Page: "/a\u202eb", Heat: "-1", Clicks: "0", Minutes: "0", Likes: -1, Behaviours: 1},
	}}
}

func TestBoardTextFitsIntoTheTerminal(t *testing.T) {
	text := boardText(io.Discard, testBoard(), usualWeights(t), 72)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	require.Len(t, lines, 4)
	for _, line := range lines[1:] {
		assert.LessOrEqual(t, ansi.StringWidth(line), 72, "%q", line)
	}
	assert.Contains(t, text, "世…")
	assert.Contains(t, text, "/a\ufffdb", "what turns the writing direction is not shown")
	assert.NotContains(t, boardText(io.Discard, testBoard(), usualWeights(t), 0), "…")
}

func TestScreen(t *testing.T) {
	var s tea.Model = screen{out: io.Discard, weights: usualWeights(t), note: func() string { return "a note" }}
	assert.Contains(t, s.View(), "waiting for a board")
	s, _ = s.Update(testBoard())
	s, _ = s.Update(tea.WindowSizeMsg{Width: 80})
	assert.Contains(t, s.View(), "version 42")
	assert.Contains(t, s.View(), "a note")
	assert.Contains(t, s.View(), "…")
	assert.Contains(t, s.View(), "of likes")
	assert.NotContains(t, s.View(), "behaviours\n", "there is no room for that column")
	for _, width := range []int{60, 220} { // the terminal becomes smaller, and larger
		s, _ = s.Update(tea.WindowSizeMsg{Width: width})
		for line := range strings.Lines(s.View()) {
			if !strings.Contains(line, "behaviours counted") {
				assert.LessOrEqual(t, ansi.StringWidth(strings.TrimSuffix(line, "\n")), width)
			}
		}
	}
	assert.Contains(t, s.View(), "behaviours\n")
	assert.NotContains(t, s.View(), "…")

	_, quit := s.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q")})
	require.NotNil(t, quit)
	assert.IsType(t, tea.QuitMsg{}, quit())
	s, quit = s.Update(tea.KeyMsg{Type: tea.KeyCtrlC})
	require.NotNil(t, quit)
	assert.IsType(t, tea.QuitMsg{}, quit())
	last, ok := s.(screen)
	require.True(t, ok)
	assert.True(t, last.raised)
}
