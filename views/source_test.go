package views

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"pageheat/codec"
	"pageheat/integration/kafkatest"
	"pageheat/integration/samples"
	"pageheat/topology"
)

// soon is the time limit for events that must happen; only a failure uses it up.
const soon = 20 * time.Second

func saramaConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	c.Consumer.Return.Errors = true
	c.Consumer.MaxWaitTime = 50 * time.Millisecond
	c.Metadata.Retry.Max = 1
	c.Metadata.Retry.Backoff = 10 * time.Millisecond
	c.Producer.Return.Successes = true
	return c
}

func sourceOf(brokers []string, topic string) Source {
	return Source{
		Brokers: brokers, Topic: topic,
		Consumer: func(brokers []string, _ string) (sarama.Consumer, error) {
			return sarama.NewConsumer(brokers, saramaConfig())
		},
		TopicManager: func(brokers []string) (goka.TopicManager, error) {
			return goka.NewTopicManager(brokers, saramaConfig(), goka.NewTopicManagerConfig())
		},
	}
}

// noLeaks checks that goroutines started after it have ended by the end of the test. Call it
// first, so that it runs after all other cleanups.
func noLeaks(t *testing.T) {
	leaks := []goleak.Option{
		goleak.IgnoreCurrent(),
		// One per process, started by sarama's first client.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
	}
	t.Cleanup(func() { goleak.VerifyNone(t, leaks...) })
}

// table is a topic on an embedded broker that a goka emitter writes to.
type table struct {
	*kafkatest.Cluster
	emitter *goka.Emitter
}

const tableTopic = "a-table"

func newTable(t *testing.T, partitions int32) *table {
	noLeaks(t)
	cluster := kafkatest.Embedded(t)
	kafkatest.CreateTopic(t, cluster, tableTopic, partitions, "cleanup.policy", "compact")
	emitter, err := goka.NewEmitter(cluster.Brokers(), tableTopic, codec.Raw{},
		goka.WithEmitterHasher(topology.Hasher()),
		goka.WithEmitterProducerBuilder(goka.ProducerBuilderWithConfig(saramaConfig())))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, emitter.Finish()) })
	return &table{cluster, emitter}
}

// set writes a value and returns when the broker has it; nil deletes the key.
func (tb *table) set(t *testing.T, key string, value []byte) {
	t.Helper()
	var v any
	if value != nil {
		v = value
	}
	require.NoError(t, tb.emitter.EmitSync(key, v))
}

// running runs a function until the test ends or stop is called. The function must then return
// nil.
func running(t *testing.T, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	var once atomic.Bool
	stop = func() {
		cancel()
		if once.CompareAndSwap(false, true) {
			require.NoError(t, <-ended)
		}
	}
	t.Cleanup(stop)
	return stop
}

// waitBoard waits until the newest board is as wanted, using the change signal.
func waitBoard(t *testing.T, boards *Boards, want func(Board, bool) bool) Board {
	t.Helper()
	timeout := time.After(soon)
	for {
		changed := boards.Changed(DefaultBoard)
		board, ok := boards.Newest(DefaultBoard)
		if want(board, ok) {
			return board
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("the newest board is %v (%v)", board.Version, ok)
		}
	}
}

func version(v uint64) func(Board, bool) bool {
	return func(b Board, ok bool) bool { return ok && b.Version == v }
}

func TestBoardsFollowTheOutputTopic(t *testing.T) {
	tb := newTable(t, 1)
	third := samples.Board(t, 3, 30, samples.BoardPage("p", "4.6"))
	tb.set(t, DefaultBoard, samples.Board(t, 1, 10))
	tb.set(t, DefaultBoard, samples.Board(t, 2, 20))
	tb.set(t, DefaultBoard, third)

	boards, err := NewBoards(sourceOf(tb.Brokers(), tableTopic))
	require.NoError(t, err)
	require.ErrorIs(t, boards.Ready(), ErrRecovering)
	_, ok := boards.Newest(DefaultBoard)
	require.False(t, ok)

	stop := running(t, boards.Run)
	var first uint64
	board := waitBoard(t, boards, func(b Board, ok bool) bool {
		if ok && first == 0 {
			first = b.Version
		}
		return ok
	})
	require.EqualValues(t, 3, first, "what was before is history and not shown")
	require.Equal(t, string(third), string(board.Value), "the bytes of the topic")
	require.True(t, boards.Recovered())

	// A record that is not a board does not stop the reader.
	tb.set(t, DefaultBoard, []byte("not a board"))
	tb.set(t, DefaultBoard, samples.Board(t, 4, 40))
	waitBoard(t, boards, version(4))
	require.NoError(t, boards.Ready())

	// It stays readable when it is stopped, and continues from there.
	stop()
	require.ErrorIs(t, boards.Ready(), ErrRecovering)
	waitBoard(t, boards, version(4))
	tb.set(t, DefaultBoard, samples.Board(t, 5, 50))
	running(t, boards.Run)
	waitBoard(t, boards, version(5))

	tb.set(t, "today/sport", encoded(t, &codec.Board{Board: "today/sport", Version: 1}))
	tb.set(t, DefaultBoard, nil)
	waitBoard(t, boards, func(_ Board, ok bool) bool { return !ok })
	require.Equal(t, []string{"today/sport"}, keys(boards))
}

