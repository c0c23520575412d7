package processors_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/store"
)

func keptPartition(id int32) *store.Partition {
	return store.New(store.Config{ID: id, Partitions: 3, Scorer: heat.DefaultWeights(), Top: 10})
}

// What a process keeps of its heat partitions.
func TestHeatStoresKeep(t *testing.T) {
	counted := func() *store.Partition {
		p := keptPartition(0)
		p.Begin(codec.TopicID{2}, 0)
		_, err := p.Apply(codec.AppendRangeHeader(nil, codec.RangeHeader{Input: codec.TopicID{7}, Targets: 3, From: -1, To: 4, Limits: heat.DefaultLimits()}, 0), 0, nil)
		require.NoError(t, err)
		return p
	}
	ahead, committing := counted(), counted()
	committing.Checkpoint()
	discarded := keptPartition(0)
	require.NoError(t, discarded.Discard())
	for _, c := range []struct {
		name      string
		partition *store.Partition
		fault     error
		want      bool
	}{
		{"all of it is in the changelog", keptPartition(0), nil, true},
		{"its session failed", keptPartition(0), errors.New("no"), false},
		{"a range is not committed", ahead, nil, false},
		{"nobody knows whether its commit was done", committing, nil, false},
		{"it was discarded", discarded, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			stores := processors.NewHeatStores(false)
			require.Equal(t, c.want, stores.Keep(c.partition, c.fault))
			if !c.want {
				require.Nil(t, stores.Take(0))
				return
			}
			require.False(t, stores.Keep(keptPartition(0), nil), "there is one already")
			require.Same(t, c.partition, stores.Take(0))
			require.Nil(t, stores.Take(0), "it is handed over")
		})
	}
}

func TestHeatStoresBegin(t *testing.T) {
	for _, standby := range []bool{false, true} {
		stores := processors.NewHeatStores(standby)
		mine, theirs := keptPartition(0), keptPartition(1)
		require.True(t, stores.Keep(mine, nil))
		require.True(t, stores.Keep(theirs, nil))
		others := stores.Begin([]int32{0, 2})
		require.Same(t, mine, stores.Take(0))
		if standby {
			require.Empty(t, others, "it follows them")
			require.Same(t, theirs, stores.Take(1))
		} else {
			require.Equal(t, []*store.Partition{theirs}, others)
			require.Nil(t, stores.Take(1))
		}
	}
}

func TestAfterFollowing(t *testing.T) {
	passes, permanent := errors.New("away"), fmt.Errorf("reading: %w", failure.New("start over", "it does not decode"))
	for _, c := range []struct {
		name         string
		err          error
		gone, failed bool
		want         processors.Follow
	}{
		{"brokers are away", passes, false, false, processors.FollowOn},
		{"the right to read is missing", permanent, false, false, processors.FollowOn},
		{"what comes next was deleted", passes, true, false, processors.FollowAnew},
		{"the disk failed", passes, false, true, processors.FollowAnew},
		{"the log became shorter, and the disk failed", passes, true, true, processors.FollowAnew},
		{"a record does not decode", permanent, false, true, processors.FollowNoMore},
		{"the log ends before what was committed", permanent, true, false, processors.FollowNoMore},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, processors.AfterFollowing(c.err, c.gone, c.failed)) })
	}
}
