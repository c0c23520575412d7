package audit_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/audit"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/topology"
)

const (
	inputs = 3 // partitions of the input
	tables = 4 // partitions of the table
)

// world is a cluster with pageheat's topics. The test writes the table itself: what a correct
// pipeline would have written, except for what the test breaks.
type world struct {
	t       *testing.T
	ctx     context.Context
	cluster *kafkatest.Cluster
	topo    *topology.Topology
	client  *kgo.Client
	clients *kafka.Cluster
	admin   *kadm.Client

	messages [inputs][]message // the input, by offset
	ids      map[string]codec.TopicID
	sent     int
}

// message is an input record; gone marks a gap (a marker, an aborted record).
type message struct {
	key, value []byte
	gone       bool
}

func newWorld(t *testing.T, cluster *kafkatest.Cluster) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	prefix := kafkatest.Prefix(t)
	topo, err := topology.New(topology.Config{Prefix: prefix, Input: prefix + "-input", Output: prefix + "-output"})
	require.NoError(t, err)
	w := &world{t: t, ctx: ctx, cluster: cluster, topo: topo, ids: map[string]codec.TopicID{}}
	w.client = w.kafka()
	w.clients = kafka.New(kafka.Config{Brokers: cluster.Brokers(), ClientID: "audit"})
	t.Cleanup(w.clients.Close)
	w.admin = kadm.NewClient(w.client)
	w.create(topo.Input, inputs)
	w.create(topo.Behavior, tables)
	w.create(topo.HeatTable, tables)
	w.create(topo.DeadLetter, 1)
	return w
}

func embedded(t *testing.T) *world {
	t.Helper()
	return newWorld(t, kafkatest.Embedded(t))
}

