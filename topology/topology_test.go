package topology

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lovoo/goka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files of testdata again")

func mustNew(t *testing.T, c Config) *Topology {
	t.Helper()
	topo, err := New(c)
	require.NoError(t, err)
	return topo
}

func TestDefaultNamesAreTheContract(t *testing.T) {
	assert.Equal(t, &Topology{
		Prefix:      "pageheat",
		Input:       "user-behavior-topic",
		Behavior:    "pageheat-behavior",
		HeatTable:   "pageheat-heat-table",
		Leaders:     "pageheat-leaders",
		Forget:      "pageheat-forget",
		RankTable:   "pageheat-rank-table",
		Output:      "page-popularity-top10",
		DeadLetter:  "pageheat-dead-letter",
		IngestGroup: "pageheat-ingest",
		HeatGroup:   "pageheat-heat",
		RankGroup:   "pageheat-rank",
		Events:      "pageheat-events",
		AlertTable:  "pageheat-alert-table",
		AlertGroup:  "pageheat-alert",
		ReplayGroup: "pageheat-dead-letter-replay",
	}, mustNew(t, Config{}))
}

func TestPrefixIsInEveryNameOfOurOwn(t *testing.T) {
	topo := mustNew(t, Config{Prefix: "shop"})
	for _, name := range []string{
		topo.Behavior, topo.HeatTable, topo.Leaders, topo.Forget, topo.RankTable, topo.DeadLetter, topo.Events, topo.AlertTable,
		topo.IngestGroup, topo.HeatGroup, topo.RankGroup, topo.AlertGroup,
		topo.HeatTransactionalID(3), topo.RankTransactionalID(),
	} {
		assert.True(t, strings.HasPrefix(name, "shop-"), name)
	}
	assert.Equal(t, DefaultInput, topo.Input)
	assert.Equal(t, DefaultOutput, topo.Output)
	assert.Equal(t, "shop-heat-3", topo.HeatTransactionalID(3))
}

// TestEveryNameCanBeGiven: the other names follow from the prefix.
func TestEveryNameCanBeGiven(t *testing.T) {
	assert.Equal(t, &Topology{
		Prefix:      "eu.shop",
		Input:       "eu.clicks",
		Behavior:    "b",
		HeatTable:   "eu.heat-table",
		Leaders:     "l",
		Forget:      "f",
		RankTable:   "eu.rank-table",
		Output:      "eu.boards",
		DeadLetter:  "d",
		IngestGroup: "i",
		HeatGroup:   "eu.heat",
		RankGroup:   "eu.rank",
		Events:      "e",
		AlertTable:  "eu.alert-table",
		AlertGroup:  "eu.alert",
		HasEvents:   true,
		ReplayGroup: "d-replay",
	}, mustNew(t, Config{Prefix: "eu.shop", Input: "eu.clicks", Output: "eu.boards", BehaviorTopic: "b", LeadersTopic: "l",
		ForgetTopic: "f", DeadLetterTopic: "d", IngestGroup: "i", HeatGroup: "eu.heat", RankGroup: "eu.rank",
		Events: true, EventsTopic: "e", AlertGroup: "eu.alert"}))
	topo := mustNew(t, Config{Prefix: "eu.shop", LeadersTopic: "l"})
	assert.Equal(t, "eu.shop-behavior", topo.Behavior)
	assert.Equal(t, "eu.shop-heat-table", topo.HeatTable)
}

func TestTablesAreTheOnesThatGokaGivesTheGroups(t *testing.T) {
	topo := mustNew(t, Config{Prefix: "shop"})
	assert.Equal(t, string(goka.GroupTable(goka.Group(topo.HeatGroup))), topo.HeatTable)
	assert.Equal(t, string(goka.GroupTable(goka.Group(topo.RankGroup))), topo.RankTable)
	assert.Equal(t, string(goka.GroupTable(goka.Group(topo.AlertGroup))), topo.AlertTable)
}

func TestConfigRefusesWhatKafkaRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		config Config
		says   []string
	}{
		"slash":           {Config{Prefix: "a/b"}, []string{"prefix", "'/'"}},
		"letter":          {Config{Input: "größe"}, []string{"input", "'ö'"}},
		"dot":             {Config{Output: "."}, []string{"output", "must not be"}},
		"long":            {Config{Input: strings.Repeat("x", 250)}, []string{"input", "250", "249"}},
		"long with ends":  {Config{Prefix: strings.Repeat("x", 240)}, []string{"prefix", "249"}},
		"same twice":      {Config{Input: "a", Output: "a"}, []string{"output", `"a"`, "input"}},
		"ours":            {Config{Input: "pageheat-leaders"}, []string{"input", "prefix"}},
		"same in metrics": {Config{Input: "a.b", Output: "a_b"}, []string{"output", "a_b"}},
		"both wrong":      {Config{Input: "a b", Output: "c d"}, []string{"input", "output"}},
		"named one":       {Config{LeadersTopic: "a b"}, []string{"leaders-topic", "' '"}},
		"named twice":     {Config{DeadLetterTopic: "x", BehaviorTopic: "x"}, []string{"dead-letter-topic", `"x"`, "behavior-topic"}},
		"group's table":   {Config{HeatGroup: "g", Input: "g-table"}, []string{"input", `"g-table"`, "heat-group"}},
		"group":           {Config{IngestGroup: "a b"}, []string{"ingest-group", "' '"}},
		"group twice":     {Config{IngestGroup: "a.b", RankGroup: "a_b"}, []string{"rank-group", "ingest-group"}},
		"events":          {Config{Events: true, Output: "pageheat-events"}, []string{"prefix", `"pageheat-events"`, "output"}},
		"events' group":   {Config{Events: true, AlertGroup: "pageheat-rank"}, []string{"alert-group", `"pageheat-rank"`}},
		"events' id":      {Config{Events: true, HeatGroup: "g", AlertGroup: "g-7"}, []string{"alert-group", "transactional id"}},
		"group's id":      {Config{HeatGroup: "g", RankGroup: "g-7"}, []string{"rank-group", "transactional id"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(tc.config)
			require.Error(t, err)
			for _, s := range tc.says {
				assert.ErrorContains(t, err, s)
			}
		})
	}
	_, err := New(Config{Prefix: strings.Repeat("x", 249-len("-dead-letter")), Input: strings.Repeat("i", 249), Output: "A.b_c-9"})
	assert.NoError(t, err)
	_, err = New(Config{AlertGroup: "pageheat-rank"})
	assert.NoError(t, err, "there are no events")
}

func TestPrint(t *testing.T) {
	for _, format := range Formats() {
		t.Run(format, func(t *testing.T) { printsGolden(t, mustNew(t, Config{}), format, "topology."+format) })
	}
	t.Run("events", func(t *testing.T) { printsGolden(t, mustNew(t, Config{Events: true}), "text", "events.text") })
	assert.ErrorContains(t, mustNew(t, Config{}).Print(&bytes.Buffer{}, "svg"), "mermaid")
}

func printsGolden(t *testing.T, topo *Topology, format, name string) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, topo.Print(&b, format))
	golden := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(golden, b.Bytes(), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), b.String(), "go test ./topology -update writes it again")
}

// TestGraphValidation breaks the graph in one place at a time.
func TestGraphValidation(t *testing.T) {
	topo := mustNew(t, Config{})
	without := func(from, to string) func(*Graph) {
		return func(g *Graph) {
			for i, e := range g.Edges {
				if e == (Edge{from, to}) {
					g.Edges = append(g.Edges[:i], g.Edges[i+1:]...)
					return
				}
			}
		}
	}
	for name, tc := range map[string]struct {
		breakIt func(*Graph)
		says    string
	}{
		"no writer":        {without(topo.HeatGroup, topo.Leaders), "stream pageheat-leaders: no writer"},
		"no reader":        {without(topo.DeadLetter, outsideOperator), "stream pageheat-dead-letter: no reader"},
		"reads no stream":  {without(topo.Leaders, topo.RankGroup), "group pageheat-rank: it reads no stream"},
		"table not read":   {without(topo.HeatTable, topo.HeatGroup), "group pageheat-heat: it does not read its table"},
		"table not ours":   {without(topo.HeatGroup, topo.HeatTable), "table pageheat-heat-table: it must be written by its own group"},
		"edge to nowhere":  {func(g *Graph) { g.Edges = append(g.Edges, Edge{topo.Output, "x"}) }, "edge page-popularity-top10 -> x"},
		"topic to topic":   {func(g *Graph) { g.Edges = append(g.Edges, Edge{topo.Input, topo.Behavior}) }, "from a topic to a group"},
		"used twice":       {func(g *Graph) { g.Nodes = append(g.Nodes, g.Nodes[1]) }, "stream user-behavior-topic: the name is used twice"},
		"not copartitoned": {func(g *Graph) { setCount(g, topo.Behavior, One) }, "table pageheat-heat-table has P partitions, stream pageheat-behavior has 1 partition"},
	} {
		t.Run(name, func(t *testing.T) {
			g := topo.Graph()
			require.NoError(t, g.Validate())
			tc.breakIt(&g)
			assert.ErrorContains(t, g.Validate(), tc.says)
		})
	}
}

func setCount(g *Graph, name string, c Count) {
	for i := range g.Nodes {
		if g.Nodes[i].Name == name {
			g.Nodes[i].Count = c
		}
	}
}
