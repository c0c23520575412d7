package views

import (
	"fmt"
	"testing"
	"time"

	"github.com/lovoo/goka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
)

// offline returns boards that no topic is read for.
func offline(t *testing.T) *Boards {
	t.Helper()
	boards, err := NewBoards(Source{Brokers: []string{"x"}, Topic: "y"})
	require.NoError(t, err)
	return boards
}

// record has boards take a record.
func record(t *testing.T, boards *Boards, key string, value []byte) {
	t.Helper()
	require.NoError(t, boards.update(&goka.DefaultUpdateContext{}, nil, key, value), "no record ends a view")
}

func encoded(t *testing.T, board *codec.Board) []byte {
	t.Helper()
	value, err := codec.EncodeBoard(board)
	require.NoError(t, err)
	return value
}

func keys(boards *Boards) []string {
	var keys []string
	for _, b := range boards.All() {
		keys = append(keys, b.Key)
	}
	return keys
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestBoardsOfManyNames(t *testing.T) {
	boards := offline(t)
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	today := &codec.Board{Board: "today", Version: 7, Kind: "calendar", Period: "2026-01-02", AsOf: at, Late: 3,
		Offsets: codec.NewOffsets([]int64{5}), Pages: []codec.BoardPage{{Rank: 1, Page: "p", Heat: "1", Clicks: "1", Minutes: "0", Likes: "0"}}}
	record(t, boards, "today", encoded(t, today))
	record(t, boards, "today/sport", encoded(t, &codec.Board{Board: "today/sport", Version: 8}))
	require.Empty(t, boards.All(), "not before all has been read")
	boards.show()
	require.Equal(t, []string{"today", "today/sport"}, keys(boards))

	board, ok := boards.Newest("today")
	require.True(t, ok)
	head := *today
	head.Pages, head.Offsets = nil, nil
	require.Equal(t, head, board.Head)
	require.Equal(t, string(encoded(t, today)), string(board.Value))

	// Each has versions and changes of its own.
	one, other := boards.Changed("today"), boards.Changed("today/sport")
	require.Equal(t, one, boards.Changed("today"), "all who wait for a board wait for the same")
	record(t, boards, "today/sport", encoded(t, &codec.Board{Board: "today/sport", Version: 9}))
	require.True(t, closed(other))
	require.False(t, closed(one))
	record(t, boards, "today", encoded(t, &codec.Board{Board: "today", Version: 6}))
	require.False(t, closed(one), "an older version")
	record(t, boards, "today", nil)
	require.True(t, closed(one), "that it is deleted is a change")
	require.Equal(t, []string{"today/sport"}, keys(boards))
	_, ok = boards.Newest("today")
	require.False(t, ok)
	require.Empty(t, boards.waiting)

	for _, key := range []string{"", "a b", "today/", "today/a/b", "today/\u202e"} {
		record(t, boards, key, encoded(t, &codec.Board{Board: key + "x", Version: 1}))
		record(t, boards, key, []byte(`{"board":"`+key+`","version":1,"updated_at":"2026-01-02T03:04:05Z","pages":[]}`))
	}
	require.Equal(t, []string{"today/sport"}, keys(boards), "keys that no board has")
}

// A board that was deleted while its topic was not read is gone afterwards.
func TestBoardsDeletedUnseenAreForgotten(t *testing.T) {
	boards := offline(t)
	boards.begin()
	for _, key := range []string{"a", "b", "c"} {
		record(t, boards, key, encoded(t, &codec.Board{Board: key, Version: 5}))
	}
	boards.show()
	gone := boards.Changed("b")
	boards.begin()
	record(t, boards, "a", encoded(t, &codec.Board{Board: "a", Version: 5}))
	record(t, boards, "c", encoded(t, &codec.Board{Board: "c", Version: 4}))
	require.Equal(t, []string{"a", "b", "c"}, keys(boards), "what was read stays readable")
	boards.show()
	require.Equal(t, []string{"a", "c"}, keys(boards))
	require.True(t, closed(gone))
	boards.begin()
	boards.begin() // the first attempt failed
	record(t, boards, "a", encoded(t, &codec.Board{Board: "a", Version: 5}))
	boards.show()
	require.Equal(t, []string{"a"}, keys(boards))
	record(t, boards, "a", nil)
	require.Empty(t, keys(boards))
	require.Zero(t, boards.bytes)
}

func TestMemoryOfBoardsIsBounded(t *testing.T) {
	day := func(n int) codec.Board {
		return codec.Board{Final: true, AsOf: time.Unix(0, 0).AddDate(0, 0, n)}
	}
	t.Run("number", func(t *testing.T) {
		boards := offline(t)
		boards.show()
		const days = 1000
		for i := range maxBoards - days {
			require.NoError(t, boards.offer(Board{Key: fmt.Sprint(i), Version: 1}))
		}
		for i := range days {
			require.NoError(t, boards.offer(Board{Key: fmt.Sprint("day/", i), Version: 1, Head: day((i * 7) % days)}))
		}
		require.NoError(t, boards.offer(Board{Key: "day/new", Version: 1, Head: day(days)}), "the oldest make room")
		require.Len(t, boards.newest, maxBoards-days/2+1)
		for key, b := range boards.newest {
			assert.False(t, b.Head.Final && b.Head.AsOf.Before(day(days/2).AsOf), key)
		}
		for i := range days/2 - 1 {
			require.NoError(t, boards.offer(Board{Key: fmt.Sprint("more/", i), Version: 1}))
		}
		for i := range days/2 + 1 {
			require.NoError(t, boards.offer(Board{Key: fmt.Sprint("group/", i), Version: 1}))
		}
		err := boards.offer(Board{Key: "one more", Version: 1})
		require.ErrorContains(t, err, "50000 boards")
		require.NoError(t, boards.offer(Board{Key: "0", Version: 2}), "a known one is kept up")
	})
	t.Run("bytes", func(t *testing.T) {
		boards := offline(t)
		boards.show()
		large := make([]byte, maxBoardBytes/4-boardOverhead)
		require.NoError(t, boards.offer(Board{Key: "a", Version: 1, Value: large}))
		require.NoError(t, boards.offer(Board{Key: "day/1", Version: 1, Value: large, Head: day(1)}))
		require.NoError(t, boards.offer(Board{Key: "day/2", Version: 1, Value: large, Head: day(2)}))
		require.NoError(t, boards.offer(Board{Key: "b", Version: 1, Value: large}))
		require.NoError(t, boards.offer(Board{Key: "c", Version: 1, Value: large}))
		require.Equal(t, []string{"a", "b", "c", "day/2"}, keys(boards))
		require.NoError(t, boards.offer(Board{Key: "d", Version: 1, Value: large}))
		require.ErrorContains(t, boards.offer(Board{Key: "e", Version: 1, Value: large}), "4 boards of 268435456 bytes")
		require.NoError(t, boards.offer(Board{Key: "a", Version: 2, Value: large[:10]}))
		require.NoError(t, boards.offer(Board{Key: "e", Version: 1, Value: large[:10]}))
	})
}
