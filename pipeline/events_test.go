package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/codec"
	"pageheat/events"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/topology"
)

// eventsWorld is a broker with the topics of events.
type eventsWorld struct {
	*kafkatest.Cluster
	t       *testing.T
	topo    *topology.Topology
	rules   events.Rules
	version uint64
	owners  int
}

func newEventsWorld(t *testing.T, c *kafkatest.Cluster) *eventsWorld {
	t.Helper()
	prefix := kafkatest.Prefix(t)
	topo, err := topology.New(topology.Config{Prefix: prefix, Output: prefix + "-boards", Events: true})
	require.NoError(t, err)
	kafkatest.CreateTopic(t, c, topo.Output, 1, "cleanup.policy", "compact")
	kafkatest.CreateTopic(t, c, topo.AlertTable, 1, "cleanup.policy", "compact")
	kafkatest.CreateTopic(t, c, topo.Events, 1)
	rules, err := events.DefaultSettings().Rules()
	require.NoError(t, err)
	return &eventsWorld{Cluster: c, t: t, topo: topo, rules: rules}
}

// publish writes boards to the output, each given as its pages.
func (w *eventsWorld) publish(boards ...string) {
	w.t.Helper()
	for _, pages := range boards {
		w.version++
		b := &codec.Board{Board: "all-time", Version: w.version, UpdatedAt: time.Now()}
		for i, page := range strings.Fields(pages) {
			b.Pages = append(b.Pages, codec.BoardPage{Rank: i + 1, Page: page, Heat: "1", Clicks: "1", Minutes: "0", Likes: "0", Behaviours: 1})
		}
		value, err := codec.EncodeBoard(b)
		require.NoError(w.t, err)
		w.record("all-time", value)
	}
}

func (w *eventsWorld) record(key string, value []byte) {
	w.t.Helper()
	kafkatest.ProduceRecords(w.t, w.Cluster, &kgo.Record{Topic: w.topo.Output, Key: []byte(key), Value: value,
		Headers: []kgo.RecordHeader{{Key: codec.HeaderPositions, Value: codec.AppendOrigin(nil, codec.Origin{Group: w.topo.RankGroup, Definition: codec.Definition{Top: 10}})}}})
}

// instance is a process that writes events, supervised as the program does it.
type instance struct {
	stop  func()
	ended chan error
}

func (w *eventsWorld) start() *instance {
	w.owners++
	s := Settings{Cluster: kafka.New(kafka.Config{Brokers: w.Brokers(), ClientID: "test"}), Member: kafka.Member{SessionTimeout: 10 * time.Second}, Topology: w.topo,
		Logger: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()), Progress: NewProgress(), Conditions: NewConditions()}
	runner := NewEvents(EventsConfig{Settings: s, Rules: w.rules}, fmt.Sprint("owner-", w.owners))
	ctx, stop := context.WithCancel(context.Background())
	in := &instance{stop: stop, ended: make(chan error, 1)}
	go func() {
		in.ended <- Supervise(ctx, Supervised{Name: RoleEvents, Logger: s.Logger, Run: runner.Run})
		s.Cluster.Close()
	}()
	w.t.Cleanup(func() {
		stop()
		assert.NoError(w.t, <-in.ended)
	})
	return in
}

// end ends an instance as a signal does.
func (in *instance) end(t *testing.T) {
	t.Helper()
	in.stop()
	err := soon(t, in.ended)
	require.NoError(t, err)
	in.ended <- nil
}

// want are the events that the boards of the output have, if those of the first records are the first
// ones.
func (w *eventsWorld) want(first int) []string {
	w.t.Helper()
	f := events.NewFollower(w.rules)
	var all []string
	for i, r := range kafkatest.Read(w.t, w.Cluster, w.topo.Output, int(w.Fake().PartitionInfo(w.topo.Output, 0).HighWatermark)) {
		happened, err := f.Record(string(r.Key), r.Value, header(r, codec.HeaderPositions))
		if !errors.Is(err, events.ErrForeign) {
			require.NoError(w.t, err)
		}
		for _, e := range happened {
			if i >= first {
				value, err := codec.EncodeEvent(&e)
				require.NoError(w.t, err)
				all = append(all, string(value))
			}
		}
	}
	return all
}

func header(r *kgo.Record, name string) []byte {
	for _, h := range r.Headers {
		if h.Key == name {
			return h.Value
		}
	}
	return nil
}

