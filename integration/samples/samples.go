// Package samples has boards, totals and writers for the tests of several packages.
package samples

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
)

// Totals returns the sums of a page's behaviours.
func Totals(behaviours ...heat.Behaviour) heat.Totals {
	var t heat.Totals
	for _, b := range behaviours {
		t.Count(b)
	}
	return t
}

// Board returns the board "all-time" as the ranking publishes it, with the pages in the given
// order. It numbers their ranks.
func Board(t testing.TB, version, counted uint64, pages ...codec.BoardPage) []byte {
	t.Helper()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range pages {
		pages[i].Rank = i + 1
		pages[i].RankSince = now
	}
	raw, err := codec.EncodeBoard(&codec.Board{
		Board: "all-time", Version: version, UpdatedAt: now, Counted: counted,
		Offsets: codec.NewOffsets([]int64{int64(counted)}), Pages: pages,
	})
	require.NoError(t, err)
	return raw
}

// BoardPage returns a page for [Board].
func BoardPage(name string, heat codec.Decimal) codec.BoardPage {
	return codec.BoardPage{Page: name, Heat: heat, Clicks: "3", Minutes: "1.5", Likes: "1", Behaviours: 2}
}

// Output is a writer that keeps what is written, and calls Came once when Want appears in it.
// It is safe for concurrent use.
type Output struct {
	// Want and Came are set before the first write, or by Expect. Came may be nil.
	Want string
	Came func()

	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer; it never fails.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b)
	if o.Came != nil && strings.Contains(o.text.String(), o.Want) {
		o.Came()
		o.Came = nil
	}
	return len(b), nil
}

// Expect has came called once, as soon as want was written, which may be now.
func (o *Output) Expect(want string, came func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Want, o.Came = want, came
	if strings.Contains(o.text.String(), want) {
		o.Came()
		o.Came = nil
	}
}

// String returns everything that was written.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
