package views

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
)

// output is a topic on its own broker.
func output(t *testing.T) Output {
	t.Helper()
	brokers := kafkatest.Embedded(t)
	topic := "boards"
	kafkatest.CreateTopic(t, brokers, topic, 1)
	cluster := kafka.New(kafka.Config{Brokers: brokers.Brokers(), ClientID: "test"})
	t.Cleanup(cluster.Close)
	return Output{Cluster: cluster, Topic: topic, Logger: slog.New(slog.DiscardHandler)}
}

// publish sends boards of a name with these versions.
func publish(t *testing.T, o Output, name string, versions ...uint64) {
	t.Helper()
	client, err := o.Cluster.Client("test")
	require.NoError(t, err)
	defer client.Close()
	for _, v := range versions {
		value, err := codec.EncodeBoard(&codec.Board{Board: name, Version: v, UpdatedAt: time.Unix(int64(v), 0), Counted: v,
			Pages: []codec.BoardPage{{Rank: 1, Page: fmt.Sprintf("page%d", v), Heat: "0.8", Clicks: "1", Minutes: "0", Likes: "0", Behaviours: 1}}})
		require.NoError(t, err)
		client.Produce(t.Context(), &kgo.Record{Topic: o.Topic, Key: []byte(name), Value: value}, func(_ *kgo.Record, err error) {
			assert.NoError(t, err)
		})
	}
	require.NoError(t, client.Flush(t.Context()))
}

func TestNewestBoardIsFoundFarBack(t *testing.T) {
	o := output(t)
	var others []uint64
	for v := range uint64(2000) {
		others = append(others, v+1)
	}
	publish(t, o, "all-time", 3, 2)
	publish(t, o, "weekly", others...)

	newest, err := o.Newest(t.Context(), "all-time")
	require.NoError(t, err)
	require.NotNil(t, newest.Board)
	assert.Equal(t, uint64(3), newest.Board.Version)

	newest, err = o.Newest(t.Context(), "monthly")
	require.NoError(t, err)
	assert.Nil(t, newest.Board)
}

func TestFollowGivesOnlyNewerBoards(t *testing.T) {
	o := output(t)
	publish(t, o, "all-time", 5, 7, 6)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var versions []uint64
	for b, err := range o.Follow(ctx, "all-time") {
		require.NoError(t, err)
		versions = append(versions, b.Board.Version)
		switch b.Board.Version {
		case 7: // the initial board; the next one arrives while it reads
			publish(t, o, "weekly", 100)
			publish(t, o, "all-time", 7, 6, 9, 8, 12)
		case 12:
			cancel()
		}
		if b.Board.Version == 12 {
			break
		}
	}
	assert.Equal(t, []uint64{7, 9, 12}, versions)
}

func TestFollowEndsWhenToldTo(t *testing.T) {
	o := output(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range o.Follow(ctx, "all-time") {
		assert.ErrorIs(t, err, context.Canceled)
	}
}

// Names are those of boards, not of their groups and periods, and not of deleted ones.
func TestNamesOfBoards(t *testing.T) {
	o := output(t)
	for _, key := range []string{"today/sport", "today/arts", "all-time", "today", "gone", "gone/sport"} {
		publish(t, o, key, 1)
	}
	client, err := o.Cluster.Client("test")
	require.NoError(t, err)
	defer client.Close()
	for _, key := range []string{"gone", "gone/sport"} {
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: o.Topic, Key: []byte(key)}).FirstErr())
	}
	names, err := o.Names(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"all-time", "today"}, names)
	sport, err := o.Newest(t.Context(), "today/sport")
	require.NoError(t, err)
	require.NotNil(t, sport.Board)
}