func TestBoardsOfAnEmptyTopicRecover(t *testing.T) {
	tb := newTable(t, 1)
	boards, err := NewBoards(sourceOf(tb.Brokers(), tableTopic))
	require.NoError(t, err)
	running(t, boards.Run)
	require.Eventually(t, func() bool { return boards.Ready() == nil }, soon, 5*time.Millisecond)
	tb.set(t, DefaultBoard, samples.Board(t, 1, 10))
	waitBoard(t, boards, version(1))
}

func TestOnlyNewerBoardsAreTaken(t *testing.T) {
	boards, err := NewBoards(Source{Brokers: []string{"x"}, Topic: "y"})
	require.NoError(t, err)
	third := samples.Board(t, 3, 30)
	record := func(key string, value []byte) (signalled bool) {
		changed := boards.Changed(key)
		require.NoError(t, boards.update(&goka.DefaultUpdateContext{}, nil, key, value), "no record ends a view")
		select {
		case <-changed:
			return true
		default:
			return false
		}
	}
	require.False(t, record(DefaultBoard, third))
	_, ok := boards.Newest(DefaultBoard)
	require.False(t, ok, "not while there may be a newer one to read")
	boards.show()
	for what, r := range map[string]struct {
		key   string
		value []byte
	}{
		"an older version":               {DefaultBoard, samples.Board(t, 2, 20)},
		"the same version again":         {DefaultBoard, samples.Board(t, 3, 99)},
		"no JSON":                        {DefaultBoard, []byte("not a board")},
		"another board's":                {"other-name", samples.Board(t, 77, 1)},
		"the deletion of an unknown one": {"other-name", nil},
	} {
		require.False(t, record(r.key, r.value), what)
		board, ok := boards.Newest(DefaultBoard)
		require.True(t, ok)
		require.Equal(t, string(third), string(board.Value), what)
		_, ok = boards.Newest("other-name")
		require.False(t, ok, what)
	}
	require.True(t, record(DefaultBoard, samples.Board(t, 4, 40)))
}

// A view whose brokers go away serves its data, reports it, and continues when they are back.
func TestViewOutlivesItsBrokers(t *testing.T) {
	tb := newTable(t, 1)
	tb.set(t, DefaultBoard, samples.Board(t, 1, 10))
	boards, err := NewBoards(sourceOf(tb.Brokers(), tableTopic))
	require.NoError(t, err)
	boards.reader.grace = 100 * time.Millisecond
	running(t, boards.Run)
	waitBoard(t, boards, version(1))
	require.Eventually(t, func() bool { return boards.Ready() == nil }, soon, 5*time.Millisecond)

	var away atomic.Bool
	away.Store(true)
	fake := tb.Fake()
	for _, request := range []kmsg.Key{kmsg.Fetch, kmsg.ListOffsets} {
		fake.ControlKey(request.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			fake.KeepControl()
			return nil, errors.New("away"), away.Load()
		})
	}
	require.Eventually(t, func() bool { return errors.Is(boards.Ready(), errDisconnected) }, soon, 5*time.Millisecond)
	waitBoard(t, boards, version(1))

	away.Store(false)
	tb.set(t, DefaultBoard, samples.Board(t, 2, 20))
	waitBoard(t, boards, version(2))
	require.Eventually(t, func() bool { return boards.Ready() == nil }, soon, 5*time.Millisecond)
}

func TestSourceThatCannotBeFollowed(t *testing.T) {
	noLeaks(t)
	_, err := NewBoards(Source{Topic: "t"})
	require.ErrorContains(t, err, "brokers")
	_, err = NewBoards(Source{Brokers: []string{"b"}})
	require.ErrorContains(t, err, "topic")

	// Nobody listens on the port of a closed listener.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	boards, err := NewBoards(sourceOf([]string{l.Addr().String()}, "nowhere"))
	require.NoError(t, err)
	require.ErrorContains(t, boards.Run(t.Context()), "following topic nowhere")

	// Neither connection is left open when only the second one fails.
	cluster := kafkatest.Embedded(t)
	source := sourceOf(cluster.Brokers(), "missing")
	source.TopicManager = func([]string) (goka.TopicManager, error) { return nil, errors.New("no manager") }
	boards, err = NewBoards(source)
	require.NoError(t, err)
	require.ErrorContains(t, boards.Run(t.Context()), "no manager")
}
