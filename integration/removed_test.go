package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// TestForgottenPagesLeaveFinalBoards: boards of past periods that name a page are published again without it, also if
// nobody owns the ranking when the page is forgotten, or its owner is killed. A page that is let in again stays on later ones.
func TestForgottenPagesLeaveFinalBoards(t *testing.T) {
	everywhere(t, forgottenPagesLeaveFinalBoards)
}

func forgottenPagesLeaveFinalBoards(t *testing.T, site *harness.Site) {
	const partitions = 2
	p := newPipeline(t, site, partitions)
	const definition = "days kind=calendar calendar=day size=5"
	day := func(ago int) time.Time { return time.Now().UTC().Add(-time.Duration(ago) * 24 * time.Hour) }
	key := func(ago int) string { return "days/" + day(ago).Format(time.DateOnly) }
	send := func(ago int, pages ...int) {
		var records []*kgo.Record
		for _, page := range pages {
			for q := range int32(partitions) { // the earliest timestamps of both partitions are in the past
				records = append(records, &kgo.Record{Topic: site.Input, Partition: q, Timestamp: day(ago), Value: fmt.Appendf(nil, "/page%d|%d|1|0", page, 10-page)})
			}
		}
		kafkatest.ProduceRecords(t, site.Cluster, records...)
	}
	recount := func(ago int, flags ...string) []string {
		return append([]string{"recount", "--boards", definition, "--board", key(ago)}, flags...)
	}
	board := func(ago int) (b *codec.Board, pages string) {
		t.Helper()
		b, err := codec.DecodeBoard([]byte(strings.TrimSpace(site.Must("top", "--once", "--json", "--board", key(ago)))))
		require.NoError(t, err)
		for i, one := range b.Pages {
			assert.Equal(t, i+1, one.Rank)
			pages += strings.TrimPrefix(one.Page, "/page")
		}
		return b, pages
	}
	shows := func(ago, removed int, want string) *codec.Board {
		t.Helper()
		require.Eventually(t, func() bool {
			b, pages := board(ago)
			return pages == want && b.Removed == removed
		}, harness.Within, 50*time.Millisecond, want)
		b, _ := board(ago)
		return b
	}
	publish := func(ago int) {
		t.Helper()
		require.Eventually(t, func() bool { return site.Command(recount(ago, "--publish")...).Code == 0 }, harness.Within, 200*time.Millisecond,
			"once the ranking has closed the period")
	}

	send(4, 1, 2, 3, 4, 5, 6, 7)
	send(3, 1, 3, 7)
	send(2, 4, 5)
	heat := site.Start("heat", "--board", definition, "--roles", "ingest,heat")
	rank := func(name string) *harness.Instance {
		return site.Start(name, "--board", definition, "--roles", "rank")
	}
	first := rank("first")
	publish(4)
	publish(3)
	publish(2)
	first4, pages := board(4)
	require.Equal(t, "12345", pages)
	_, pages = board(3)
	require.Equal(t, "137", pages)

	site.Must("forget", "/page1")
	one := shows(4, 1, "2345")
	assert.Greater(t, one.Version, first4.Version)
	assert.Equal(t, first4.Offsets, one.Offsets)
	assert.Equal(t, first4.Counted, one.Counted)
	assert.True(t, one.Final)
	shows(3, 1, "37")

	require.NoError(t, first.Kill())
	site.Must("forget", "/page3", "--block")
	site.Must("forget", "/page7") // not on each of the boards
	second := rank("second")
	shows(4, 2, "245")
	shows(3, 3, "")

	site.Must("forget", "/page2") // killed at any time, the ranking has published the boards or not
	require.NoError(t, second.Kill())
	third := rank("third")
	last := shows(4, 3, "45")
	site.Must(recount(4, "--compare")...)
	assert.Contains(t, site.Must(recount(3, "--compare")...), "all 0 pages are exact")

	// Behaviours since then count: a board with them has the requests in.
	send(5, 1, 2, 3, 6)
	publish(5)
	later := shows(5, 0, "126")
	stopped(t, third)
	fourth := rank("fourth")
	send(0, 1) // its first board is published when it has searched the output, or before
	site.Must("forget", "/page6")
	shows(5, 1, "12")
	again, _ := board(4)
	assert.Equal(t, last.Version, again.Version, "nothing is published twice")
	again, pages = board(2)
	assert.Equal(t, "45", pages)
	assert.Zero(t, again.Removed)
	assert.NotEmpty(t, later.Forgotten)
	site.Must(recount(5, "--compare")...)

	events, err := p.boards.Covering(within(t), key(4), nil)
	require.NoError(t, err)
	assert.Len(t, events, 4, "once, and once for each page")
	stopped(t, fourth, heat)
}
