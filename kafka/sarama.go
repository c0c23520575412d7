package kafka

import (
	"cmp"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/topology"
)

const (
	// RebalanceTimeout bounds a rebalance, and so the last flush and commit of a session.
	RebalanceTimeout = 60 * time.Second
	// TransactionTimeout is how long brokers leave a transaction open.
	TransactionTimeout = 60 * time.Second
	// heartbeatInterval is short, since a member hears of a rebalance with the answer to
	// its next heartbeat: this is part of every take-over. Heartbeats are also most of what
	// an idle instance does.
	heartbeatInterval = 600 * time.Millisecond
	// rangesWait is how long a broker may wait for the first range, or the first leaders. The end of a session
	// does not wait for that.
	rangesWait = 2 * time.Second
	// newPartitionsAge is the maximum time until added partitions of a topic are read.
	newPartitionsAge = 5 * time.Second
	// waitingRecords is how many fetched records of a partition may wait in a member
	// of a group. One may have a few MiB.
	waitingRecords = 8
	// waitingOfTable is how many fetched records of a table partition may wait.
	waitingOfTable = 4096
	// recordRetries is the maximum number of retries of a record: a quarter of an hour at the longest
	// backoff, and then the role begins anew. sarama allocates 32 bytes for each retry and
	// partition, so this is most of the heap of an idle instance.
	recordRetries = 1000
	// leaderLookups is the maximum number of questions for the leader of a partition: hours.
	leaderLookups = 10_000
	// longestRetryBackoff is the pause between attempts in a long outage.
	longestRetryBackoff = time.Second
	// leaderBackoff is the longest pause between two questions for the leader of a
	// partition, and leaderRetries how often the owner of a table partition asks: for
	// half of TransactionTimeout.
	leaderBackoff = 500 * time.Millisecond
	leaderRetries = 60
	// transactionRetries is how often a request about a transaction is retried: for half a
	// minute, twice the time after which a missing broker's partitions get new leaders by
	// default. Until then a transaction that was just committed there cannot
	// complete, and the next one cannot begin.
	transactionRetries = 350
	// gatherRecords is how long a producer waits for more records for the same request, and
	// gatherBytes how many bytes of them it does not wait with: what partitions send at
	// the same time comes from as many goroutines.
	gatherRecords = time.Millisecond
	gatherBytes   = 64 << 10
	// gatherTable is how long a producer of a table waits for more records for the same request. A commit that is
	// spread over time writes some every few milliseconds, and nobody waits for it; a take-over waits for one record.
	gatherTable = 20 * time.Millisecond
	// largestTableBatch bounds the batches of a table, in bytes. It is below the least
	// segment.bytes that Kafka allows, 1 MiB.
	largestTableBatch = 1<<20 - 64<<10
)

// Member is how a process takes part in its consumer groups.
type Member struct {
	// InstanceID begins the group.instance.id (static membership); empty for dynamic
	// membership. It must be unique among the instances.
	InstanceID string `placeholder:"ID" help:"Group instance ID for static membership: unique, and stable across restarts."`
	// SessionTimeout is how long a group waits for a silent member.
	SessionTimeout time.Duration `help:"Time after which the partitions of a silent instance move to others."`
}

// heartbeat is the interval of heartbeats.
func (m Member) heartbeat() time.Duration { return min(m.SessionTimeout/6, heartbeatInterval) }

// instance is the group.instance.id for a purpose.
func (m Member) instance(purpose string) string {
	if m.InstanceID == "" {
		return ""
	}
	return m.InstanceID + "-" + purpose
}

// ConsumerGroup opens a member of a group for goka. It reads uncommitted: what it reads
// is written without transactions. It commits nothing by itself.
func (c *Cluster) ConsumerGroup(purpose, group string, m Member) (sarama.ConsumerGroup, error) {
	reading := c.memberConfig(purpose, m)
	reading.Consumer.IsolationLevel = sarama.ReadUncommitted
	reading.Consumer.MaxProcessingTime = time.Second
	reading.Consumer.MaxWaitTime = rangesWait
	reading.Consumer.Fetch.Default = 4 << 20
	reading.Consumer.Fetch.Max = topology.MaxMessageBytes + 1<<20
	reading.ChannelBufferSize = waitingRecords
	coordinating := c.saramaConfig(purpose)
	coordinating.Metadata.Full = false
	member, err := c.newGroupMember(group, reading, coordinating)
	if err != nil {
		return nil, Explain(fmt.Errorf("connecting the consumer group %s: %w", group, err))
	}
	return member, nil
}

// memberConfig is how sarama takes part in a group.
func (c *Cluster) memberConfig(purpose string, m Member) *sarama.Config {
	config := c.saramaConfig(purpose)
	config.Consumer.Group.InstanceId = m.instance(purpose)
	config.Consumer.Group.Session.Timeout = m.SessionTimeout
	config.Consumer.Group.Heartbeat.Interval = m.heartbeat()
	config.Consumer.Group.Rebalance.Timeout = RebalanceTimeout
	config.Consumer.Group.Rebalance.Retry.Backoff = 100 * time.Millisecond
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	// Nothing is skipped silently: an offset that does not exist is an error.
	config.Consumer.Group.ResetInvalidOffsets = false
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Return.Errors = true
	return config
}

