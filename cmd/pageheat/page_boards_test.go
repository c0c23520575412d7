package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/boards"
	"pageheat/boards/boardsettings"
	"pageheat/codec"
	"pageheat/heat"
)

// TestPageOnBoards shows what a page has on the boards that the table counts for, as of their time: the heat where the
// command knows the weights.
func TestPageOnBoards(t *testing.T) {
	t.Parallel()
	c := newCounted(t, "/a|3|0.5|1", "/b|1|0|0")
	hour := "hour kind=window window=1h step=1m size=3 weight-clicks=2"
	defined, err := boardsettings.Parse([]string{hour, "new kind=trending half-life=1h"}, boardsettings.Defaults{Size: 10, Weights: heat.DefaultWeightSettings()})
	require.NoError(t, err)
	asOf := boards.MinuteOf(time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC))
	p, states := c.progress, []byte(nil)
	for i, d := range defined {
		b, err := boards.New(d)
		require.NoError(t, err)
		p.Boards = append(p.Boards, codec.BoardProgress{Number: uint64(i), Name: d.Name, Counting: d.CountingHash(), Definition: d.Counting(), AsOf: asOf})
		if i > 0 {
			continue // nothing of the page is on it
		}
		var state boards.State
		sum := *c.pages["/a"]
		state.Add(b, b.Place(asOf-30), &sum)
		state.Add(b, b.Place(asOf-60), &sum) // it has left
		states = codec.AppendBoardState(codec.AppendPageBoards(nil, c.pages["/a"], 1), 0, &state)
	}
	p.NextBoard = uint64(len(p.Boards))
	c.produce(c.topo.HeatTable, "/a", states)
	c.commit(p)

	code, out, log := c.run("page", "/a", "--json")
	require.Equal(t, exitDone, code, log)
	assert.JSONEq(t, `{"page":"/a","heat":3.8,"clicks":3,"minutes":0.5,"likes":1,"behaviours":1,"boards":{
		"hour":{"as_of":"2026-01-02T03:04:00Z","clicks":3,"minutes":0.5,"likes":1,"behaviours":1},
		"new":{"as_of":"2026-01-02T03:04:00Z","clicks":0,"minutes":0,"likes":0,"behaviours":0}}}`, out)
	code, out, log = c.run("page", "/a", "--json", "--boards", hour, "--boards", "new kind=trending half-life=2h")
	require.Equal(t, exitDone, code, log)
	assert.Contains(t, out, `"hour":{"as_of":"2026-01-02T03:04:00Z","heat":7.4,`)
	assert.Contains(t, out, `"new":{"as_of":"2026-01-02T03:04:00Z","clicks":0,`, "it is defined to count otherwise")
	code, out, log = c.run("page", "/a", "--boards", hour)
	require.Equal(t, exitDone, code, log)
	assert.Regexp(t, `(?m)^  heat +=? ?.*3.8$`, out)
	assert.Regexp(t, `(?m)^  BOARD +AS OF +HEAT +CLICKS +MINUTES +LIKES +BEHAVIOURS$`, out)
	assert.Regexp(t, `(?m)^  hour +2026-01-02 03:04 UTC +7.4 +3 +0.5 +1 +1$`, out)
	assert.Regexp(t, `(?m)^  new +2026-01-02 03:04 UTC +- +0 +0 +0 +0$`, out)
	code, _, log = c.run("page", "/a", "--boards", "hour kind=window")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, log, "window")
}
