package events_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
	"pageheat/events"
	"pageheat/failure"
)

func rules(t require.TestingT, change func(*events.Settings)) events.Rules {
	s := events.DefaultSettings()
	if change != nil {
		change(&s)
	}
	r, err := s.Rules()
	require.NoError(t, err)
	return r
}

// step is a board, written as its pages, at a second; or the end of the board.
type step struct {
	at    int
	pages string
	key   string // "today" if empty
	basis string
	final bool
	ended bool
	older bool // its version is that of the first step
	want  string
}

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func board(key, pages string, version uint64, at time.Time) *codec.Board {
	b := &codec.Board{Board: key, Version: version, UpdatedAt: at}
	for i, page := range strings.Fields(pages) {
		b.Pages = append(b.Pages, codec.BoardPage{Rank: i + 1, Page: page, Heat: "1", Clicks: "1", Minutes: "0", Likes: "0", Behaviours: 1})
	}
	return b
}

// take gives a board to a follower as the output has it.
func take(t require.TestingT, f *events.Follower, b *codec.Board) []codec.Event {
	value, err := codec.EncodeBoard(b)
	require.NoError(t, err)
	got, err := f.Record(b.Board, value, header(1))
	require.NoError(t, err)
	return got
}

// header is the header of a board of ten pages that is ordered by something.
func header(order byte) []byte { return headerOf(order, 10) }

func headerOf(order byte, top int) []byte {
	return codec.AppendOrigin(nil, codec.Origin{Group: "rank", Definition: codec.Definition{Order: [8]byte{order}, Top: top}})
}

func line(e codec.Event) string {
	text := fmt.Sprintf("%s %s %d->%d", e.Page, e.Kind, e.PreviousRank, e.Rank)
	switch e.Kind {
	case codec.TookRank1:
		text += " from " + e.PreviousLeader
	case codec.Rose:
		text += fmt.Sprintf(" by %d from %d since %d", e.Places, e.FromRank, int(e.Since.Sub(begin).Seconds()))
	}
	return text
}

func lines(all []codec.Event) string {
	var texts []string
	for _, e := range all {
		texts = append(texts, line(e))
	}
	return strings.Join(texts, ", ")
}

