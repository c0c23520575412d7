package pipeline

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/processors"
	"pageheat/views"
)

// tableTest is a table with one partition that is followed.
type tableTest struct {
	*testing.T
	*Table
	cluster *kafkatest.Cluster
	ended   chan error
}

func newTableTest(t *testing.T) *tableTest {
	c := kafkatest.Embedded(t)
	s, _ := tableSettings(t, c)
	return &tableTest{T: t, cluster: c, ended: make(chan error, 1),
		Table: NewTable(TableConfig{Settings: s, Scorer: heat.DefaultWeights(), Top: 10, Follow: true})}
}

// write writes pages, or records that are none.
func (tt *tableTest) write(value []byte, names ...string) {
	tt.Helper()
	var records []*kgo.Record
	for _, name := range names {
		records = append(records, &kgo.Record{Topic: tt.config.Topology.HeatTable, Key: []byte(name), Value: value})
	}
	kafkatest.ProduceRecords(tt.T, tt.cluster, records...)
}

func visits(n uint64) []byte { return codec.AppendPageState(nil, &heat.Totals{Behaviours: n}) }

// run follows the table until the test ends, or Run does.
func (tt *tableTest) run() {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- tt.Table.Run(ctx) }()
	tt.ended = ended
	tt.Cleanup(stop)
}

// shows waits until a page has a number of behaviours.
func (tt *tableTest) shows(page string, behaviours uint64) {
	tt.Helper()
	require.Eventually(tt, func() bool {
		totals, known, err := tt.Get(page)
		return err == nil && known && totals.Totals.Behaviours == behaviours
	}, 10*time.Second, 5*time.Millisecond)
}

// TestATableIsFollowed: it is read up to what is committed, then on as records come. A session
// gets partitions as far as they were read, and what it gives back is followed from there.
func TestATableIsFollowed(t *testing.T) {
	tt := newTableTest(t)
	tt.write(visits(1), "/a", "/b")
	_, _, err := tt.Get("/a")
	require.ErrorIs(t, err, views.ErrRecovering)
	require.ErrorIs(t, tt.Ready(), views.ErrRecovering)
	tt.run()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, tt.await(ctx))
	require.NoError(t, tt.Ready())
	tt.shows("/b", 1)
	_, known, err := tt.Get("/none")
	require.NoError(t, err)
	require.False(t, known)
	_, known, err = tt.Get(codec.ProgressKey(0))
	require.NoError(t, err)
	require.False(t, known, "no page")
	tt.write(visits(2), "/b", "/c")
	tt.shows("/c", 2)

	owned, err := tt.take([]int32{0})
	require.NoError(t, err)
	require.Equal(t, 3, owned[0].Len())
	at, err := owned[0].GetOffset(-1)
	require.NoError(t, err)
	require.EqualValues(t, 3, at)
	tt.restored(0)
	tt.write(visits(3), "/c")
	require.NoError(t, owned[0].Set("/d", visits(4)))
	tt.shows("/d", 4)
	tt.shows("/c", 2)

	tt.put(owned[0], nil)
	tt.shows("/c", 3)
	require.NoError(t, tt.Ready())
}

// TestALogThatBecameShorter is read again from its beginning, with the next Run.
func TestALogThatBecameShorter(t *testing.T) {
	tt := newTableTest(t)
	tt.write(visits(1), "/a")
	require.NoError(t, tt.sized(1))
	owned, err := tt.take([]int32{0})
	require.NoError(t, err)
	require.NoError(t, owned[0].SetOffset(4))
	tt.put(owned[0], nil)
	tt.run()
	require.ErrorIs(t, soon(t, tt.ended), kafka.ErrEndsBefore)
	tt.run()
	tt.shows("/a", 1)
	require.Eventually(t, func() bool { return tt.Ready() == nil }, 10*time.Second, 5*time.Millisecond)
}

// TestATableThatCannotBeTrusted is not followed and says so; a take-over restores it.
func TestATableThatCannotBeTrusted(t *testing.T) {
	tt := newTableTest(t)
	tt.write(visits(1), "/a")
	tt.run()
	tt.shows("/a", 1)
	tt.write([]byte("none"), "/e")
	require.Eventually(t, func() bool {
		_, _, err := tt.Get("/a")
		return err != nil && !errors.Is(err, views.ErrRecovering)
	}, 10*time.Second, 5*time.Millisecond)
	require.ErrorContains(t, tt.Ready(), "partition 0, offset 1")
	require.Empty(t, tt.ended)
	owned, err := tt.take([]int32{0})
	require.NoError(t, err)
	require.Zero(t, owned[0].Len())
}

// TestAnOwnedPartitionIsHeldOnce: what a session has restored answers, and is read by nobody
// else; when it is given up it answers until another was read.
func TestAnOwnedPartitionIsHeldOnce(t *testing.T) {
	ht := newHeatTest(t)
	table := ht.heat.config.Table
	table.config.Follow, table.stores = true, processors.NewHeatStores(true)
	require.NoError(t, ht.session(t.Context(), 0))
	require.Len(t, ht.fetches(), tableBatches)
	running, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- table.Run(running) }()
	defer func() {
		stop()
		require.NoError(t, <-ended)
	}()
	require.NoError(t, table.await(t.Context()))
	require.NoError(t, table.Ready())
	require.Same(t, ht.partition(0), table.replicas[0].shown)
	require.Empty(t, ht.fetches(), "nothing is followed")

	asking, asked := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(asked)
		for {
			select {
			case <-asking:
				return
			default:
			}
			if _, _, err := table.Get("/"); !assert.NoError(t, err) {
				return
			}
		}
	}()
	first := ht.partition(0)
	require.NoError(t, ht.session(t.Context()), "another instance owns it")
	require.NoError(t, ht.session(t.Context(), 0))
	require.Same(t, first, ht.partition(0))
	require.NoError(t, first.MarkRecovered())
	ht.heat.tasks[0].fed = true
	table.put(first, errors.New("a commit has failed"))
	require.Eventually(t, func() bool {
		table.mu.Lock()
		defer table.mu.Unlock()
		return table.replicas[0].shown != first
	}, 10*time.Second, 5*time.Millisecond)
	close(asking)
	<-asked
	require.ErrorContains(t, first.Failed(), "discarded")
	require.NoError(t, table.Ready())
}
