package kafkatest_test

import (
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/kafkatest"
)

func transactional(t *testing.T, c *kafkatest.Cluster, id string, timeout time.Duration) sarama.SyncProducer {
	t.Helper()
	cfg := config()
	cfg.Producer.Transaction.ID = id
	cfg.Producer.Transaction.Timeout = timeout
	cfg.Producer.Transaction.Retry.Max = 250
	cfg.Producer.Transaction.Retry.Backoff = 20 * time.Millisecond
	p, err := sarama.NewSyncProducer(c.Brokers(), cfg)
	require.NoError(t, err)
	return p
}

func readCommitted(t *testing.T, c *kafkatest.Cluster) {
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 1)
	p := transactional(t, c, topic, time.Minute)
	defer func() { assert.NoError(t, p.Close()) }()
	require.NoError(t, p.BeginTxn())
	send(t, p, topic, "a", "b")
	require.NoError(t, p.CommitTxn())
	require.NoError(t, p.BeginTxn())
	send(t, p, topic, "aborted")
	require.NoError(t, p.AbortTxn())
	require.NoError(t, p.BeginTxn())
	send(t, p, topic, "c")
	require.NoError(t, p.CommitTxn())
	require.NoError(t, p.BeginTxn())
	open := send(t, p, topic, "open")

	assert.Equal(t, []string{"a", "b", "c"}, consume(t, c, topic, sarama.ReadCommitted, "c"))
	assert.Equal(t, []string{"a", "b", "aborted", "c", "open"}, consume(t, c, topic, sarama.ReadUncommitted, "open"))
	stable, high := lastStable(t, c, topic)
	assert.Equal(t, open, stable, "the last stable offset is where the open transaction begins")
	assert.Equal(t, open+1, high)
	resp := fetch(t, c, topic, 0)
	require.Len(t, resp.AbortedTransactions, 1)
	assert.EqualValues(t, 3, resp.AbortedTransactions[0].FirstOffset)
	require.NoError(t, p.CommitTxn())
	// The coordinator answers before the marker is written.
	require.Eventually(t, func() bool {
		stable, high = lastStable(t, c, topic)
		return stable == open+2
	}, 10*time.Second, 10*time.Millisecond, "a marker follows the record")
	assert.Equal(t, open+2, high)
}

// lastStable returns the end offsets of partition 0: for readers of committed records, and for
// all readers.
func lastStable(t *testing.T, c *kafkatest.Cluster, topic string) (stable, high int64) {
	t.Helper()
	cl := client(t, c)
	b, err := cl.Leader(topic, 0)
	require.NoError(t, err)
	ask := func(isolation sarama.IsolationLevel) int64 {
		req := sarama.NewOffsetRequest(cl.Config().Version)
		req.IsolationLevel = isolation
		req.AddBlock(topic, 0, sarama.OffsetNewest, 1)
		resp, err := b.GetAvailableOffsets(req)
		require.NoError(t, err)
		block := resp.GetBlock(topic, 0)
		require.NotNil(t, block)
		require.Equal(t, sarama.ErrNoError, block.Err)
		return block.Offset
	}
	return ask(sarama.ReadCommitted), ask(sarama.ReadUncommitted)
}

// fetch fetches partition 0 with isolation level read_committed.
func fetch(t *testing.T, c *kafkatest.Cluster, topic string, offset int64) *sarama.FetchResponseBlock {
	t.Helper()
	cl := client(t, c)
	b, err := cl.Leader(topic, 0)
	require.NoError(t, err)
	req := &sarama.FetchRequest{Version: 11, MaxWaitTime: 100, MinBytes: 1, MaxBytes: 1 << 20, Isolation: sarama.ReadCommitted, SessionID: 0, SessionEpoch: -1}
	req.AddBlock(topic, 0, offset, 1<<20, -1)
	resp, err := b.Fetch(req)
	require.NoError(t, err)
	block := resp.GetBlock(topic, 0)
	require.NotNil(t, block)
	require.Equal(t, sarama.ErrNoError, block.Err)
	return block
}

func transactionOffsets(t *testing.T, c *kafkatest.Cluster) {
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 1)
	p := transactional(t, c, topic, time.Minute)
	require.NoError(t, p.BeginTxn())
	last := send(t, p, topic, "a", "b")
	require.NoError(t, p.CommitTxn())
	require.NoError(t, p.Close())
	p = transactional(t, c, topic, time.Minute)
	defer func() { assert.NoError(t, p.Close()) }()
	require.NoError(t, p.BeginTxn())
	assert.Equal(t, last+2, send(t, p, topic, "fence"), "one marker between, and none for a take-over without an open transaction")
	require.NoError(t, p.CommitTxn())
}

func takeOverFences(t *testing.T, c *kafkatest.Cluster) {
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 1)
	old := transactional(t, c, topic, time.Minute)
	require.NoError(t, old.BeginTxn())
	send(t, old, topic, "old")
	heir := transactional(t, c, topic, time.Minute)
	defer func() { assert.NoError(t, heir.Close()) }()
	require.NoError(t, heir.BeginTxn())
	send(t, heir, topic, "new")
	require.NoError(t, heir.CommitTxn())

	// The fenced producer may report it late, or never return.
	failed := make(chan error, 1)
	go func() {
		_, _, err := old.SendMessage(message(topic, "late", "late"))
		if err == nil {
			err = old.CommitTxn()
		}
		failed <- err
	}()
	select {
	case err := <-failed:
		want := sarama.ErrInvalidProducerEpoch
		if c.Fake() != nil {
			want = sarama.ErrInvalidTxnState // kfake checks the new owner's state before the epoch
		}
		require.ErrorIs(t, err, want)
	case <-testContext(t).Done():
		require.Fail(t, "the fenced owner hears nothing")
	}
	require.NoError(t, heir.BeginTxn())
	send(t, heir, topic, "newer")
	require.NoError(t, heir.CommitTxn())
	assert.Equal(t, []string{"new", "newer"}, consume(t, c, topic, sarama.ReadCommitted, "newer"))
}

func takeOverAborts(t *testing.T, c *kafkatest.Cluster) {
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 1)
	old := transactional(t, c, topic, time.Minute)
	require.NoError(t, old.BeginTxn())
	last := send(t, old, topic, "open")
	heir := transactional(t, c, topic, time.Minute)
	defer func() { assert.NoError(t, heir.Close()) }()
	require.NoError(t, heir.BeginTxn())
	assert.Equal(t, last+2, send(t, heir, topic, "new"), "the abort's marker lies between")
	require.NoError(t, heir.CommitTxn())
	assert.Equal(t, []string{"new"}, consume(t, c, topic, sarama.ReadCommitted, "new"))
}

func abandonedTransaction(t *testing.T, c *kafkatest.Cluster) {
	topic := kafkatest.Prefix(t)
	kafkatest.CreateTopic(t, c, topic, 1)
	dead := transactional(t, c, topic, time.Second)
	require.NoError(t, dead.BeginTxn())
	send(t, dead, topic, "abandoned")
	other := transactional(t, c, topic+"-other", time.Minute)
	defer func() { assert.NoError(t, other.Close()) }()
	require.NoError(t, other.BeginTxn())
	send(t, other, topic, "behind it")
	require.NoError(t, other.CommitTxn())
	assert.Equal(t, []string{"behind it"}, consume(t, c, topic, sarama.ReadCommitted, "behind it"))
	require.Error(t, dead.CommitTxn(), "the transaction that has timed out cannot be committed")
}