func TestWhatHappened(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*events.Settings)
		steps  []step
	}{
		"the first board has no events": {nil, []step{{pages: "a b c"}, {at: 1, pages: "a b c"}}},
		"an empty first board is a board": {nil, []step{{pages: ""}, {at: 1, pages: "a b",
			want: "a entered 0->1, a took-rank-1 0->1 from , b entered 0->2"}}},
		"entered and left": {nil, []step{{pages: "a b c"}, {at: 1, pages: "a d b", want: "c left 3->0, d entered 0->2"}}},
		"all left":         {nil, []step{{pages: "a b"}, {at: 1, pages: "", want: "a left 1->0, b left 2->0"}}},
		"took rank 1":      {nil, []step{{pages: "a b"}, {at: 1, pages: "b a", want: "b took-rank-1 2->1 from a"}}},
		"entered at rank 1": {nil, []step{{pages: "a b"}, {at: 1, pages: "c a",
			want: "b left 2->0, c entered 0->1, c took-rank-1 0->1 from a"}}},
		"the leader left": {nil, []step{{pages: "a b"}, {at: 1, pages: "b", want: "a left 1->0, b took-rank-1 2->1 from a"}}},
		"only the kinds that are wanted": {func(s *events.Settings) { s.EventsKinds = []string{"took-rank-1"} },
			[]step{{pages: "a b c d"}, {at: 1, pages: "d e b", want: "d took-rank-1 4->1 from a"}}},
		"rose at once": {nil, []step{{pages: "a b c d e"}, {at: 1, pages: "a d b c e"}, {at: 2, pages: "a d e b c"},
			{at: 3, pages: "a e d b c", want: "e rose 3->2 by 3 from 5 since 2"}}},
		"rose and took rank 1": {nil, []step{{pages: "a b c d"}, {at: 1, pages: "d a b c", want: "d took-rank-1 4->1 from a, d rose 4->1 by 3 from 4 since 1"}}},
		"rose slowly, within the time": {nil, []step{{pages: "a b c d e"}, {at: 1, pages: "a b c e d"}, {at: 300, pages: "a b e c d"},
			{at: 601, pages: "a e b c d", want: "e rose 3->2 by 3 from 5 since 1"}}},
		"rose too slowly": {nil, []step{{pages: "a b c d e"}, {at: 1, pages: "a b c e d"}, {at: 300, pages: "a b e c d"},
			{at: 602, pages: "a e b c d"}}},
		"fell and rose": {nil, []step{{pages: "a b c d e"}, {at: 1, pages: "b c d e a", want: "b took-rank-1 2->1 from a"},
			{at: 500, pages: "b a c d e", want: "a rose 5->2 by 3 from 5 since 500"}}},
		"a lower place that it held for long counts until it left it": {nil, []step{{pages: "a b c d"}, {at: 5000, pages: "d a b c",
			want: "d took-rank-1 4->1 from a, d rose 4->1 by 3 from 4 since 5000"}}},
		"one rise within the time": {nil, []step{{pages: "a b c d e"}, {at: 1, pages: "a e b c d", want: "e rose 5->2 by 3 from 5 since 1"},
			{at: 2, pages: "e a b c d", want: "e took-rank-1 2->1 from a"}, {at: 3, pages: "a b c d e", want: "a took-rank-1 2->1 from e"},
			{at: 601, pages: "a e b c d"}, {at: 602, pages: "a b c d e"}, {at: 603, pages: "a e b c d", want: "e rose 5->2 by 3 from 5 since 603"}}},
		"two places with a rise of two": {func(s *events.Settings) { s.EventsRise = 2 },
			[]step{{pages: "a b c"}, {at: 1, pages: "a c b"}, {at: 2, pages: "c a b", want: "c took-rank-1 2->1 from a, c rose 2->1 by 2 from 3 since 1"}}},
		"a page that was away begins anew": {nil, []step{{pages: "a b c d e"}, {at: 1, pages: "a b c e d"}, {at: 2, pages: "a b c d", want: "e left 4->0"},
			{at: 3, pages: "a e b c", want: "d left 4->0, e entered 0->2"}}},
		"a late board of another owner": {nil, []step{{pages: "a b"}, {at: 1, pages: "b a", want: "b took-rank-1 2->1 from a"},
			{at: 2, pages: "x y", older: true}, {at: 3, pages: "b a"}}},
		"a clock that went back": {nil, []step{{at: 100, pages: "a b c d"}, {at: 1, pages: "a c b d"},
			{at: 2, pages: "d a c b", want: "d took-rank-1 4->1 from a, d rose 4->1 by 3 from 4 since 100"}}},
		"another definition": {nil, []step{{pages: "a b", basis: "1"}, {at: 1, pages: "x y", basis: "2"},
			{at: 2, pages: "y x", basis: "2", want: "y took-rank-1 2->1 from x"}}},
		"a deleted board": {nil, []step{{pages: "a b"}, {ended: true}, {at: 1, pages: "x y"}, {at: 2, pages: "y x", want: "y took-rank-1 2->1 from x"}}},
		"a final board":   {nil, []step{{pages: "a b", key: "today/2026-01-02", final: true}, {pages: "x", key: "today/2026-01-02", final: true}}},
		"boards apart": {nil, []step{{pages: "a b"}, {pages: "b a", key: "today/sport"}, {at: 1, pages: "b a", want: "b took-rank-1 2->1 from a"},
			{at: 1, pages: "a b", key: "today/sport", want: "a took-rank-1 2->1 from b"}}},
		"only the boards that are wanted": {func(s *events.Settings) { s.EventsBoards = []string{"other", "today/.*"} },
			[]step{{pages: "a b"}, {pages: "b a"}, {pages: "a b", key: "today/sport"}, {pages: "b a", key: "today/sport", want: "b took-rank-1 2->1 from a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			f, kept := events.NewFollower(rules(t, test.change)), stored{}
			for i, s := range test.steps {
				key := s.key
				if key == "" {
					key = "today"
				}
				if s.ended {
					got, err := f.Record(key, nil, nil)
					require.NoError(t, err)
					assert.Empty(t, got)
					continue
				}
				version := uint64(i + 1)
				if s.older {
					version = 1
				}
				b := board(key, s.pages, version, begin.Add(time.Duration(s.at)*time.Second))
				b.Final = s.final
				b.DefinitionHash = s.basis
				got := take(t, f, b)
				assert.Equal(t, s.want, lines(got), "step %d", i)
				f = kept.restored(t, f, rules(t, test.change)) // events are the same after a take-over at any step
				for _, e := range got {
					assert.Equal(t, version, e.Version)
					assert.Less(t, e.PreviousVersion, version)
					assert.Equal(t, key, e.Board)
					_, err := codec.EncodeEvent(&e)
					assert.NoError(t, err)
				}
			}
		})
	}
}

