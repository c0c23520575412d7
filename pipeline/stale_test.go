package pipeline

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/store"
	"pageheat/topology"
)

// staleCluster is a cluster whose broker of the partition does not know yet that it leads it
// no more.
type staleCluster struct {
	lookups
	ends, stale int64
	until       time.Time // when the right broker is asked
	asked       int
	err         error // of the second question

	committed int64 // of the group
}

func (c *staleCluster) Topic(context.Context, string) (kafka.Topic, error) {
	return kafka.Topic{ID: codec.TopicID{1}}, nil
}

func (c *staleCluster) Bounds(context.Context, string, int32) (kafka.Bounds, error) {
	c.asked++
	switch {
	case c.asked == 1 || time.Now().Before(c.until):
		return kafka.Bounds{End: c.stale}, nil
	case c.err != nil:
		return kafka.Bounds{}, c.err
	}
	return kafka.Bounds{End: c.ends}, nil
}

func (c *staleCluster) Committed(context.Context, string, string) (map[int32]int64, error) {
	return map[int32]int64{0: c.committed}, nil
}

// TestAStaleEndIsAskedForAgain: for a while, before what was
// committed is taken to be above the end.
func TestAStaleEndIsAskedForAgain(t *testing.T) {
	const at = 100 // was committed, and the table goes on there
	roles := map[string]func(ctx context.Context, topics *topics) error{
		"ingest": func(ctx context.Context, topics *topics) error {
			in := NewIngest(IngestConfig{Settings: Settings{Topology: &topology.Topology{Input: "input"}}})
			in.topics = topics
			p := newFailedProducer()
			in.producer = newProducer(p, in.route, "")
			defer p.AsyncClose()
			s := testSession(&fakeSession{ctx: ctx, offsets: make(map[int32]int64)})
			defer s.cancel()
			err := in.setup(ctx, s)
			if err == nil {
				assert.EqualValues(t, at-1, in.starts[0].From)
			}
			return err
		},
		"heat": func(ctx context.Context, topics *topics) error {
			set := quiet()
			set.Topology = &topology.Topology{HeatTable: "table"}
			h := NewHeat(HeatConfig{Settings: set}, "owner")
			h.topics = topics
			partition := store.New(store.Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10})
			fence := codec.Fence{Owner: "owner/1"}
			require.NoError(t, partition.Set(codec.FenceKey(0), codec.AppendFence(nil, fence)))
			require.NoError(t, partition.Set(codec.ProgressKey(0), codec.AppendProgress(nil, &codec.Progress{
				Behavior: codec.TopicID{1}, Input: codec.TopicID{2}, Partitions: 1, Next: at})))
			s := testSession(&fakeSession{ctx: ctx, offsets: make(map[int32]int64)})
			return h.check(ctx, s, &task{partition: partition, transaction: &transaction{fence: fence}}, "input", codec.TopicID{1})
		},
	}
	for name, c := range map[string]struct {
		ends      int64
		stale     time.Duration
		gives     time.Duration // up
		permanent bool
		err       error
		takes     time.Duration
	}{
		"an old leader is asked first": {ends: at, takes: time.Second},
		"it does not know for a while": {ends: at, stale: 20 * time.Second, takes: 20 * time.Second},
		"the log has become shorter":   {ends: at - 1, permanent: true, takes: 31 * time.Second},
		"the session ends":             {ends: at - 1, gives: 10 * time.Second, err: errSessionOver, takes: 10 * time.Second},
		"no broker answers":            {ends: at, err: io.EOF, takes: time.Second},
	} {
		for role, begin := range roles {
			t.Run(role+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, giveUp := context.WithCancel(t.Context())
					defer giveUp()
					if c.gives > 0 {
						time.AfterFunc(c.gives-time.Millisecond, giveUp)
					}
					cluster := &staleCluster{ends: c.ends, stale: at - 1, until: time.Now().Add(c.stale), committed: at}
					if c.gives == 0 {
						cluster.err = c.err
					}
					began := time.Now()
					err := begin(ctx, &topics{cluster: cluster})
					assert.InDelta(t, c.takes, time.Since(began), float64(time.Millisecond))
					assert.Greater(t, cluster.asked, 1)
					switch {
					case c.permanent:
						require.NotNil(t, failure.As(err), "%v", err)
						require.ErrorContains(t, failure.As(err), failure.Recreated)
					case c.err != nil:
						require.ErrorIs(t, err, c.err)
						require.Nil(t, failure.As(err), "it may pass")
					default:
						require.NoError(t, err)
					}
				})
			})
		}
	}
}
