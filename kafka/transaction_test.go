package kafka

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/integration/kafkatest"
)

// TestTransaction: all of it is visible, or none.
func TestTransaction(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	kafkatest.CreateTopic(t, brokers, "table", 2)
	c := New(Config{Brokers: brokers.Brokers(), ClientID: "test"})
	t.Cleanup(c.Close)
	visible := func() (n int) {
		bounds, err := c.AllBounds(t.Context(), "table")
		require.NoError(t, err)
		for p, b := range bounds {
			b.End = b.Stable
			bounds[p] = b
		}
		require.NoError(t, c.ReadBounds(t.Context(), "table", bounds, func(*Record) error { n++; return nil }))
		return n
	}
	begin := func(records int) *Transaction {
		tx, err := c.Transaction(t.Context(), "test", "table", "id")
		require.NoError(t, err)
		for i := range records {
			require.NoError(t, tx.Queue(t.Context(), &Record{Partition: int32(i % 2), Value: fmt.Append(nil, i)}))
		}
		return tx
	}
	tx := begin(10)
	written, err := tx.Flush(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[int32]Written{0: {First: 0, Last: 4, Records: 5}, 1: {First: 0, Last: 4, Records: 5}}, written)
	assert.Zero(t, visible())
	tx.Close()
	assert.Zero(t, visible(), "it was given up")

	left := begin(4) // by a process that was killed
	_, err = left.Flush(t.Context())
	require.NoError(t, err)
	tx = begin(6)
	require.NoError(t, tx.Commit(t.Context()))
	tx.Close()
	assert.Equal(t, 6, visible())
	require.Error(t, left.Commit(t.Context()), "it is fenced")
	left.Close()
	assert.Equal(t, 6, visible())

	ctx, cancel := context.WithCancel(t.Context())
	tx = begin(1)
	cancel()
	require.ErrorIs(t, tx.Queue(ctx, &Record{}), context.Canceled)
	tx.Close()
	assert.Equal(t, 6, visible())
}

// TestTransactionWhereBrokersAllowLess: their longest timeout is shorter.
func TestTransactionWhereBrokersAllowLess(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	kafkatest.CreateTopic(t, brokers, "table", 1)
	c := New(Config{Brokers: brokers.Brokers(), ClientID: "test"})
	t.Cleanup(c.Close)
	longest := int32(TransactionTimeout.Milliseconds())
	brokers.Fake().ControlKey(int16(kmsg.InitProducerID), func(request kmsg.Request) (kmsg.Response, error, bool) {
		brokers.Fake().KeepControl()
		r := request.(*kmsg.InitProducerIDRequest)
		if r.TransactionTimeoutMillis <= longest {
			return nil, nil, false
		}
		response := r.ResponseKind().(*kmsg.InitProducerIDResponse)
		response.ErrorCode = kerr.InvalidTransactionTimeout.Code
		return response, nil, true
	})
	tx, err := c.Transaction(t.Context(), "test", "table", "id")
	require.NoError(t, err)
	require.NoError(t, tx.Queue(t.Context(), &Record{Value: []byte("x")}))
	require.NoError(t, tx.Commit(t.Context()))
	tx.Close()

	longest = 0
	_, err = c.Transaction(t.Context(), "test", "table", "id")
	require.ErrorContains(t, err, "transaction.max.timeout.ms")
}
