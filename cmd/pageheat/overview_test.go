package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/browser"
	"pageheat/overview"
)

// settled reports whether a node has worked off everything, as far as it is known.
func settled(n overview.Node) bool { return n.Lag != nil && *n.Lag == 0 }

// is reports whether a number is known and the given one.
func is(want int64, n *int64) bool { return n != nil && *n == want }

// TestOverview: what operators are shown is what is in Kafka.
func TestOverview(t *testing.T) {
	tab := browser.Open(t)
	p, address := runForum(t)
	client, err := p.kafka.Client("test", kgo.DefaultProduceTopic(p.topo.Input))
	require.NoError(t, err)
	defer client.Close()
	for _, message := range []string{"/a|1|0|0", "/a|1|0|0", "<b>nonsense", "/b|-1|0|0"} {
		require.NoError(t, client.ProduceSync(t.Context(), kgo.StringRecord(message)).FirstErr())
	}
	var state overview.State
	node := func(name string) overview.Node {
		i := slices.IndexFunc(state.Flow, func(n overview.Node) bool { return n.Name == name })
		require.GreaterOrEqual(t, i, 0, name)
		return state.Flow[i]
	}
	require.Eventually(t, func() bool {
		answer, err := http.Get(address + "/api/v1/overview")
		require.NoError(t, err)
		defer answer.Body.Close()
		state = overview.State{}
		return answer.StatusCode == http.StatusOK && json.NewDecoder(answer.Body).Decode(&state) == nil &&
			is(2, state.DeadLetters.Total) && is(4, node(p.topo.IngestGroup).Records) && node(p.topo.HeatGroup).GroupState == "Stable" &&
			settled(node(p.topo.Input)) && settled(node(p.topo.HeatGroup)) && settled(node(p.topo.RankGroup))
	}, 40*time.Second, 300*time.Millisecond, "%+v", &state)

	assert.EqualValues(t, 4, *node(p.topo.Input).Records)
	for _, name := range []string{p.topo.Input, p.topo.IngestGroup, p.topo.HeatGroup, p.topo.RankGroup} {
		require.NotNil(t, node(name).Lag, name)
		assert.Zero(t, *node(name).Lag, name)
	}
	for _, name := range []string{p.topo.Input, p.topo.IngestGroup, p.topo.HeatGroup} {
		for _, partition := range node(name).Partitions {
			require.NotNil(t, partition.Lag, name)
			assert.Zero(t, *partition.Lag, name)
		}
	}
	heat, ranges := node(p.topo.HeatGroup), node(p.topo.Behavior)
	assert.Equal(t, ranges.Records, heat.Records, "all ranges are applied")
	assert.Len(t, node(p.topo.RankGroup).Behind, 3)
	assert.Nil(t, node(p.topo.Output).Lag)
	assert.True(t, slices.ContainsFunc(state.Edges, func(e overview.Edge) bool {
		return e.From == p.topo.HeatTable && e.To == p.topo.HeatGroup && e.Records == nil
	}), "reads of a table are not counted")
	edge := func(from, to string) int64 {
		i := slices.IndexFunc(state.Edges, func(e overview.Edge) bool { return e.From == from && e.To == to })
		require.GreaterOrEqual(t, i, 0, "%s to %s", from, to)
		require.NotNil(t, state.Edges[i].Records, "%s to %s", from, to)
		return *state.Edges[i].Records
	}
	assert.EqualValues(t, 4, edge(p.topo.Input, p.topo.IngestGroup))
	assert.EqualValues(t, 2, edge(p.topo.IngestGroup, p.topo.DeadLetter))
	assert.Equal(t, *heat.Records, edge(p.topo.Behavior, p.topo.HeatGroup))
	assert.Positive(t, edge(p.topo.Leaders, p.topo.RankGroup))
	for _, n := range state.Flow {
		assert.Equal(t, slices.Contains([]string{p.topo.DeadLetter, p.topo.HeatTable, p.topo.Forget, p.topo.RankTable}, n.Name), n.Beside, n.Name)
	}
	assert.EqualValues(t, 2, *node(p.topo.DeadLetter).Records)
	assert.Equal(t, []string{p.topo.IngestGroup}, node(p.topo.Behavior).From)
	for _, group := range []string{p.topo.IngestGroup, p.topo.HeatGroup} {
		of := node(group)
		require.Len(t, of.Members, 1)
		assert.Equal(t, []int32{0, 1, 2}, of.Members[0].Partitions)
		for i, partition := range of.Partitions {
			assert.EqualValues(t, i, partition.Partition)
			assert.Equal(t, of.Members[0].ID, partition.Owner)
		}
	}
	assert.Equal(t, map[string]int{"field-count": 1, "clicks-out-of-range": 1}, state.DeadLetters.Reasons)
	require.Len(t, state.DeadLetters.Samples, 2)
	messages := []string{state.DeadLetters.Samples[0].Message, state.DeadLetters.Samples[1].Message}
	assert.ElementsMatch(t, []string{"<b>nonsense", "/b|-1|0|0"}, messages)
	assert.NotEmpty(t, state.DeadLetters.Samples[0].Detail)

	tab.Go(address + "/")
	tab.Watch()
	tab.Until(`!document.getElementById('flow').hidden && document.querySelectorAll('#flow-rows tr').length === ` + "11")
	tab.Until(`[...document.querySelectorAll('#refused code')].some((n) => n.textContent === '<b>nonsense')`)
	tab.Until(`document.getElementById('refused-note').textContent.startsWith('2 in all')`)
	// All of the input is on the board.
	tab.Until(`[...document.querySelectorAll('#flow-rows tr')][0].children[3].textContent === '0'`)
	// The picture has each of them, but for requests to forget pages, and a rate on each edge, and says so in words.
	tab.Until(`document.querySelectorAll('#graph .box').length === 12 && document.querySelectorAll('#graph .edge').length === 11`)
	tab.Until(`[...document.querySelectorAll('#graph .rate')].every((n) => /^[0-9]/.test(n.textContent))`)
	tab.Until(`[...document.querySelectorAll('#graph-list li')].some((n) => /^` + p.topo.Input + ` to ` + p.topo.IngestGroup + `: [0-9.,]+ records a second$/.test(n.textContent))`)
	fits := `[...document.querySelectorAll('#graph .box')].every((n) => { const a = n.getBoundingClientRect(), b = document.getElementById('graph').getBoundingClientRect();
		return a.width > 0 && a.left >= b.left - 1 && a.right <= Math.min(b.right, innerWidth) + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1 })`
	tab.Until(fits)
	tab.Until(`document.documentElement.scrollWidth <= innerWidth`)
	tab.Do(`document.getElementById('flow').scrollIntoView()`)
	tab.Keep("overview")

	// In the dark, and on a telephone, where it goes from top to bottom.
	const ink = `getComputedStyle(document.querySelector('#graph .name-of')).fill`
	light := tab.Text(ink)
	tab.Scheme("dark")
	tab.Until(ink + ` !== '` + light + `'`)
	tab.Size(420, 844)
	tab.Until(`document.getElementById('graph').classList.contains('down')`)
	tab.Until(`document.querySelectorAll('#graph .box').length === 12 && document.documentElement.scrollWidth <= innerWidth`)
	tab.Until(fits)
	tab.Do(`document.getElementById('graph').scrollIntoView()`)
	tab.Keep("overview-narrow")
	// Names are broken between words alone, and nothing is cut.
	tab.Until(`[...document.querySelectorAll('#flow .node')].every((n) => [...n.childNodes].filter((part) => part.data)
		.every((part) => { const range = document.createRange(); range.selectNode(part); return range.getClientRects().length === 1; }))`)
	tab.Until(`[document.getElementById('flow'), ...document.querySelectorAll('#flow table, #flow tbody td, #flow tbody th')].every((n) => n.scrollWidth <= n.clientWidth + 1)`)
	tab.Until(`[...document.querySelectorAll('#flow .partition')].every((n) => n.getBoundingClientRect().right <= innerWidth)`)
	require.Empty(t, tab.Wrong())
}
