package terminal

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/samples"
)

var update = flag.Bool("update", false, "write the golden files of boards")

func usualWeights(t testing.TB) heat.Weights {
	t.Helper()
	w, err := heat.NewWeights("0.8", "0.8", "1")
	require.NoError(t, err)
	return w
}

// boardOf returns a board of pages with these names, each hotter than the next.
func boardOf(names ...string) *codec.Board {
	now := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	b := &codec.Board{Board: "all-time", Version: 4294967329, UpdatedAt: now, Counted: 5_000_000}
	weights, _ := heat.NewWeights("0.8", "0.8", "1")
	for i, name := range names {
		totals := heat.Totals{Likes: int64(30 - 7*i), Behaviours: 100}
		clicks, minutes := 12345/(i+1), 4321/(i+1)
		totals.Count(heat.Behaviour{Clicks: uint32(clicks), Minutes: heat.WholeMinutes(uint32(min(minutes, 1440)))})
		b.Pages = append(b.Pages, codec.BoardPage{
			Rank: i + 1, PreviousRank: []int{0, 3, 1, 14, 5}[i%5], RankSince: now.Add(-time.Duration(i) * 20 * time.Second), Page: name,
			Heat: codec.Decimal(weights.Heat(&totals)), Clicks: codec.Decimal(totals.ClicksDecimal()),
			Minutes: codec.Decimal(totals.MinutesDecimal()), Likes: codec.Decimal(strconv.FormatInt(totals.Likes, 10)), Behaviours: totals.Behaviours,
		})
	}
	return b
}

func forumBoard() *codec.Board {
	return boardOf("/forum/night-trains-worth-the-money", "/世界/"+strings.Repeat("界", 40), "/emoji/🔥🧑‍🚀/"+strings.Repeat("x", 90),
		"/e\u0301te\u0301/combining", "/bidi/\u202egnp.exe", "/tab\there", "page7", "/short", "/forum/a-rather-long-title-of-a-thread-that-goes-on-and-on", "/")
}

func demoNotes() []Note {
	return []Note{{"Dashboard", "http://127.0.0.1:8080/"}, {"Forum", "http://127.0.0.1:8080/forum/"}, {"Kafka", "127.0.0.1:34271"}}
}

func drawn(t testing.TB, width, height int, profile termenv.Profile) layout {
	t.Helper()
	style := lipgloss.NewRenderer(io.Discard)
	style.SetColorProfile(profile)
	return layout{width: width, height: height, weights: usualWeights(t), notes: demoNotes(), foot: "q: quit", style: style}
}

// TestBoardAtUsualSizes compares the output with files in testdata/board.
func TestBoardAtUsualSizes(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {50, 20}, {40, 8}, {20, 5}} {
		name := fmt.Sprintf("%dx%d.txt", size[0], size[1])
		t.Run(name, func(t *testing.T) {
			l := drawn(t, size[0], size[1], termenv.TrueColor)
			coloured := strings.Join(l.lines(forumBoard()), "\n") + "\n"
			got := ansi.Strip(coloured)
			assert.NotEqual(t, coloured, got)
			golden := filepath.Join("testdata", "board", name)
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
}

// TestBoardFitsAnyTerminal: the terminal never has to truncate anything, addresses are
// complete, and the first rank is always there.
func TestBoardFitsAnyTerminal(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		width, height := rapid.IntRange(14, 200).Draw(rt, "width"), rapid.IntRange(1, 60).Draw(rt, "height")
		names := rapid.SliceOfN(rapid.StringN(1, 60, 200), 0, 12).Draw(rt, "names")
		b := boardOf(names...)
		l := drawn(t, width, height, rapid.SampledFrom([]termenv.Profile{termenv.Ascii, termenv.TrueColor}).Draw(rt, "profile"))
		lines := l.lines(b)
		if len(lines) > height {
			rt.Fatalf("%d lines in a terminal of %d", len(lines), height)
		}
		text := ansi.Strip(strings.Join(lines, "\n"))
		for line := range strings.SplitSeq(text, "\n") {
			if w := ansi.StringWidth(line); w > width {
				rt.Fatalf("%d columns in a terminal of %d: %q", w, width, line)
			}
		}
		if len(names) > 0 && !strings.Contains(text, "1  ") {
			rt.Fatalf("no first rank in %q", text)
		}
		whole := strings.ReplaceAll(text, "\n", "")
		if strings.Contains(whole, "http") && !strings.Contains(whole, "http://127.0.0.1:8080/forum/") {
			rt.Fatalf("an address is cut in %q", text)
		}
		if height >= 20 && !strings.Contains(whole, "http://127.0.0.1:8080/forum/") {
			rt.Fatalf("no address in %q", text)
		}
	})
}