func (w *world) kafka(options ...kgo.Opt) *kgo.Client {
	w.t.Helper()
	client, err := kgo.NewClient(append(options,
		kgo.SeedBrokers(w.cluster.Brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	require.NoError(w.t, err)
	w.t.Cleanup(client.Close)
	return client
}

func (w *world) create(topic string, partitions int32) {
	w.t.Helper()
	created, err := w.admin.CreateTopic(w.ctx, partitions, 1, nil, topic)
	require.NoError(w.t, err)
	w.ids[topic] = codec.TopicID(created.ID)
}

func (w *world) recreate(topic string, partitions int32) {
	w.t.Helper()
	_, err := w.admin.DeleteTopic(w.ctx, topic)
	require.NoError(w.t, err)
	require.Eventually(w.t, func() bool {
		created, err := w.admin.CreateTopic(w.ctx, partitions, 1, nil, topic)
		return err == nil && created.Err == nil
	}, 10*time.Second, 10*time.Millisecond)
}

// send writes messages to an input partition.
func (w *world) send(partition int, values ...string) {
	w.t.Helper()
	var records []*kgo.Record
	for _, value := range values {
		w.sent++
		r := &kgo.Record{Topic: w.topo.Input, Partition: int32(partition), Value: []byte(value)}
		if w.sent%3 == 0 {
			r.Key = []byte(fmt.Sprint("key", w.sent))
		}
		records = append(records, r)
	}
	require.NoError(w.t, w.client.ProduceSync(w.ctx, records...).FirstErr())
	for _, r := range records {
		w.note(r, false)
	}
}

// note records a message at its offset.
func (w *world) note(r *kgo.Record, gone bool) {
	log := &w.messages[r.Partition]
	for int64(len(*log)) < r.Offset {
		*log = append(*log, message{gone: true})
	}
	*log = append(*log, message{key: r.Key, value: r.Value, gone: gone})
}

// traffic sends n messages to each input partition: text and JSON behaviours of some
// forty pages, and every 13th message invalid.
func (w *world) traffic(n int) {
	w.t.Helper()
	for q := range inputs {
		var values []string
		for i := range n {
			x := i*7 + q*3 + w.sent
			page := fmt.Sprintf("/page%d", x%41)
			switch {
			case i%13 == 5:
				values = append(values, fmt.Sprintf("%s|%d|no|0", page, i))
			case i%5 == 0:
				values = append(values, fmt.Sprintf(`{"page":%q,"clicks":%d,"minutes":%d.25,"like":1}`, page, x%9, x%60))
			default:
				values = append(values, fmt.Sprintf("%s|%d|%d.%09d|%d", page, x%7, x%30, x, x%3-1))
			}
		}
		w.send(q, values...)
	}
}

// state is what one partition of the table holds at a progress.
type state struct {
	pages    map[string]heat.Totals
	progress codec.Progress
}

// everything covers all messages sent.
func (w *world) everything() []int64 {
	to := make([]int64, inputs)
	for q := range to {
		to[q] = int64(len(w.messages[q])) - 1
	}
	return to
}

// state returns the exact state of a table partition at a progress.
func (w *world) state(partition int32, to []int64) state {
	w.t.Helper()
	s := state{pages: map[string]heat.Totals{}, progress: codec.Progress{
		Input: w.ids[w.topo.Input], Behavior: w.ids[w.topo.Behavior],
		Partitions: tables, Next: 5, To: to, Begin: make([]int64, inputs), Lost: make([]uint64, inputs),
	}}
	for q := range inputs {
		for offset, m := range w.messages[q] {
			if m.gone || int64(offset) > to[q] {
				continue
			}
			b, refusal := codec.ParseBehaviour(m.value, heat.DefaultLimits())
			if refusal != nil || topology.Partition(b.Page, tables) != partition {
				continue
			}
			totals := s.pages[string(b.Page)]
			totals.Count(b)
			s.pages[string(b.Page)] = totals
			s.progress.Counted++
		}
	}
	return s
}

// commit writes a state of a table partition in one transaction and ends it.
func (w *world) commit(partition int32, s state, how kgo.TransactionEndTry) {
	w.t.Helper()
	w.end(w.begin(partition, s), how)
}

// begin writes a state and leaves the transaction open.
func (w *world) begin(partition int32, s state) *kgo.Client {
	w.t.Helper()
	owner := w.kafka(kgo.TransactionalID(w.topo.HeatTransactionalID(partition)))
	require.NoError(w.t, owner.BeginTransaction())
	record := func(key string, value []byte) *kgo.Record {
		return &kgo.Record{Topic: w.topo.HeatTable, Partition: partition, Key: []byte(key), Value: value}
	}
	records := []*kgo.Record{record(codec.FenceKey(partition), codec.AppendFence(nil, codec.Fence{Owner: "me", TakenAt: 1}))}
	for page, totals := range s.pages {
		records = append(records, record(page, codec.AppendPageState(nil, &totals)))
	}
	records = append(records, record(codec.ProgressKey(partition), codec.AppendProgress(nil, &s.progress)))
	require.NoError(w.t, owner.ProduceSync(w.ctx, records...).FirstErr())
	return owner
}

// end ends a transaction and waits until its marker is written.
func (w *world) end(owner *kgo.Client, how kgo.TransactionEndTry) {
	w.t.Helper()
	require.NoError(w.t, owner.EndTransaction(w.ctx, how))
	require.Eventually(w.t, func() bool {
		ends, err := w.admin.ListEndOffsets(w.ctx, w.topo.HeatTable, w.topo.Input)
		require.NoError(w.t, err)
		stable, err := w.admin.ListCommittedOffsets(w.ctx, w.topo.HeatTable, w.topo.Input)
		require.NoError(w.t, err)
		settled := true
		ends.Each(func(o kadm.ListedOffset) {
			at, _ := stable.Lookup(o.Topic, o.Partition)
			settled = settled && at.Offset == o.Offset
		})
		return settled
	}, 10*time.Second, 5*time.Millisecond)
}

// fill writes the exact table at a progress, after an older state, so most pages appear twice.
func (w *world) fill(to []int64) {
	w.t.Helper()
	half := make([]int64, inputs)
	for q := range half {
		half[q] = to[q] / 2
	}
	for partition := range int32(tables) {
		w.commit(partition, w.state(partition, half), kgo.TryCommit)
		w.commit(partition, w.state(partition, to), kgo.TryCommit)
	}
}

// letter returns the dead letter of a message.
func (w *world) letter(partition int, offset int64) *kgo.Record {
	m := w.messages[partition][offset]
	return &kgo.Record{Topic: w.topo.DeadLetter, Key: m.key, Value: m.value, Headers: []kgo.RecordHeader{
		{Key: "pageheat.topic", Value: []byte(w.topo.Input)},
		{Key: "pageheat.partition", Value: []byte(strconv.Itoa(partition))},
		{Key: "pageheat.offset", Value: []byte(strconv.FormatInt(offset, 10))},
		{Key: "pageheat.reason", Value: []byte("field-count")},
	}}
}

// letters returns the dead letters of all invalid messages.
func (w *world) letters() []*kgo.Record {
	var out []*kgo.Record
	for q := range inputs {
		for offset, m := range w.messages[q] {
			if _, refusal := codec.ParseBehaviour(m.value, heat.DefaultLimits()); !m.gone && refusal != nil {
				out = append(out, w.letter(q, int64(offset)))
			}
		}
	}
	return out
}

func (w *world) bury(letters ...*kgo.Record) {
	w.t.Helper()
	require.NoError(w.t, w.client.ProduceSync(w.ctx, letters...).FirstErr())
}

// deleteBefore deletes the start of a partition, as retention does.
func (w *world) deleteBefore(topic string, partition int32, offset int64) {
	w.t.Helper()
	var offsets kadm.Offsets
	offsets.AddOffset(topic, partition, offset, -1)
	_, err := w.admin.DeleteRecords(w.ctx, offsets)
	require.NoError(w.t, err)
}

func (w *world) audit() (audit.Report, error) {
	return audit.Run(w.ctx, audit.Config{Cluster: w.clients, Topology: w.topo})
}

// requireExact audits and requires that nothing differs.
func (w *world) requireExact() audit.Report {
	w.t.Helper()
	report, err := w.audit()
	require.NoError(w.t, err)
	require.Empty(w.t, report.Differences)
	require.Zero(w.t, report.DifferenceCount)
	require.True(w.t, report.DeadLettersChecked)
	return report
}
