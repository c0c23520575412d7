package pipeline

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/failure"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/topology"
)

// watchTest is a watch over the topics of all roles on an embedded broker.
type watchTest struct {
	*testing.T
	cluster *kafkatest.Cluster
	watch   *TopicWatch
	topo    *topology.Topology
	log     *strings.Builder
}

func watchTopics(t *testing.T) *watchTest {
	c := kafkatest.Embedded(t)
	prefix := kafkatest.Prefix(t)
	topo, err := topology.New(topology.Config{Prefix: prefix, Input: prefix + "-input", Output: prefix + "-output"})
	require.NoError(t, err)
	wt := &watchTest{T: t, cluster: c, topo: topo, log: &strings.Builder{}}
	s := Settings{Cluster: kafka.New(kafka.Config{Brokers: c.Brokers(), ClientID: "test"}), Topology: topo, Logger: slog.New(slog.NewTextHandler(wt.log, nil)),
		Conditions: NewConditions(), Metrics: NewMetrics(prometheus.NewRegistry()), Partitions: 2}
	needed := s.NeededTopics(func(string) bool { return true })
	require.Len(t, needed, 7)
	for _, topic := range needed {
		kafkatest.CreateTopic(t, c, topic.Name, int32(max(topic.Partitions, 1)))
	}
	t.Cleanup(s.Cluster.Close)
	wt.watch = s.NewTopicWatch(needed)
	require.NoError(t, wt.watch.Check(t.Context()))
	require.Empty(t, wt.log.String())
	return wt
}

func (wt *watchTest) remove(topic string) {
	wt.Helper()
	deleted, err := kafkatest.Admin(wt, wt.cluster).DeleteTopics(wt.Context(), topic)
	require.NoError(wt, err)
	require.NoError(wt, deleted.Error())
}

// TestATopicThatWasReplacedIsNoticed: at the next look, whatever topic it is; the
// pipeline goes on with those that hold nothing that is known elsewhere.
func TestATopicThatWasReplacedIsNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		topic func(topo *topology.Topology) string
		soft  bool
		hint  string
	}{
		"input":        {topic: func(topo *topology.Topology) string { return topo.Input }, hint: "A topic was recreated"},
		"behavior":     {topic: func(topo *topology.Topology) string { return topo.Behavior }, hint: "A topic was recreated"},
		"heat table":   {topic: func(topo *topology.Topology) string { return topo.HeatTable }, hint: "counts what the input still has"},
		"leaders":      {topic: func(topo *topology.Topology) string { return topo.Leaders }, soft: true},
		"rank table":   {topic: func(topo *topology.Topology) string { return topo.RankTable }, hint: "start the instance again"},
		"output":       {topic: func(topo *topology.Topology) string { return topo.Output }, hint: "start the instance again"},
		"dead letters": {topic: func(topo *topology.Topology) string { return topo.DeadLetter }, soft: true},
	} {
		t.Run(name, func(t *testing.T) {
			wt := watchTopics(t)
			topic := c.topic(wt.topo)
			partitions := int32(1)
			if topic == wt.topo.Behavior || topic == wt.topo.HeatTable {
				partitions = 2
			}
			wt.remove(topic)
			kafkatest.CreateTopic(t, wt.cluster, topic, partitions)
			err := wt.watch.Check(t.Context())
			if c.soft {
				require.NoError(t, err)
				require.NoError(t, wt.watch.Check(t.Context()))
				assert.Equal(t, 1, strings.Count(wt.log.String(), "deleted and recreated"), "%s", wt.log)
				return
			}
			require.NotNil(t, failure.As(err), "%v", err)
			require.ErrorContains(t, err, "the topic "+topic+" was deleted and recreated")
			require.ErrorContains(t, err, c.hint)
			require.Error(t, wt.watch.Check(t.Context()), "it stays so")
		})
	}
}

// TestATopicThatIsMissingIsWaitedFor: it may be created yet.
func TestATopicThatIsMissingIsWaitedFor(t *testing.T) {
	wt := watchTopics(t)
	wt.remove(wt.topo.DeadLetter)
	for range 5 {
		require.NoError(t, wt.watch.Check(t.Context()))
	}
	conditions := wt.watch.settings.Conditions
	require.ErrorContains(t, conditions.Of("ingest"), "the topic "+wt.topo.DeadLetter+" has been missing since")
	require.NoError(t, conditions.Of("heat"), "it does not need it")
	assert.Equal(t, 1, strings.Count(wt.log.String(), "a topic does not exist"), "%s", wt.log)
	kafkatest.CreateTopic(t, wt.cluster, wt.topo.DeadLetter, 1)
	require.NoError(t, wt.watch.Check(t.Context()))
	require.NoError(t, conditions.Of("ingest"))
	assert.Contains(t, wt.log.String(), "exists again")
}

// TestMorePartitionsThanThePagesWereSpreadOver: of the topics that are partitioned by page.
func TestMorePartitionsThanThePagesWereSpreadOver(t *testing.T) {
	wt := watchTopics(t)
	kafkatest.AddPartitions(t, wt.cluster, wt.topo.Input, 5)
	require.NoError(t, wt.watch.Check(t.Context()), "the input may have any number")
	kafkatest.AddPartitions(t, wt.cluster, wt.topo.Behavior, 3)
	err := wt.watch.Check(t.Context())
	require.NotNil(t, failure.As(err))
	require.ErrorContains(t, err, wt.topo.Behavior+" had 2 partitions and has 3")
}

// TestRolesNeedTheirTopicsAlone: an instance of serve ends when what it shows is gone.
func TestRolesNeedTheirTopicsAlone(t *testing.T) {
	topo, err := topology.New(topology.Config{Prefix: "p", Input: "in", Output: "out"})
	require.NoError(t, err)
	var names []string
	for _, topic := range (Settings{Topology: topo}).NeededTopics(func(role string) bool { return role == "serve" }) {
		names = append(names, topic.Name)
		assert.NotEmpty(t, topic.RecreatedHint)
	}
	assert.Equal(t, []string{topo.HeatTable, topo.Output}, names)
}
