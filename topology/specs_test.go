package topology

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// specOf returns the spec of one topic with 7 partitions for pages and a given number of replicas.
func specOf(t *testing.T, topic string, replication int) TopicSpec {
	t.Helper()
	for _, s := range mustNew(t, Config{}).Specs(7, replication) {
		if s.Name == topic {
			return s
		}
	}
	t.Fatalf("no spec of %s", topic)
	return TopicSpec{}
}

// stateOf returns a topic that matches its spec.
func stateOf(s TopicSpec) *TopicState {
	return &TopicState{Name: s.Name, Partitions: s.Partitions, Replication: s.Replication, Config: maps.Clone(s.Config)}
}

func TestSpecsKeepWhatTheDesignNeeds(t *testing.T) {
	for topic, want := range map[string]struct {
		partitions int
		config     map[string]string
	}{
		"pageheat-behavior":     {7, map[string]string{"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}},
		"pageheat-heat-table":   {7, map[string]string{"cleanup.policy": "compact", "min.compaction.lag.ms": "3600000"}},
		"pageheat-forget":       {7, map[string]string{"cleanup.policy": "compact", "max.compaction.lag.ms": "86400000"}},
		"pageheat-leaders":      {1, map[string]string{"cleanup.policy": "delete", "retention.ms": "3600000"}},
		"pageheat-rank-table":   {1, map[string]string{"cleanup.policy": "compact"}},
		"page-popularity-top10": {1, map[string]string{"cleanup.policy": "compact"}},
		"pageheat-dead-letter":  {1, map[string]string{"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}},
	} {
		s := specOf(t, topic, 3)
		assert.Equal(t, want.partitions, s.Partitions, topic)
		assert.Equal(t, 3, s.Replication, topic)
		assert.Equal(t, want.config["cleanup.policy"], s.CleanupPolicy, topic)
		assert.NotEmpty(t, s.Holds, topic)
		for name, value := range want.config {
			assert.Equal(t, value, s.Config[name], "%s of %s", name, topic)
		}
		assert.Equal(t, "8388608", s.Config["max.message.bytes"], topic)
		assert.Equal(t, "false", s.Config["unclean.leader.election.enable"], topic)
	}
	assert.Len(t, mustNew(t, Config{}).Specs(7, 3), 7)
}

func TestSpecsAndGraphCountPartitionsAlike(t *testing.T) {
	topo := mustNew(t, Config{})
	for _, s := range topo.Specs(7, 1) {
		n, ok := topo.Graph().node(s.Name)
		require.True(t, ok, s.Name)
		assert.Equal(t, map[Count]int{PerPage: 7, One: 1}[n.Count], s.Partitions, s.Name)
		assert.Equal(t, n.Kind == Table || s.Name == topo.Output || s.Name == topo.Forget, s.CleanupPolicy == "compact", s.Name)
	}
}

func TestOneReplicaMayBeMissingWhereThereAreThree(t *testing.T) {
	for replication, want := range map[int]string{1: "1", 2: "1", 3: "2", 5: "2"} {
		assert.Equal(t, want, specOf(t, "pageheat-heat-table", replication).Config["min.insync.replicas"])
	}
}

func TestInputSpec(t *testing.T) {
	s := mustNew(t, Config{Input: "clicks"}).InputSpec(2)
	assert.Equal(t, "clicks", s.Name)
	assert.Equal(t, 3, s.Partitions)
	assert.Equal(t, 2, s.Replication)
	assert.Empty(t, s.Config, "the broker's defaults")
}

func TestDifferences(t *testing.T) {
	for name, tc := range map[string]struct {
		topic  string
		change func(*TopicState)
		says   []string // of the one difference; none: there must be no difference
	}{
		"as created":        {"pageheat-heat-table", func(*TopicState) {}, nil},
		"partitions":        {"pageheat-heat-table", func(s *TopicState) { s.Partitions = 3 }, []string{"pageheat-heat-table has 3 partitions, 7 needed", "--partitions", "--prefix"}},
		"one partition":     {"pageheat-leaders", func(s *TopicState) { s.Partitions = 2 }, []string{"2 partitions, 1 needed", "delete the topic"}},
		"replicas":          {"pageheat-behavior", func(s *TopicState) { s.Replication = 1 }, []string{"1 replica, 3 needed"}},
		"more replicas":     {"pageheat-behavior", func(s *TopicState) { s.Replication = 4 }, nil},
		"policy":            {"pageheat-heat-table", func(s *TopicState) { s.Config["cleanup.policy"] = "delete" }, []string{"cleanup.policy=delete, compact is needed", "kafka-configs"}},
		"both policies":     {"pageheat-heat-table", func(s *TopicState) { s.Config["cleanup.policy"] = "compact,delete" }, []string{"cleanup.policy"}},
		"retention":         {"pageheat-behavior", func(s *TopicState) { s.Config["retention.ms"] = "604800000" }, []string{"retention.ms=604800000, -1 is needed"}},
		"compaction lag":    {"pageheat-forget", func(s *TopicState) { s.Config["max.compaction.lag.ms"] = "86400001" }, []string{"max.compaction.lag.ms", "or less is needed"}},
		"retention bytes":   {"pageheat-dead-letter", func(s *TopicState) { s.Config["retention.bytes"] = "1" }, []string{"retention.bytes"}},
		"longer retention":  {"pageheat-leaders", func(s *TopicState) { s.Config["retention.ms"] = "7200000" }, nil},
		"endless retention": {"pageheat-leaders", func(s *TopicState) { s.Config["retention.ms"] = "-1" }, nil},
		"shorter retention": {"pageheat-leaders", func(s *TopicState) { s.Config["retention.ms"] = "1000" }, []string{"3600000 or more"}},
		"smaller messages":  {"pageheat-leaders", func(s *TopicState) { s.Config["max.message.bytes"] = "1048588" }, []string{"max.message.bytes=1048588", "8388608 or more"}},
		"larger messages":   {"pageheat-leaders", func(s *TopicState) { s.Config["max.message.bytes"] = "16777216" }, nil},
		"one in sync":       {"pageheat-heat-table", func(s *TopicState) { s.Config["min.insync.replicas"] = "1" }, []string{"min.insync.replicas=1, 2 or more"}},
		"lag":               {"pageheat-heat-table", func(s *TopicState) { s.Config["min.compaction.lag.ms"] = "0" }, []string{"min.compaction.lag.ms=0"}},
		"unclean":           {"pageheat-heat-table", func(s *TopicState) { s.Config["unclean.leader.election.enable"] = "true" }, []string{"unclean"}},
		"segments":          {"pageheat-heat-table", func(s *TopicState) { s.Config["segment.bytes"] = "1073741824" }, nil},
		"not a number":      {"pageheat-leaders", func(s *TopicState) { s.Config["retention.ms"] = "long" }, []string{"retention.ms=long"}},
		"not told":          {"pageheat-leaders", func(s *TopicState) { s.Config = nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			spec := specOf(t, tc.topic, 3)
			have := stateOf(spec)
			tc.change(have)
			got := spec.Differences(have)
			if tc.says == nil {
				assert.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			for _, s := range tc.says {
				assert.Contains(t, got[0], s)
			}
			assert.NotContains(t, got[0], "\n")
		})
	}
	missing := specOf(t, "pageheat-leaders", 3).Differences(nil)
	require.Len(t, missing, 1)
	assert.Contains(t, missing[0], "topics create")
}

func TestCheckInput(t *testing.T) {
	topo := mustNew(t, Config{})
	input := func(config map[string]string) *TopicState {
		return &TopicState{Name: topo.Input, Partitions: 5, Replication: 1, Config: config}
	}
	dead := &TopicState{Name: topo.DeadLetter, Config: map[string]string{"max.message.bytes": "8388608"}}

	assert.Empty(t, topo.CheckInput(input(map[string]string{"cleanup.policy": "delete", "max.message.bytes": "1048588"}), dead))
	assert.Empty(t, topo.CheckInput(input(nil), nil))

	for _, policy := range []string{"compact", "compact,delete"} {
		got := topo.CheckInput(input(map[string]string{"cleanup.policy": policy}), dead)
		require.Len(t, got, 1)
		assert.Contains(t, got[0], "cleanup.policy="+policy)
	}
	got := topo.CheckInput(input(map[string]string{"max.message.bytes": "8388608"}), dead)
	require.Len(t, got, 1)
	assert.Contains(t, got[0], "max.message.bytes=8404992")

	got = topo.CheckInput(nil, dead)
	require.Len(t, got, 1)
	assert.Contains(t, got[0], "does not exist")
}
