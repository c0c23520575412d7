package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/failure"
	"pageheat/kafka"
)

// span is all of the log up to an offset.
func (l *txnLog) span(to int64) kafka.Span {
	l.t.Helper()
	topic, err := l.cluster.Topic(l.t.Context(), l.Topic)
	require.NoError(l.t, err)
	return kafka.Span{Topic: topic, From: kafka.Beginning, To: to}
}

func offsets(records []*kafka.Record) (all []int64) {
	for _, r := range records {
		all = append(all, r.Offset)
	}
	return all
}

// A span is read to its end, whatever its last records are.
func TestReadIsOfCommittedRecords(t *testing.T) {
	_, brokers := embeddedBrokers(t)
	l := newTxnLog(t, brokers, nil)
	l.Begin("a", 2)
	l.End("a", kgo.TryCommit)
	aborted := l.Begin("a", 3)
	l.End("a", kgo.TryAbort)
	l.Settled(aborted)
	last := l.Write(2)
	l.Settled(last)
	var got []int64
	reached := int64(0)
	read := func(records []*kafka.Record, next int64) error {
		got, reached = append(got, offsets(records)...), next
		return nil
	}
	require.NoError(t, l.cluster.Read(t.Context(), l.span(last+1), read))
	require.Equal(t, []int64{0, 1, last - 1, last}, got)
	require.Equal(t, last+1, reached)

	got = nil
	require.NoError(t, l.cluster.Read(t.Context(), l.span(aborted+1), read))
	require.Equal(t, []int64{0, 1}, got)
	require.Equal(t, aborted+1, reached, "nothing is handed over of its end")

	wrong := errors.New("wrong")
	require.ErrorIs(t, l.cluster.Read(t.Context(), l.span(last+1), func([]*kafka.Record, int64) error { return wrong }), wrong)
}

// TestReadWaitsForATransaction: its records are read once they are committed.
func TestReadWaitsForATransaction(t *testing.T) {
	_, brokers := embeddedBrokers(t)
	l := newTxnLog(t, brokers, nil)
	l.Write(1)
	last := l.Begin("a", 2)
	span := l.span(last + 1)
	span.Wait = true
	first, done := make(chan struct{}, 3), make(chan error, 1)
	var got []int64
	go func() {
		done <- l.cluster.Read(t.Context(), span, func(records []*kafka.Record, _ int64) error {
			got = append(got, offsets(records)...)
			first <- struct{}{}
			return nil
		})
	}()
	<-first
	l.End("a", kgo.TryCommit)
	require.NoError(t, <-done)
	require.Equal(t, []int64{0, 1, 2}, got)
}

func TestReadOfWhatIsGone(t *testing.T) {
	_, brokers := embeddedBrokers(t)
	l := newTxnLog(t, brokers, nil)
	l.Write(3)
	l.DeleteBefore(2)
	span := l.span(3)
	span.From = 0
	err := l.cluster.Read(t.Context(), span, func([]*kafka.Record, int64) error { return nil })
	require.ErrorIs(t, err, kerr.OffsetOutOfRange)
	require.ErrorContains(t, err, "partition 0 at offset 0")
	require.Nil(t, failure.As(err))
}

func TestFollow(t *testing.T) {
	_, brokers := embeddedBrokers(t)
	l := newTxnLog(t, brokers, nil)
	l.Write(2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f, err := l.cluster.Follow(ctx, "test", l.Topic, map[int32]int64{0: kafka.Beginning})
	require.NoError(t, err)
	defer f.Close()
	next := func() int64 {
		select {
		case r := <-f.Records():
			return r.Offset
		case <-time.After(10 * time.Second):
			t.Fatal("nothing comes")
			return 0
		}
	}
	require.Equal(t, []int64{0, 1}, []int64{next(), next()})
	l.Begin("a", 1)
	l.End("a", kgo.TryAbort)
	last := l.Write(1)
	require.Equal(t, last, next(), "an aborted record is none")
	require.NoError(t, f.Err())
	cancel()
	_, more := <-f.Records()
	require.False(t, more)
	require.ErrorIs(t, f.Err(), context.Canceled)
}

// TestFollowFromWhatIsGone: nothing is skipped silently.
func TestFollowFromWhatIsGone(t *testing.T) {
	_, brokers := embeddedBrokers(t)
	l := newTxnLog(t, brokers, nil)
	l.Write(3)
	l.DeleteBefore(2)
	f, err := l.cluster.Follow(t.Context(), "test", l.Topic, map[int32]int64{0: 0})
	require.NoError(t, err)
	defer f.Close()
	_, more := <-f.Records()
	require.False(t, more)
	require.ErrorIs(t, f.Err(), kerr.OffsetOutOfRange)
	require.ErrorContains(t, f.Err(), "partition 0")
}