// stored is what followers have stored, as in the table.
type stored map[string][]byte

// restored returns a follower with what f and those before it have stored.
func (s stored) restored(t require.TestingT, f *events.Follower, r events.Rules) *events.Follower {
	for _, c := range f.Changes() {
		if c.Trail == nil {
			delete(s, c.Board)
		} else {
			s[c.Board] = codec.AppendTrail(nil, c.Trail)
		}
	}
	next := events.NewFollower(r)
	for board, value := range s {
		trail, err := codec.DecodeTrail(value)
		require.NoError(t, err)
		next.Restore(board, trail)
	}
	return next
}

// TestMorePagesOnTheBoardOfAllTime: they did not enter, and there was no room for them before.
func TestMorePagesOnTheBoardOfAllTime(t *testing.T) {
	f := events.NewFollower(rules(t, nil))
	for i, b := range []struct {
		top      int
		pages    string
		happened bool
	}{{2, "a b", false}, {4, "a b c d", false}, {4, "b a c d", true}, {1, "b", false}} {
		value, err := codec.EncodeBoard(board("all-time", b.pages, uint64(i+1), begin))
		require.NoError(t, err)
		got, err := f.Record("all-time", value, headerOf(1, b.top))
		require.NoError(t, err)
		assert.Equal(t, b.happened, len(got) > 0, "board %d: %s", i, lines(got))
	}
}

// TestEventsSayWhatAPageIsCalled, as the board does; of a page that left it says nothing.
func TestEventsSayWhatAPageIsCalled(t *testing.T) {
	rules, err := events.DefaultSettings().Rules()
	require.NoError(t, err)
	f := events.NewFollower(rules)
	take(t, f, board("today", "a b", 1, begin))
	b := board("today", "c a", 2, begin)
	b.Pages[0].Title, b.Pages[0].URL = "Two \"cats\"", "https://forum.example/c"
	got := take(t, f, b)
	require.Len(t, got, 3)
	for i, e := range got {
		value, err := codec.EncodeEvent(&e)
		require.NoError(t, err)
		read, err := codec.DecodeEvent(value)
		require.NoError(t, err)
		if e.Kind == codec.Left {
			assert.NotContains(t, string(value), "title")
			continue
		}
		assert.Equal(t, []string{"Two \"cats\"", "https://forum.example/c"}, []string{read.Title, read.URL}, i)
	}
}

