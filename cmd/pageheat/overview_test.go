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

// TestOverview: what operators are shown is what is in Kafka.
func TestOverview(t *testing.T) {
	tab := browser.Open(t)
	p, address := forum(t)
	client, err := p.connect(t.Context(), kgo.DefaultProduceTopic(p.topo.Input))
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
			state.DeadLetters.Total == 2 && node(p.topo.IngestGroup).Records == 4 && node(p.topo.HeatGroup).GroupState == "Stable"
	}, 40*time.Second, 300*time.Millisecond, "%+v", &state)

	assert.EqualValues(t, 4, node(p.topo.Input).Records)
	require.NotNil(t, node(p.topo.IngestGroup).Lag)
	assert.Zero(t, *node(p.topo.IngestGroup).Lag)
	assert.Nil(t, node(p.topo.HeatGroup).Lag, "its progress is in its table")
	assert.EqualValues(t, 2, node(p.topo.DeadLetter).Records)
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
	tab.Until(`!document.getElementById('flow').hidden && document.querySelectorAll('#flow-rows tr').length === ` + "10")
	tab.Until(`[...document.querySelectorAll('#refused code')].some((n) => n.textContent === '<b>nonsense')`)
	tab.Until(`document.getElementById('refused-note').textContent.startsWith('2 in all')`)
	// All of the input is on the board.
	tab.Until(`[...document.querySelectorAll('#flow-rows tr')][0].children[3].textContent === '0'`)
	tab.Until(`document.documentElement.scrollWidth <= innerWidth`)
	tab.Do(`document.getElementById('flow').scrollIntoView()`)
	tab.Keep("overview")
	require.Empty(t, tab.Wrong())
}
