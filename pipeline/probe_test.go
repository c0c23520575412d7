package pipeline

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/topology"
)

// TestBrokersThatLackSomething: what roles need ends them before they begin, what they do not
// is said once.
func TestBrokersThatLackSomething(t *testing.T) {
	const none = -1
	instance := kafka.Member{InstanceID: "one"}
	for name, c := range map[string]struct {
		most   map[kmsg.Key]int16 // versions
		roles  string
		member kafka.Member
		rack   string
		ends   string // what is missing
		says   []kafka.Feature
	}{
		"nothing":                     {roles: "ingest,heat,rank,serve,collect", member: instance, rack: "here"},
		"transactions":                {most: map[kmsg.Key]int16{kmsg.AddPartitionsToTxn: none}, roles: "rank", ends: "transactions"},
		"transactions, not used":      {most: map[kmsg.Key]int16{kmsg.AddPartitionsToTxn: none}, roles: "ingest,serve,collect"},
		"producer ids":                {most: map[kmsg.Key]int16{kmsg.InitProducerID: none}, roles: "ingest,heat", ends: "idempotent producers, transactions"},
		"producer ids, for a view":    {most: map[kmsg.Key]int16{kmsg.InitProducerID: none}, roles: "serve"},
		"committed reads":             {most: map[kmsg.Key]int16{kmsg.Fetch: 3}, roles: "serve", ends: "reading committed records"},
		"static membership":           {most: map[kmsg.Key]int16{kmsg.JoinGroup: 4}, roles: "ingest", member: instance, ends: "static membership"},
		"static membership, not used": {most: map[kmsg.Key]int16{kmsg.JoinGroup: 4}, roles: "ingest"},
		"topic ids":                   {most: map[kmsg.Key]int16{kmsg.Metadata: 9}, roles: "ingest,rank", says: []kafka.Feature{kafka.TopicIDs}},
		"record deletion":             {most: map[kmsg.Key]int16{kmsg.DeleteRecords: none}, roles: "heat", says: []kafka.Feature{kafka.RecordDeletion}},
		"record deletion, not used":   {most: map[kmsg.Key]int16{kmsg.DeleteRecords: none}, roles: "ingest,rank,serve"},
		"near replicas":               {most: map[kmsg.Key]int16{kmsg.Fetch: 10}, roles: "serve", rack: "here", says: []kafka.Feature{kafka.NearReplicas}},
		"near replicas, not used":     {most: map[kmsg.Key]int16{kmsg.Fetch: 10}, roles: "serve"},
	} {
		t.Run(name, func(t *testing.T) {
			versions := kversion.V2_8_0()
			for key, most := range c.most {
				versions.SetMaxKeyVersion(int16(key), most)
			}
			broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.MaxVersions(versions))
			require.NoError(t, err)
			t.Cleanup(broker.Close)
			clients := kafka.New(kafka.Config{Brokers: broker.ListenAddrs(), ClientID: "test", Rack: c.rack})
			t.Cleanup(clients.Close)
			topo, err := topology.New(topology.Config{})
			require.NoError(t, err)
			var log strings.Builder
			s := Settings{Cluster: clients, Member: c.member, Topology: topo, Logger: slog.New(slog.NewTextHandler(&log, nil)), Metrics: NewMetrics(prometheus.NewRegistry())}
			lacking, err := s.Probe(t.Context(), func(role string) bool { return strings.Contains(c.roles, role) })
			if c.ends != "" {
				require.NotNil(t, failure.As(err), "%v", err)
				assert.ErrorContains(t, err, "do not support "+c.ends+": pageheat needs")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.says, lacking)
			assert.Equal(t, len(c.says), strings.Count(log.String(), "WARN"), log.String())
			for _, feature := range c.says {
				assert.Contains(t, log.String(), "do not support "+string(feature)+":")
				assert.InDelta(t, 1, testutil.ToFloat64(s.Metrics.unsupported.WithLabelValues(string(feature))), 0)
			}
		})
	}
}