// TestBoardWithoutColours: no escape codes, but bars.
func TestBoardWithoutColours(t *testing.T) {
	text := strings.Join(drawn(t, 80, 24, termenv.Ascii).lines(forumBoard()), "\n")
	assert.Equal(t, ansi.Strip(text), text)
	assert.Contains(t, text, "█")
	assert.NotContains(t, text, "minutes")
}

func TestNoColorIsHeeded(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	output := termenv.NewOutput(io.Discard, termenv.WithTTY(true))
	assert.Equal(t, termenv.Ascii, output.EnvColorProfile())
}

func TestTitlesStandForPages(t *testing.T) {
	l := drawn(t, 80, 24, termenv.Ascii)
	b := boardOf("/forum/a", "/other-part-2")
	b.Pages[0].Title = "Night trains\u202e"
	text := strings.Join(l.lines(b), "\n")
	assert.Contains(t, text, `Night trains\u202e `)
	assert.NotContains(t, text, "/forum/a")
	assert.Contains(t, text, "/other-part-2")
}

// TestTitlesOfStrangers: whatever a title has, the columns after it align, and an address is a link only
// where it may be one.
func TestTitlesOfStrangers(t *testing.T) {
	b := boardOf("/a", "/b", "/c", "/d", "/e")
	for i, title := range []string{"夜行列車 と 猫", "e\u0301te\u0301", "\u05d0\u05d1 123", "👩🏽\u200d💻 ❤\ufe0f", "plain"} {
		b.Pages[i].Title = title
	}
	b.Pages[0].URL, b.Pages[1].URL = "https://x.example/日;a", "/t/42"
	b.Pages[2].URL, b.Pages[3].URL = "https://x.example/\x1b]8;;", "https://x.example/"+strings.Repeat("日", 600)
	lines := drawn(t, 80, 24, termenv.TrueColor).lines(b)
	text := strings.Join(lines, "\n")
	assert.Equal(t, 2, strings.Count(text, "\x1b]8;"), "one link, which ends")
	assert.Contains(t, text, "\x1b]8;;https://x.example/%E6%97%A5;a\x07")
	columns := map[int]bool{}
	for _, line := range lines {
		if before, _, found := strings.Cut(ansi.Strip(line), "0  █"); found {
			columns[ansi.StringWidth(before)] = true
		}
	}
	assert.Len(t, columns, 1, "bars are in one column: %s", ansi.Strip(text))
	column := regexp.MustCompile(`\x1b\[K\x1b\[(\d+)G`).FindAllStringSubmatch(text, -1)
	require.Len(t, column, 4, "where a name is not ASCII")
	for name, found := range map[string]bool{"👩💻 ❤": true, "\u05d0\u05d1 123\u200e ": true, "\u200d": false, "plain\u200e": false} {
		assert.Equal(t, found, strings.Contains(ansi.Strip(text), name), "%q", name)
	}
}

func TestMovements(t *testing.T) {
	b := boardOf("a")
	for _, c := range []struct {
		previous, rank int
		ago            time.Duration
		want           string
	}{
		{0, 3, time.Second, "new"}, {0, 3, 2 * time.Minute, "·"}, {5, 3, time.Hour, "▲2"}, {1, 10, time.Second, "▼9"}, {3, 3, 0, "·"},
	} {
		m := movementOf(b, &codec.BoardPage{Rank: c.rank, PreviousRank: c.previous, RankSince: b.UpdatedAt.Add(-c.ago)})
		assert.Equal(t, c.want, m.text)
		assert.Equal(t, c.ago < recentRank && c.want != "·", m.recent && m.way != unmoved)
	}
}

func TestRounded(t *testing.T) {
	for d, want := range map[string]string{
		"302.08829876": "302.09", "0": "0.00", "-3": "-3.00", "-0.001": "0.00", "0.005": "0.01", "1234567.5": "1,234,567.50",
		"272225893536750770770.3": "272,225,893,536,750,770,770.30", "no": "no",
	} {
		assert.Equal(t, want, rounded(d, 2))
	}
	assert.Equal(t, "-1,235", rounded("-1234.5", 0))
	assert.Equal(t, "2.722259e+20", shortened("272225893536750770770.3", 2))
	assert.Equal(t, `a\u202eb\tc\u200d`, Printable("a\u202eb\tc\u200d"))
}

