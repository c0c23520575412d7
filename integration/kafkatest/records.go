package kafkatest

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// within is the time limit of each helper below; the brokers are on this machine.
const within = 60 * time.Second

// Client returns a franz-go client of the cluster that is closed with the test.
// The helpers use franz-go, so they are independent of the parts of the product that use sarama.
func Client(t testing.TB, c *Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(c.Connect(), opts...)...)
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// Admin returns an admin client of the cluster that is closed with the test.
func Admin(t testing.TB, c *Cluster) *kadm.Client {
	t.Helper()
	return kadm.NewClient(Client(t, c))
}

// CreateTopic creates a topic with the cluster's default replication factor and returns when every
// broker knows a leader for every partition. The settings are pairs of name and value.
func CreateTopic(t testing.TB, c *Cluster, topic string, partitions int32, settings ...string) {
	t.Helper()
	if len(settings)%2 != 0 {
		t.Fatalf("creating topic %s: settings come in pairs of name and value, not %q", topic, settings)
	}
	configs := make(map[string]*string, len(settings)/2)
	for i := 0; i < len(settings); i += 2 {
		configs[settings[i]] = &settings[i+1]
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if _, err := Admin(t, c).CreateTopic(ctx, partitions, -1, configs, topic); err != nil {
		t.Fatalf("creating topic %s: %v", topic, err)
	}
	if err := c.waitLed(ctx, topic, partitions); err != nil {
		t.Fatalf("creating topic %s: %v", topic, err)
	}
}

// AddPartitions gives a topic more partitions. It returns when every broker knows them and all have a
// leader.
func AddPartitions(t testing.TB, c *Cluster, topic string, partitions int32) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	answers, err := Admin(t, c).UpdatePartitions(ctx, int(partitions), topic)
	if err == nil {
		err = answers.Error()
	}
	if err == nil {
		err = c.waitLed(ctx, topic, partitions)
	}
	if err != nil {
		t.Fatalf("adding partitions to topic %s: %v", topic, err)
	}
}

// Produce sends the values, without keys, to the partitions in turn. It returns when all in-sync
// replicas have acknowledged them.
func Produce(t testing.TB, c *Cluster, topic string, values ...string) {
	t.Helper()
	records := make([]*kgo.Record, len(values))
	for i, v := range values {
		records[i] = &kgo.Record{Topic: topic, Value: []byte(v)}
	}
	produce(t, c, records, kgo.RoundRobinPartitioner())
}

// ProduceRecords sends each record to the partition that it names. It returns when all in-sync
// replicas have acknowledged them.
func ProduceRecords(t testing.TB, c *Cluster, records ...*kgo.Record) {
	t.Helper()
	produce(t, c, records, kgo.ManualPartitioner())
}

func produce(t testing.TB, c *Cluster, records []*kgo.Record, p kgo.Partitioner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	cl := Client(t, c, kgo.RecordPartitioner(p))
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatalf("producing %d records: %v", len(records), err)
	}
}

// Read returns the first n committed records of the topic, starting with the oldest and in order
// within each partition. It fails the test if they do not arrive in time.
func Read(t testing.TB, c *Cluster, topic string, n int) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	cl := Client(t, c, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond))
	var records []*kgo.Record
	for len(records) < n {
		fetches := cl.PollRecords(ctx, n-len(records))
		records = append(records, fetches.Records()...)
		if err := fetches.Err(); err != nil {
			t.Fatalf("reading %d records of topic %s: %v after %d", n, topic, err, len(records))
		}
	}
	return records
}
