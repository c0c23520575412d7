package main

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"pageheat/codec"
	"pageheat/overview"
)

// TestBoardsCommand lists what is in the output.
func TestBoardsCommand(t *testing.T) {
	t.Parallel()
	c := newCounted(t, "/a|1|0.5|1")
	for _, topic := range []string{c.topo.Output, c.topo.Leaders} {
		_, err := kadm.NewClient(c.client).CreateTopic(t.Context(), 1, 1, nil, topic)
		require.NoError(t, err)
	}
	code, out, log := c.run("boards")
	require.Equal(t, exitDone, code, log)
	assert.Empty(t, out)
	assert.Contains(t, log, "there are no boards yet")
	code, out, log = c.run("boards", "--json")
	require.Equal(t, exitDone, code, log)
	assert.JSONEq(t, `{"boards":[]}`, out)

	board, err := codec.EncodeBoard(&codec.Board{Board: "day", Version: 3, Kind: "calendar", AsOf: time.Now(), UpdatedAt: time.Now(),
		Definition: []byte(`{"kind":"calendar","size":5,"calendar":"day"}`), DefinitionHash: "h"})
	require.NoError(t, err)
	c.produce(c.topo.Output, "day", board)
	code, out, log = c.run("boards")
	require.Equal(t, exitDone, code, log)
	assert.Regexp(t, `(?m)^BOARD +KIND +AS OF +SIZE +SINCE +LATE +GROUPS +FINAL +WAITS FOR$`, out)
	assert.Regexp(t, `(?m)^day +calendar day +\d\d:\d\d UTC +5 +- +0 +- +- +no heat partition has sent leaders`, out)

	code, _, log = c.run("boards", "day")
	assert.Equal(t, exitUsage, code, log)
	code, _, log = c.run("boards", "--output", "missing")
	assert.Equal(t, exitFailed, code, log)
	assert.Contains(t, log, "missing")
}

// TestBoardsFitTerminals of any width, whatever boards are called.
func TestBoardsFitTerminals(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	boards := []overview.ListedBoard{
		{Name: codec.AllTime, Kind: codec.AllTime, Version: 1, UpdatedAt: now, Size: 10},
		{Name: "last-24-hours", Kind: "window", Version: 2, AsOf: now.AddDate(0, 0, -1), Size: 20, Late: 1_234_567, Groups: 12, FinalPeriods: 400,
			Since: codec.NewOffsets([]int64{1_500_000, 1_500_001, 7}), Definition: []byte(`{"window":"24h"}`), WaitsFor: []overview.Wait{
				{Reason: overview.ReasonUnknown, Detail: "the owner of heat partition 1 does not know it: restart instances that have other settings"},
				{Reason: overview.ReasonTurn, Detail: "heat partition 0 is not as of the time of the others yet"}}},
		{Name: "new", WaitsFor: []overview.Wait{{Reason: overview.ReasonRanking, Detail: "the ranking\x1b[31m"}}},
	}
	for _, width := range []int{0, 40, 80, 110, 140, 200} {
		var out strings.Builder
		require.NoError(t, listBoards(&out, boards, width, now))
		text := out.String()
		assert.NotContains(t, text, "\x1b")
		for _, want := range []string{"all-time", "03:04 UTC", "2026-01-01 03:04 UTC", "window 24h", "0:1500000,…", "not yet", "400", "does not know it", "the ranking"} {
			assert.Contains(t, strings.Join(strings.Fields(text), " "), want, "%d columns", width)
		}
		for i, line := range strings.Split(text, "\n") {
			if width >= 110 || width > 0 && strings.HasPrefix(line, "  ") {
				assert.LessOrEqual(t, ansi.StringWidth(line), width, "line %d of %d columns: %s", i, width, line)
			}
			assert.Equal(t, strings.TrimRight(line, " "), line)
		}
	}
}