// The parts of a heat are exact, and are shown only if they add up to this heat.
func TestPartsOfHeat(t *testing.T) {
	b := boardOf("/a", "/b")
	parts, known := heatParts(b, usualWeights(t))
	require.True(t, known)
	assert.Equal(t, [][3]string{{"9876", "1152", "30"}, {"4937.6", "1152", "23"}}, parts)
	assert.Regexp(t, `heat +of clicks +of minutes +of likes +clicks +minutes +likes +behaviours\n`, Text(b, usualWeights(t)))

	big := codec.BoardPage{Page: "big", Heat: "272225893536750770770.3", Clicks: "340282366920938463463", Minutes: "0.125", Likes: "-1"}
	parts, known = heatParts(&codec.Board{Pages: []codec.BoardPage{big}}, usualWeights(t))
	require.False(t, known, "the like is not in it")
	require.Nil(t, parts)
	big.Heat = "272225893536750770769.5"
	parts, known = heatParts(&codec.Board{Pages: []codec.BoardPage{big}}, usualWeights(t))
	require.True(t, known)
	assert.Equal(t, [][3]string{{"272225893536750770770.4", "0.1", "-1"}}, parts)

	big.Likes = "-0.5"
	_, known = heatParts(&codec.Board{Pages: []codec.BoardPage{big}}, usualWeights(t))
	require.False(t, known, "sums that decay")

	b.Pages[1].Heat = "-2"
	text := Text(b, usualWeights(t))
	assert.NotContains(t, text, "of clicks")
	assert.Contains(t, text, "made with other weights than 0.8 x clicks + 0.8 x minutes + 1 x likes")
	for _, wrong := range []codec.Decimal{"", "x", "-1", "0.5", "340282366920938463463374607431768211456"} {
		_, ok := units(wrong, 0)
		assert.False(t, ok, wrong)
	}
}

// The board is drawn in place as it changes, until somebody presses q.
func TestScreenIsLive(t *testing.T) {
	keys, press := io.Pipe()
	began, shown := make(chan struct{}), make(chan struct{})
	first := &samples.Output{Want: "5,000,000", Came: func() { close(began) }}
	second := &samples.Output{Want: "5,000,001", Came: func() { close(shown) }}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	boards := func(yield func(*codec.Board, error) bool) {
		one, two := forumBoard(), forumBoard()
		two.Counted++
		if !yield(one, nil) {
			return
		}
		select {
		case <-began:
			yield(two, nil)
		case <-ctx.Done():
		}
		<-ctx.Done()
		yield(nil, ctx.Err())
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
	err := showScreen(stop, keys, io.MultiWriter(first, second), boards, func() string { return "" }, screen{layout: drawn(t, 0, 0, termenv.Ascii)})
	require.ErrorIs(t, err, context.Canceled)
	select {
	case <-shown:
	default:
		t.Error("the second board was not drawn")
	}
	// The last screen stays in the terminal.
	_, left, _ := strings.Cut(second.String(), ansi.ResetAltScreenSaveCursorMode)
	assert.Contains(t, left, "5,000,001")
}

func TestScreen(t *testing.T) {
	var s tea.Model = screen{layout: drawn(t, 0, 0, termenv.Ascii), notes: demoNotes}
	assert.Contains(t, s.View(), "Waiting for a board")
	assert.Contains(t, s.View(), "http://127.0.0.1:8080/forum/")
	s, _ = s.Update(waitingFor("Waiting for board x"))
	assert.Contains(t, s.View(), "Waiting for board x")
	s, _ = s.Update(forumBoard())
	for _, size := range [][2]int{{80, 24}, {40, 8}, {200, 60}} { // the terminal becomes smaller, and larger
		s, _ = s.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		lines := strings.Split(s.View(), "\n")
		assert.LessOrEqual(t, len(lines), size[1])
		for _, line := range lines {
			assert.LessOrEqual(t, ansi.StringWidth(line), size[0])
		}
		assert.Contains(t, lines[0], "5,000,000")
	}
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

func TestPrintNewestPrintsTheLast(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	boards := func(yield func(*codec.Board, error) bool) {
		for v := uint64(1); v <= 100; v++ {
			if !yield(&codec.Board{Board: "b", Version: v, Counted: v}, nil) {
				return
			}
		}
		cancel()
		yield(nil, ctx.Err())
	}
	var out bytes.Buffer
	require.ErrorIs(t, printNewest(ctx, &out, boards, usualWeights(t), time.Hour), context.Canceled)
	assert.Contains(t, out.String(), "b, 100 behaviours")
	assert.LessOrEqual(t, strings.Count(out.String(), "counted"), 2)
}
