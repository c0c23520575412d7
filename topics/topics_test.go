package topics

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/topology"
)

func testTopology(t *testing.T) *topology.Topology {
	t.Helper()
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	return topo
}

// asNeeded is a state without differences: all topics exist with 4 partitions for pages.
func asNeeded(topo *topology.Topology) *State {
	s := &State{Brokers: 1, Topics: map[string]*topology.TopicState{}, topo: topo}
	for _, spec := range append(topo.Specs(4, 1), topo.InputSpec(1)) {
		config := map[string]string{}
		maps.Copy(config, spec.Config)
		s.Topics[spec.Name] = &topology.TopicState{Name: spec.Name, Partitions: spec.Partitions, Replication: 1, Config: config}
	}
	return s
}

func TestLayoutBounds(t *testing.T) {
	require.NoError(t, Layout{}.Validate())
	require.ErrorContains(t, Layout{Partitions: maxPartitions + 1}.Validate(), "partitions")
	require.ErrorContains(t, Layout{Replication: -1}.Validate(), "replication")
}

func TestLayoutFollowsWhatExists(t *testing.T) {
	topo := testTopology(t)
	with := func(brokers int, partitions map[string]int) *State {
		s := &State{Brokers: brokers, Topics: map[string]*topology.TopicState{}, topo: topo}
		for name, n := range partitions {
			s.Topics[name] = &topology.TopicState{Partitions: n}
		}
		return s
	}
	for name, c := range map[string]struct {
		layout Layout
		have   *State
		want   Layout
	}{
		"nothing exists":         {Layout{}, with(1, nil), Layout{topology.DefaultInputPartitions, 1}},
		"the input exists":       {Layout{}, with(2, map[string]int{topo.Input: 5}), Layout{5, 2}},
		"the input has grown":    {Layout{}, with(3, map[string]int{topo.Input: 9, topo.Behavior: 5}), Layout{5, 3}},
		"the table comes first":  {Layout{}, with(9, map[string]int{topo.Behavior: 5, topo.HeatTable: 4}), Layout{4, 3}},
		"the operator chose":     {Layout{7, 2}, with(9, map[string]int{topo.HeatTable: 4}), Layout{7, 2}},
		"no broker is reachable": {Layout{}, with(0, nil), Layout{topology.DefaultInputPartitions, 1}},
	} {
		assert.Equal(t, c.want, c.layout.resolve(c.have), name)
	}
}

func TestObstacles(t *testing.T) {
	topo := testTopology(t)
	for name, c := range map[string]struct {
		change func(*State)
		want   []string // the start of each obstacle
	}{
		"none":                {func(*State) {}, nil},
		"a missing input":     {func(s *State) { delete(s.Topics, topo.Input) }, []string{topo.Input + " does not exist"}},
		"a missing leaders":   {func(s *State) { delete(s.Topics, topo.Leaders) }, []string{topo.Leaders + " does not exist"}},
		"a compacted input":   {func(s *State) { s.Topics[topo.Input].Config["cleanup.policy"] = "compact,delete" }, []string{"the input " + topo.Input + " is compacted"}},
		"another number":      {func(s *State) { s.Topics[topo.HeatTable].Partitions = 3 }, []string{topo.HeatTable + " has 3 partitions and needs 4"}},
		"another policy":      {func(s *State) { s.Topics[topo.HeatTable].Config["cleanup.policy"] = "delete" }, []string{topo.HeatTable + " has cleanup.policy delete"}},
		"other settings only": {func(s *State) { s.Topics[topo.Behavior].Config["retention.ms"] = "1" }, nil},
		"fewer replicas":      {func(s *State) { s.Topics[topo.HeatTable].Replication = 0 }, nil},
		"settings nobody can see": {func(s *State) {
			s.Topics[topo.HeatTable].Config, s.Unchecked = map[string]string{}, []string{topo.HeatTable}
		}, nil},
	} {
		s := asNeeded(topo)
		c.change(s)
		got := s.Obstacles(topo.Topics()...)
		require.Len(t, got, len(c.want), "%s: %q", name, got)
		for i := range got {
			assert.Regexp(t, "^"+c.want[i], got[i], name)
		}
	}
}

func TestCreate(t *testing.T) {
	cluster := kafkatest.Embedded(t)
	clients := kafka.New(kafka.Config{Brokers: cluster.Brokers(), ClientID: "test"})
	t.Cleanup(clients.Close)
	topo := testTopology(t)
	kafkatest.CreateTopic(t, cluster, topo.Input, 5)

	have, differences, err := Layout{}.Check(t.Context(), clients, topo)
	require.NoError(t, err)
	assert.Len(t, have.Topics, 1)
	assert.Len(t, differences, len(topo.Specs(1, 1)), "%q", differences)

	var created []string
	have, partitions, err := Layout{}.Create(t.Context(), clients, topo, func(line string) { created = append(created, line) })
	require.NoError(t, err)
	assert.Equal(t, 5, partitions)
	assert.Empty(t, have.Obstacles(topo.Topics()...))
	assert.Equal(t, topo.Input+" exists", created[0])
	assert.Equal(t, topo.Behavior+" created: 5 partitions, replication 1", created[1])

	_, _, err = Layout{Partitions: 4}.Create(t.Context(), clients, topo, func(line string) { assert.Contains(t, line, " exists") })
	require.ErrorContains(t, err, topo.HeatTable+" has 5 partitions, 4 needed")
	_, differences, err = Layout{}.Check(t.Context(), clients, topo)
	require.NoError(t, err)
	assert.Empty(t, differences)
}

// Without the right to read settings, what can be read is still checked.
func TestSettingsThatMayNotBeRead(t *testing.T) {
	cluster := kafkatest.Embedded(t)
	clients := kafka.New(kafka.Config{Brokers: cluster.Brokers(), ClientID: "test"})
	t.Cleanup(clients.Close)
	topo := testTopology(t)
	_, _, err := Layout{}.Create(t.Context(), clients, topo, func(string) {})
	require.NoError(t, err)
	deny(cluster.Fake(), topo.HeatTable)

	have, differences, err := Layout{}.Check(t.Context(), clients, topo)
	require.NoError(t, err)
	assert.Empty(t, differences)
	assert.Equal(t, []string{topo.HeatTable}, have.Unchecked)
	assert.Contains(t, have.MissingRight(), "DescribeConfigs")
	assert.Equal(t, "delete", have.Topics[topo.Behavior].Config["cleanup.policy"])
}

// deny takes away the right to read the settings of a topic.
func deny(fake *kfake.Cluster, topic string) {
	fake.ControlKey(int16(kmsg.DescribeConfigs), func(request kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		r := request.(*kmsg.DescribeConfigsRequest)
		response := r.ResponseKind().(*kmsg.DescribeConfigsResponse)
		denied := false
		for _, resource := range r.Resources {
			denied = denied || resource.ResourceName == topic
			one := kmsg.NewDescribeConfigsResponseResource()
			one.ResourceType, one.ResourceName = resource.ResourceType, resource.ResourceName
			if resource.ResourceName == topic {
				one.ErrorCode = kerr.TopicAuthorizationFailed.Code
			}
			response.Resources = append(response.Resources, one)
		}
		return response, nil, denied
	})
}
