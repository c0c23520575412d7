package kafka

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/failure"
	"pageheat/integration/kafkatest"
)

// failedProducer is a transactional producer in an error state, whose commit waits until
// the test says how it ends.
type failedProducer struct {
	sarama.AsyncProducer
	input     chan *sarama.ProducerMessage
	errors    chan *sarama.ProducerError
	successes chan *sarama.ProducerMessage
	closed    chan struct{}
}

func newFailedProducer() *failedProducer {
	return &failedProducer{input: make(chan *sarama.ProducerMessage, 16), errors: make(chan *sarama.ProducerError, 16),
		successes: make(chan *sarama.ProducerMessage), closed: make(chan struct{})}
}

func (p *failedProducer) Input() chan<- *sarama.ProducerMessage     { return p.input }
func (p *failedProducer) Errors() <-chan *sarama.ProducerError      { return p.errors }
func (p *failedProducer) Successes() <-chan *sarama.ProducerMessage { return p.successes }
func (p *failedProducer) BeginTxn() error                           { return nil }
func (p *failedProducer) CommitTxn() error                          { <-p.closed; return sarama.ErrTransactionNotReady }
func (p *failedProducer) AsyncClose()                               { close(p.errors); close(p.successes) }
func (p *failedProducer) TxnStatus() sarama.ProducerTxnStatusFlag {
	return sarama.ProducerTxnFlagInError | sarama.ProducerTxnFlagAbortableError
}

// refuse answers the record that ends the transaction with an error.
func (p *failedProducer) refuse(err error) {
	p.errors <- &sarama.ProducerError{Msg: &sarama.ProducerMessage{}, Err: err}
}

// TestARefusedTransactionIsNoEndOfASession: while the session lives, what the broker
// refuses is a fault with the broker's reason, or at least one of its own.
func TestARefusedTransactionIsNoEndOfASession(t *testing.T) {
	for _, c := range []struct {
		name      string
		refusal   error // nil: the producer never says why
		ends      time.Duration
		permanent bool
		over      bool
		within    time.Duration
	}{
		{name: "a right is missing", refusal: sarama.ErrTopicAuthorizationFailed, permanent: true, within: time.Second},
		{name: "no reason is given", within: refusalPatience + time.Second},
		{name: "fenced, and the session ends", refusal: sarama.ErrProducerFenced, ends: 100 * time.Millisecond, over: true, within: fencedPatience},
		{name: "fenced, and the session goes on", refusal: sarama.ErrProducerFenced, within: fencedPatience + time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				session, end := context.WithCancel(t.Context())
				defer end()
				p := newFailedProducer()
				ended := make(chan struct{})
				owner := newOwner(session, p, Ownership{Topic: "table", ID: "id"}, &atomic.Bool{}, func() { close(ended) })
				began := time.Now()
				if c.refusal != nil {
					time.AfterFunc(50*time.Millisecond, func() { p.refuse(c.refusal) })
				}
				if c.ends > 0 {
					time.AfterFunc(c.ends, end)
				}
				err := commit(t.Context(), owner, "last", "")
				require.Error(t, err)
				assert.LessOrEqual(t, time.Since(began), c.within)
				assert.Equal(t, c.over, errors.Is(err, ErrSessionOver), "%v", err)
				assert.Equal(t, c.permanent, failure.As(err) != nil, "%v", err)
				if c.refusal != nil {
					require.ErrorIs(t, err, c.refusal)
				}
				assert.True(t, owner.hopeless.Load(), "its retries wait no more")
				close(p.closed)
				<-ended // the producer is closed, and so is its client
			})
		})
	}
}

// TestATakeOverThatIsRefusedSaysWhich: a broker that refuses the partition of the
// transaction, as it does where the right to write is missing.
func TestATakeOverThatIsRefusedSaysWhich(t *testing.T) {
	c := kafkatest.Embedded(t)
	cluster, own := table(t, c)
	c.Fake().ControlKey(int16(kmsg.AddPartitionsToTxn), func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.Fake().KeepControl()
		asked := request.(*kmsg.AddPartitionsToTxnRequest)
		answer := asked.ResponseKind().(*kmsg.AddPartitionsToTxnResponse)
		for _, topic := range asked.Topics {
			refused := kmsg.NewAddPartitionsToTxnResponseTopic()
			refused.Topic = topic.Topic
			for _, p := range topic.Partitions {
				partition := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
				partition.Partition, partition.ErrorCode = p, kerr.TopicAuthorizationFailed.Code
				refused.Partitions = append(refused.Partitions, partition)
			}
			answer.Topics = append(answer.Topics, refused)
		}
		return answer, nil, true
	})
	began := time.Now()
	_, err := cluster.TakeOver(t.Context(), own, "fence", nil)
	require.NotNil(t, failure.As(err), "%v", err)
	require.NotErrorIs(t, err, ErrSessionOver)
	require.ErrorContains(t, err, "Write on the topic "+own.Topic)
	assert.Less(t, time.Since(began), 10*time.Second)
}

// TestATakeOverThatWasGivenUpAsksNoMore: it would fence the owner that came after.
func TestATakeOverThatWasGivenUpAsksNoMore(t *testing.T) {
	c := kafkatest.Embedded(t)
	cluster, own := table(t, c)
	var asked atomic.Int32
	busy := make(chan struct{}, 1)
	c.Fake().ControlKey(int16(kmsg.InitProducerID), func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.Fake().KeepControl()
		asked.Add(1)
		answer := request.ResponseKind().(*kmsg.InitProducerIDResponse)
		answer.ErrorCode = kerr.ConcurrentTransactions.Code
		select {
		case busy <- struct{}{}:
		default:
		}
		return answer, nil, true
	})
	ctx, giveUp := context.WithCancel(t.Context())
	given := make(chan error, 1)
	go func() {
		_, err := cluster.TakeOver(ctx, own, "fence", nil)
		given <- err
	}()
	<-busy
	giveUp()
	require.ErrorIs(t, <-given, ErrSessionOver)
	before := asked.Load()
	require.Never(t, func() bool { return asked.Load() > before+1 }, 20*transactionBackoff(0, 0),
		transactionBackoff(0, 0), "but for one that was on its way")
}

// table is a compacted topic of one partition, and who owns it.
func table(t *testing.T, c *kafkatest.Cluster) (*Cluster, Ownership) {
	name := kafkatest.Prefix(t) + "-table"
	kafkatest.CreateTopic(t, c, name, 1, "cleanup.policy", "compact")
	cluster := New(Config{Brokers: c.Brokers(), ClientID: "test"})
	t.Cleanup(cluster.Close)
	return cluster, Ownership{Purpose: "table", Topic: name, ID: name + "-0"}
}

// commit commits a record.
func commit(ctx context.Context, o *Owner, key, value string) error {
	done := make(chan error, 1)
	o.Commit(ctx, key, []byte(value), func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-time.After(30 * time.Second):
		return context.DeadlineExceeded
	}
}
