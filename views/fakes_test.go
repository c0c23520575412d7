package views

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
)

// totalsOf sums the behaviours of a page.
func totalsOf(behaviours ...heat.Behaviour) heat.Totals {
	var t heat.Totals
	for _, b := range behaviours {
		t.Count(b)
	}
	return t
}

// encodedBoard returns a board as the ranking publishes it, with the pages in the given order.
func encodedBoard(t testing.TB, version uint64, counted uint64, pages ...codec.BoardPage) []byte {
	t.Helper()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range pages {
		pages[i].Rank = i + 1
		pages[i].RankSince = now
	}
	raw, err := codec.EncodeBoard(&codec.Board{
		Board: DefaultBoard, Version: version, UpdatedAt: now, Counted: counted,
		Offsets: codec.NewOffsets([]int64{int64(counted)}), Pages: pages,
	})
	require.NoError(t, err)
	return raw
}

func boardPage(name string, heat codec.Decimal) codec.BoardPage {
	return codec.BoardPage{Page: name, Heat: heat, Clicks: "3", Minutes: "1.5", Likes: 1, Behaviours: 2}
}
