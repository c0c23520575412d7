package snapshot_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/snapshot"
	"pageheat/topology"
)

const (
	inputs = 3 // partitions of the input
	tables = 4 // partitions of the table
)

// world is a cluster with pageheat's topics. The test writes the table itself: what a correct
// pipeline would have written.
type world struct {
	*testing.T
	cluster *kafkatest.Cluster
	topo    *topology.Topology
	clients *kafka.Cluster
	ids     map[string]codec.TopicID

	messages [inputs][]string // by offset
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cluster := kafkatest.Embedded(t)
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	w := &world{T: t, cluster: cluster, topo: topo, ids: map[string]codec.TopicID{}}
	w.clients = kafka.New(kafka.Config{Brokers: cluster.Brokers(), ClientID: "test"})
	t.Cleanup(w.clients.Close)
	w.create(topo.Input, inputs)
	w.create(topo.Behavior, tables)
	w.create(topo.HeatTable, tables)
	return w
}

func (w *world) create(topic string, partitions int32) {
	w.Helper()
	created, err := kafkatest.Admin(w.T, w.cluster).CreateTopic(w.Context(), partitions, 1, nil, topic)
	require.NoError(w, err)
	w.ids[topic] = codec.TopicID(created.ID)
}

// traffic sends n messages to each input partition, some of them invalid.
func (w *world) traffic(n int) {
	w.Helper()
	var records []*kgo.Record
	for q := range inputs {
		for i := range n {
			x := len(w.messages[q])*7 + q*3
			message := fmt.Sprintf("/page%d|%d|%d.%09d|%d", x%41, x%7, x%30, x, x%3-1)
			if i%13 == 5 {
				message = "invalid"
			}
			w.messages[q] = append(w.messages[q], message)
			records = append(records, &kgo.Record{Topic: w.topo.Input, Partition: int32(q), Value: []byte(message)})
		}
	}
	kafkatest.ProduceRecords(w.T, w.cluster, records...)
}

// totals are those of the pages of one of a number of table partitions at a progress, or of all if it is
// below 0.
func (w *world) totals(partition int32, of int, to []int64) (pages map[string]heat.Totals, behaviours uint64) {
	pages = map[string]heat.Totals{}
	for q := range to {
		for offset, m := range w.messages[q] {
			b, refusal := codec.ParseBehaviour([]byte(m), heat.DefaultLimits())
			if refusal != nil || int64(offset) > to[q] || partition >= 0 && topology.Partition(b.Page, of) != partition {
				continue
			}
			totals := pages[string(b.Page)]
			totals.Count(b)
			pages[string(b.Page)] = totals
			behaviours++
		}
	}
	return pages, behaviours
}

// commit writes the state of a table partition at a progress.
func (w *world) commit(partition int32, to []int64, change ...func(*codec.Progress)) {
	w.Helper()
	pages, behaviours := w.totals(partition, tables, to)
	p := codec.Progress{Input: w.ids[w.topo.Input], Behavior: w.ids[w.topo.Behavior], Partitions: tables, Next: 5, Counted: behaviours,
		To: to, Begin: make([]int64, len(to)), Lost: make([]uint64, len(to))}
	for _, c := range change {
		c(&p)
	}
	records := []*kgo.Record{w.record(partition, codec.FenceKey(partition), codec.AppendFence(nil, codec.Fence{Owner: "me"}))}
	for page, totals := range pages {
		records = append(records, w.record(partition, page, codec.AppendPageState(nil, &totals)))
	}
	all, _ := w.totals(partition, tables, []int64{math.MaxInt64, math.MaxInt64, math.MaxInt64})
	for page := range all {
		if _, ok := pages[page]; !ok { // what an earlier commit has written, further on
			records = append(records, w.record(partition, page, nil))
		}
	}
	records = append(records, w.record(partition, codec.ProgressKey(partition), codec.AppendProgress(nil, &p)))
	kafkatest.ProduceRecords(w.T, w.cluster, records...)
}

func (w *world) record(partition int32, key string, value []byte) *kgo.Record {
	return &kgo.Record{Topic: w.topo.HeatTable, Partition: partition, Key: []byte(key), Value: value}
}

// deleteBefore deletes the beginning of an input partition.
func (w *world) deleteBefore(partition int32, offset int64) {
	w.Helper()
	var offsets kadm.Offsets
	offsets.AddOffset(w.topo.Input, partition, offset, -1)
	_, err := kafkatest.Admin(w.T, w.cluster).DeleteRecords(w.Context(), offsets)
	require.NoError(w, err)
}

func (w *world) take() (*snapshot.Snapshot, error) {
	w.Helper()
	return snapshot.Take(w.Context(), snapshot.Config{Cluster: w.clients, Topology: w.topo, Limits: heat.DefaultLimits()})
}

// pages reads the pages of a snapshot.
func (w *world) pages(s snapshot.Source) (map[string]heat.Totals, error) {
	pages := map[string]heat.Totals{}
	for page, err := range s.Pages(w.Context()) {
		if err != nil {
			return nil, err
		}
		require.NotContains(w, pages, page.Name)
		pages[page.Name] = page.Totals
	}
	return pages, nil
}

// other returns a deployment with another prefix on the same cluster, which reads the same input.
func (w *world) other(prefix string, partitions int32) *topology.Topology {
	w.Helper()
	topo, err := topology.New(topology.Config{Prefix: prefix})
	require.NoError(w, err)
	w.create(topo.Behavior, partitions)
	w.create(topo.HeatTable, partitions)
	return topo
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