// check waits for the events, and for a last board's, after which there are no others.
func (w *eventsWorld) check(first int) {
	w.t.Helper()
	w.publish("last", "")
	want := w.want(first)
	var got []string
	for _, r := range kafkatest.Read(w.t, w.Cluster, w.topo.Events, len(want)) {
		got = append(got, string(r.Value))
		e, err := codec.DecodeEvent(r.Value)
		require.NoError(w.t, err)
		assert.Equal(w.t, e.Board, string(r.Key))
		assert.Equal(w.t, string(e.Kind), string(header(r, codec.HeaderEvent)))
		assert.Equal(w.t, e.ID(), string(header(r, codec.HeaderEventID)))
	}
	require.Equal(w.t, want, got)
}

// owned waits until an instance has committed the position after what the output has now.
func (w *eventsWorld) owned() {
	w.t.Helper()
	end := w.Fake().PartitionInfo(w.topo.Output, 0).HighWatermark
	cluster := kafka.New(kafka.Config{Brokers: w.Brokers(), ClientID: "look"})
	defer cluster.Close()
	require.Eventually(w.t, func() bool {
		at := int64(-1)
		bounds, err := cluster.AllBounds(w.t.Context(), w.topo.AlertTable)
		require.NoError(w.t, err)
		require.NoError(w.t, cluster.ReadBounds(w.t.Context(), w.topo.AlertTable, bounds, func(r *kafka.Record) error {
			if string(r.Key) == codec.EventsPositionKey() {
				p, err := codec.DecodeEventsPosition(r.Value)
				require.NoError(w.t, err)
				at = p.Next
			}
			return nil
		}))
		return at >= end
	}, 20*time.Second, 5*time.Millisecond)
}

// TestEventsOfBoards: the boards that are there at the very first start have no events. An owner goes on
// where the one before it stopped, with what was published meanwhile. Records that are not of pageheat are passed
// over.
func TestEventsOfBoards(t *testing.T) {
	w := newEventsWorld(t, kafkatest.Embedded(t))
	w.publish("a b c", "b a c")
	in := w.start()
	w.owned()
	w.publish("c b a", "c b")
	w.record("all-time", nil)
	w.record("strange", []byte("no board"))
	w.publish("x y")
	w.record("all-time", []byte("no board"))
	w.publish("y x")
	w.owned()
	in.end(t)
	w.publish("y x z", "z y x")
	w.start()
	w.check(2)
}

// TestEventsOfEachBoardOnce: whichever request of a transaction fails, each board has its events once.
func TestEventsOfEachBoardOnce(t *testing.T) {
	for name, fault := range map[string]func(*topology.Topology) kfake.Fault{
		"take-over": func(topo *topology.Topology) kfake.Fault {
			return kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, TxnID: topo.AlertTransactionalID()}
		},
		"join": func(topo *topology.Topology) kfake.Fault {
			return kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Group: topo.AlertGroup}
		},
		"partitions": func(topo *topology.Topology) kfake.Fault {
			return kfake.Fault{Keys: []kmsg.Key{kmsg.AddPartitionsToTxn}, TxnID: topo.AlertTransactionalID()}
		},
		"events": func(topo *topology.Topology) kfake.Fault {
			return kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topo.Events}
		},
		"table": func(topo *topology.Topology) kfake.Fault {
			return kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topo.AlertTable}
		},
		"commit": func(topo *topology.Topology) kfake.Fault {
			return kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, TxnID: topo.AlertTransactionalID()}
		},
		"group's offset": func(topo *topology.Topology) kfake.Fault {
			return kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Group: topo.AlertGroup}
		},
		"boards": func(topo *topology.Topology) kfake.Fault {
			return kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: topo.Output}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEventsWorld(t, kafkatest.Embedded(t))
			w.publish("a b c")
			w.start()
			w.owned()
			for i, err := range []*kerr.Error{kerr.UnknownServerError, kerr.NotLeaderForPartition, kerr.InvalidProducerEpoch} {
				f := fault(w.topo)
				f.Err = err
				w.Fake().Fault(f)
				w.publish(fmt.Sprint("b a c", i), "c b a", "a c b")
				w.owned()
			}
			w.check(1)
		})
	}
}

// TestEventsOfTwoOwners: one that was frozen and thaws after another has taken over writes nothing more.
func TestEventsOfTwoOwners(t *testing.T) {
	w := newEventsWorld(t, kafkatest.Embedded(t))
	w.publish("a b c")
	w.start()
	w.owned()
	for i := range 5 {
		w.publish(fmt.Sprint("b a c", i), "c b a")
		in := w.start() // each member that joins or leaves ends the session of the owner
		w.publish("a b c", "b c a")
		if i%2 == 0 {
			w.owned()
			in.end(t)
		}
		w.publish("a b c", "b c a")
	}
	w.owned()
	w.check(1)
}