// TestABoardThatIsMadeOfSomethingElseBeginsAnew: of another definition, or of another period.
func TestABoardThatIsMadeOfSomethingElseBeginsAnew(t *testing.T) {
	f := events.NewFollower(rules(t, nil))
	for i, b := range []struct {
		order        byte
		hash, period string
		pages        string
		happened     bool
	}{
		{1, "", "", "a b", false}, {1, "", "", "b a", true}, {2, "", "", "a b", false}, {2, "", "", "b a", true},
		{2, "x", "", "a b", false}, {1, "x", "", "b a", true}, {1, "y", "", "a b", false},
		{1, "y", "2026-01-02", "b a", false}, {1, "y", "2026-01-02", "a b", true}, {1, "y", "2026-01-03", "b a", false},
	} {
		next := board("today", b.pages, uint64(i+1), begin)
		next.DefinitionHash, next.Period = b.hash, b.period
		value, err := codec.EncodeBoard(next)
		require.NoError(t, err)
		got, err := f.Record("today", value, header(b.order))
		require.NoError(t, err)
		assert.Equal(t, b.happened, len(got) > 0, "board %d: %s", i, lines(got))
	}
}

// TestRecordsOfOthersAreRefused: they change nothing, but for those of a newer program, which end the follower.
func TestRecordsOfOthersAreRefused(t *testing.T) {
	value, err := codec.EncodeBoard(board("today", "a b", 1, begin))
	require.NoError(t, err)
	newer := header(1)
	newer[0] = 200
	for name, test := range map[string]struct {
		key              string
		value, positions []byte
		says             string
		foreign          bool
	}{
		"no board":     {"today", []byte("hello"), header(1), "reading the board", true},
		"other key":    {"hour", value, header(1), `the board "today" has the key "hour"`, true},
		"no header":    {"today", value, nil, "pageheat.positions", true},
		"newer header": {"today", value, newer, "version", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := events.NewFollower(rules(t, nil))
			_, err := f.Record(test.key, test.value, test.positions)
			require.ErrorContains(t, err, test.says)
			assert.Equal(t, test.foreign, errors.Is(err, events.ErrForeign))
			assert.True(t, test.foreign || failure.As(err) != nil, "no second try mends it")
			assert.Empty(t, f.Changes())
		})
	}
}

// TestRisesAreThoseOfTheWholeHistory compares with a follower that keeps every board.
func TestRisesAreThoseOfTheWholeHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const places, within = 2, 20
		r := rules(t, func(s *events.Settings) { s.EventsRise, s.EventsRiseWithin = places, within*time.Second })
		f, kept := events.NewFollower(r), stored{}
		type seen struct {
			at    int
			pages []string
		}
		var all []seen
		rose := map[string]int{}
		at := 0
		for version := range rapid.IntRange(2, 25).Draw(t, "boards") {
			pages := rapid.Permutation([]string{"a", "b", "c", "d", "e", "f"}).Draw(t, "pages")[:rapid.IntRange(4, 6).Draw(t, "size")]
			at += rapid.IntRange(0, 8).Draw(t, "seconds")
			var got, want []string
			for _, e := range take(t, f, board("today", strings.Join(pages, " "), uint64(version+1), begin.Add(time.Duration(at)*time.Second))) {
				if e.Kind == codec.Rose {
					got = append(got, line(e))
				}
			}
			for i, page := range pages {
				lowest, since, previous := 0, 0, 0
				later := at
				for back := len(all) - 1; back >= 0 && later >= at-within; back-- {
					rank := slices.Index(all[back].pages, page) + 1
					if rank == 0 {
						break // it was away
					}
					if back == len(all)-1 {
						previous = rank
					}
					if rank > lowest {
						lowest, since = rank, later
					}
					later = all[back].at
				}
				if len(all) > 0 && !slices.Contains(all[len(all)-1].pages, page) {
					delete(rose, page)
				}
				last, any := rose[page]
				if previous > i+1 && lowest-(i+1) >= places && (!any || at-last > within) {
					rose[page] = at
					want = append(want, fmt.Sprintf("%s rose %d->%d by %d from %d since %d", page, previous, i+1, lowest-(i+1), lowest, since))
				}
			}
			all = append(all, seen{at, pages})
			assert.Equal(t, want, got, "board %d", version)
			if rapid.Bool().Draw(t, "restored") {
				f = kept.restored(t, f, r)
			}
		}
	})
}
