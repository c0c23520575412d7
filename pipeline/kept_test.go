package pipeline

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/store"
)

// heatTest is the heat role on a cluster with one heat partition, whose table
// takes several fetches. The test plays the group, and goka.
type heatTest struct {
	*testing.T
	heat *Heat

	mu      sync.Mutex
	fetched []int64                  // offsets of the table that were asked for
	refuse  func(offset int64) error // a fetch; may be nil
}

// The table holds a given number of pages, in batches that are together more than one fetch gives.
const (
	tableBatches = 4
	tablePages   = tableBatches * 700
	nameTexts    = 35 // in the name of a page, which cannot be compressed
)

func newHeatTest(t *testing.T) *heatTest {
	c := kafkatest.Embedded(t)
	s, topo := tableSettings(t, c)
	s.Metrics = NewMetrics(prometheus.NewRegistry())
	kafkatest.CreateTopic(t, c, topo.Behavior, 1)
	table := NewTable(TableConfig{Settings: s, Scorer: heat.DefaultWeights(), Top: 10})
	ht := &heatTest{T: t, heat: NewHeat(HeatConfig{Settings: s, Table: table}, "owner")}
	ht.heat.topics = newTopics(s)
	t.Cleanup(ht.heat.topics.close)
	ht.heat.bounds = newOffsetBounds(ht.heat.topics, topo.Input)
	plain := newFailedProducer() // no leaders are sent
	ht.heat.producer = newProducer(plain, ht.heat.route, topo.HeatTable)
	t.Cleanup(plain.AsyncClose)

	behavior, err := ht.heat.topics.id(t.Context(), topo.Behavior)
	require.NoError(t, err)
	totals := heat.Totals{Behaviours: 1}
	for batch := range tableBatches {
		var records []*kgo.Record
		for page := range tablePages / tableBatches {
			name := fmt.Sprintf("/%d/%d/", batch, page)
			for range nameTexts {
				name += rand.Text()
			}
			records = append(records, &kgo.Record{Topic: topo.HeatTable, Key: []byte(name), Value: codec.AppendPageState(nil, &totals)})
		}
		if batch == tableBatches-1 {
			records = append(records, &kgo.Record{Topic: topo.HeatTable, Key: []byte(codec.ProgressKey(0)),
				Value: codec.AppendProgress(nil, &codec.Progress{Behavior: behavior, Partitions: 1, Counted: tablePages})})
		}
		kafkatest.ProduceRecords(t, c, records...)
	}
	c.Fake().ControlKey(int16(kmsg.Fetch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.Fake().KeepControl()
		err := ht.asked(request.(*kmsg.FetchRequest))
		return nil, err, err != nil
	})
	return ht
}

// asked records a fetch.
func (ht *heatTest) asked(request *kmsg.FetchRequest) error {
	ht.mu.Lock()
	defer ht.mu.Unlock()
	for _, topic := range request.Topics {
		for _, p := range topic.Partitions {
			ht.fetched = append(ht.fetched, p.FetchOffset)
			if ht.refuse != nil {
				if err := ht.refuse(p.FetchOffset); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// fetches are those since it was asked last.
func (ht *heatTest) fetches() []int64 {
	ht.mu.Lock()
	defer ht.mu.Unlock()
	defer func() { ht.fetched = nil }()
	return ht.fetched
}

// ownerSession is a real session that owns what the test says.
type ownerSession struct {
	*fakeSession
	topic string
	owned []int32
}

func (s ownerSession) Claims() map[string][]int32 { return map[string][]int32{s.topic: s.owned} }

// session begins a session that owns partitions, up to where they would be fed.
func (ht *heatTest) session(ctx context.Context, owned ...int32) error {
	s := testSession(ownerSession{&fakeSession{ctx: ctx, offsets: make(map[int32]int64)}, ht.heat.config.Topology.Behavior, owned})
	ht.Cleanup(s.cancel)
	if err := ht.heat.setup(ctx, s); err != nil {
		return err
	}
	for _, p := range owned {
		if err := ht.partition(p).MarkRecovered(); err != nil { // as goka does
			return err
		}
	}
	return ht.heat.ready(ctx, s)
}

// partition is what the session has restored.
func (ht *heatTest) partition(p int32) *store.Partition {
	ht.heat.mu.Lock()
	defer ht.heat.mu.Unlock()
	return ht.heat.tasks[p].partition
}

// TestARestoredPartitionThatWasNotFedIsKept: a rebalance during the restore of others, or
// right after, does not throw it away, unless another instance owns it meanwhile.
func TestARestoredPartitionThatWasNotFedIsKept(t *testing.T) {
	ht := newHeatTest(t)
	require.NoError(t, ht.session(t.Context(), 0))
	restored := ht.partition(0)
	require.Equal(t, tablePages, restored.Len())
	require.NotEmpty(t, ht.fetches())

	require.NoError(t, ht.session(t.Context(), 0))
	require.Same(t, restored, ht.partition(0))
	require.Empty(t, ht.fetches(), "no other owner wrote")

	require.NoError(t, ht.session(t.Context()))
	require.ErrorContains(t, restored.Failed(), "discarded")
	require.NoError(t, ht.session(t.Context(), 0))
	require.NotSame(t, restored, ht.partition(0))
	require.Equal(t, tablePages, ht.partition(0).Len())
}

// TestARestoreGoesOnWhereItWasInterrupted: sessions that are shorter than a restore get
// on all the same.
func TestARestoreGoesOnWhereItWasInterrupted(t *testing.T) {
	ht := newHeatTest(t)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var refused []int64
	ht.refuse = func(offset int64) error {
		if offset == 0 {
			return nil
		}
		// When it is asked for again what came before has been taken.
		if refused = append(refused, offset); len(refused) > 1 {
			end()
		}
		return errors.New("the broker is gone")
	}
	require.ErrorIs(t, ht.session(ctx, 0), errSessionOver)
	require.Equal(t, refused, ht.fetches()[1:])
	ht.mu.Lock()
	ht.refuse = nil
	ht.mu.Unlock()
	require.NoError(t, ht.session(t.Context(), 0))
	again := ht.fetches()
	assert.Equal(t, refused[0], again[0], "what was restored is not fetched again")
	require.Equal(t, tablePages, ht.partition(0).Len())
}