// groupClient opens a client of franz-go that is a member of a group. It commits nothing
// by itself, and skips nothing silently.
func (c *Cluster) groupClient(purpose, group string, topics []string, m Member, options ...kgo.Opt) (*kgo.Client, error) {
	member := []kgo.Opt{
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topics...),
		kgo.Balancers(kgo.StickyBalancer()), // eager: everyone gives up everything
		kgo.SessionTimeout(m.SessionTimeout),
		kgo.HeartbeatInterval(m.heartbeat()),
		kgo.RebalanceTimeout(RebalanceTimeout),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.DisableAutoCommit(),
		kgo.MetadataMaxAge(newPartitionsAge),
	}
	if id := m.instance(purpose); id != "" {
		member = append(member, kgo.InstanceID(id))
	}
	client, err := c.Client(purpose, append(member, options...)...)
	if err != nil {
		return nil, fmt.Errorf("connecting the consumer group %s: %w", group, err)
	}
	return client, nil
}

// Producer opens a producer of records whose partition is set by the sender: none is
// lost, repeated or reordered while it lives. most is the maximum size of a record; 0 stands
// for the size that all of pageheat's own topics take.
func (c *Cluster) Producer(purpose string, most int) (sarama.AsyncProducer, error) {
	config := c.producerConfig(purpose)
	if most > 0 {
		config.Producer.MaxMessageBytes = most
	}
	producer, err := sarama.NewAsyncProducer(c.config.Brokers, config)
	if err != nil {
		return nil, Explain(fmt.Errorf("connecting a producer to %v: %w", c.config.Brokers, err))
	}
	return producer, nil
}

func (c *Cluster) producerConfig(purpose string) *sarama.Config {
	config := c.saramaConfig(purpose)
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Net.MaxOpenRequests = 1
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Compression = c.config.Compression.sarama()
	config.Producer.MaxMessageBytes = topology.MaxMessageBytes - 1<<10
	config.Producer.Return.Successes = true
	config.Producer.Return.Errors = true
	config.Producer.Flush.Frequency = gatherRecords
	config.Producer.Flush.Bytes = gatherBytes
	config.Producer.Retry.Max = recordRetries
	// sarama gives up a record if it cannot find the leader of its partition, whatever the
	// record's retries: so that look-up is retried for hours.
	config.Metadata.Full = false
	config.Metadata.Retry.Max = leaderLookups
	config.Metadata.Retry.BackoffFunc = func(retries, _ int) time.Duration {
		return min(time.Duration(retries+1)*100*time.Millisecond, leaderBackoff)
	}
	config.Producer.Retry.BackoffFunc = func(retries, _ int) time.Duration {
		return min(time.Duration(math.Pow(2, float64(min(retries, 10))))*10*time.Millisecond, longestRetryBackoff)
	}
	return config
}

// transactionConfig is for the owner of one table partition, who has its transactional
// id. A fenced producer does not always report it, but keeps retrying: few retries end it.
// Once it has failed, retries have no pause.
func (c *Cluster) transactionConfig(own Ownership, hopeless *atomic.Bool) *sarama.Config {
	config := c.producerConfig(own.Purpose)
	unless := func(backoff func(retries, most int) time.Duration) func(retries, most int) time.Duration {
		return func(retries, most int) time.Duration {
			if hopeless.Load() {
				return 0
			}
			return backoff(retries, most)
		}
	}
	config.Producer.Transaction.ID = own.ID
	config.Producer.Transaction.Timeout = TransactionTimeout
	config.Producer.Transaction.Retry.Max = transactionRetries
	config.Producer.Transaction.Retry.BackoffFunc = unless(transactionBackoff)
	config.Producer.Retry.Max = 20
	config.Producer.Retry.BackoffFunc = unless(config.Producer.Retry.BackoffFunc)
	config.Metadata.Retry.Max = leaderRetries
	config.ChannelBufferSize = waitingOfTable
	// The producer joins what waits for a slow broker, which refuses a batch above
	// segment.bytes of the table: a permanent error, and before it looks whether the
	// producer is fenced.
	config.Producer.MaxMessageBytes = cmp.Or(own.Largest, largestTableBatch)
	// A commit writes many small records: without these, a request takes what the
	// last one's answer left waiting, some hundreds.
	config.Producer.Flush.Bytes = 512 << 10
	config.Producer.Flush.Frequency = gatherTable
	return config
}

// transactionBackoff is the pause before a request about a transaction is retried. It is
// short for a second, since the previous transaction mostly completes within milliseconds.
func transactionBackoff(retries, _ int) time.Duration {
	const soon, later, short = 20 * time.Millisecond, 100 * time.Millisecond, 50
	if retries < short {
		return soon
	}
	return later
}
