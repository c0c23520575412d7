package adapter

import (
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/dial"
	"pageheat/topology"
)

// Settings are what all clients of one process share.
type Settings struct {
	// Brokers are the addresses to begin with.
	Brokers []string
	// Dialer connects to them; nil: the clients do so themselves.
	Dialer *dial.Dialer
	// ClientID begins the client.id of every connection.
	ClientID string
	// InstanceID is the group.instance.id of this process (static membership);
	// empty for dynamic membership. It must be unique among the instances.
	InstanceID string
	// SessionTimeout is how long the group waits for a silent member.
	SessionTimeout time.Duration
	// Topology names topics and groups.
	Topology *topology.Topology
	// Logger takes what an operator should know.
	Logger *slog.Logger
	// Metrics count what the roles do.
	Metrics *Metrics
	// Progress and Conditions are told how far the roles have come and what keeps
	// them from their work. Each may be nil.
	Progress   *Progress
	Conditions *Conditions
	// Partitions is the number of partitions of the heat table (and of what it is
	// made from) when the process began, for which alone its ranges are right.
	Partitions int
}

const (
	// rebalanceTimeout bounds a rebalance, and so the last flush and commit of
	// a session.
	rebalanceTimeout = 60 * time.Second
	// transactionTimeout is how long the broker leaves a transaction open.
	transactionTimeout = 60 * time.Second
	// heartbeatInterval is short, since a member hears of a rebalance with the
	// answer to its next heartbeat: this is part of every take-over.
	heartbeatInterval = 100 * time.Millisecond
	// endlessRetries is as often as sarama may retry a record: at the longest
	// backoff some hours. (It allocates a slot for each try, so there is no
	// infinity.) A role that gives up even then is supervised.
	endlessRetries = 10_000
	// longestRetryBackoff is the pause between tries in a long outage.
	longestRetryBackoff = time.Second
	// leaderBackoff is the longest pause between two questions for the leader of a
	// partition, and leaderRetries how often the owner of a table partition asks: for
	// half of transactionTimeout.
	leaderBackoff = 500 * time.Millisecond
	leaderRetries = 60
)

// newPartitionsAge is how long partitions that were added to the input go unread.
const newPartitionsAge = 5 * time.Second

// waitingRanges is how many fetched records of a partition may wait to be worked
// off. A range may have a few MiB.
const waitingRanges = 8

// config is what every client has in common.
func (s Settings) config(purpose string) *sarama.Config {
	c := sarama.NewConfig()
	c.ClientID = s.ClientID + "-" + purpose
	c.Version = sarama.V3_6_0_0
	// A topic that is missing is created by "pageheat topics create" alone: brokers would
	// make it by their own defaults.
	c.Metadata.AllowAutoTopicCreation = false
	c.Metadata.Retry.Max = 5
	c.Metadata.Retry.Backoff = 200 * time.Millisecond
	s.Dialer.Sarama(c)
	return c
}

// groupConfig is for a member of a consumer group.
func (s Settings) groupConfig(purpose string, isolation sarama.IsolationLevel) *sarama.Config {
	c := s.config(purpose)
	c.Consumer.Group.InstanceId = s.InstanceID
	if s.InstanceID != "" {
		c.Consumer.Group.InstanceId = s.InstanceID + "-" + purpose
	}
	c.Consumer.Group.Session.Timeout = s.SessionTimeout
	c.Consumer.Group.Heartbeat.Interval = min(s.SessionTimeout/6, heartbeatInterval)
	c.Consumer.Group.Rebalance.Timeout = rebalanceTimeout
	c.Consumer.Group.Rebalance.Retry.Backoff = 100 * time.Millisecond
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	// Nothing is skipped silently: an offset that is not there is an error.
	c.Consumer.Group.ResetInvalidOffsets = false
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	// Offsets are committed by the adapter alone.
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.Return.Errors = true
	c.Consumer.IsolationLevel = isolation
	c.Consumer.MaxProcessingTime = time.Second
	c.Consumer.Fetch.Default = 4 << 20
	c.Consumer.Fetch.Max = topology.MaxMessageBytes + 1<<20
	c.ChannelBufferSize = waitingRanges
	return c
}

// inputOptions are for the member of the ingest group.
func (s Settings) inputOptions(group string, topics []string) []kgo.Opt {
	options := []kgo.Opt{
		kgo.SeedBrokers(s.Brokers...),
		kgo.ClientID(s.ClientID + "-ingest"),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topics...),
		kgo.Balancers(kgo.StickyBalancer()), // eager: everyone gives up everything
		kgo.SessionTimeout(s.SessionTimeout),
		kgo.HeartbeatInterval(min(s.SessionTimeout/6, heartbeatInterval)),
		kgo.RebalanceTimeout(rebalanceTimeout),
		// Nothing is skipped silently, and offsets are committed by the adapter alone.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.DisableAutoCommit(),
		kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.MetadataMaxAge(newPartitionsAge),
		kgo.AlwaysRetryEOF(), // a proxy before a broker that is down closes connections at once
	}
	if s.InstanceID != "" {
		options = append(options, kgo.InstanceID(s.InstanceID+"-ingest"))
	}
	return append(options, s.Dialer.Options()...)
}

// tableConfig is for the consumer that restores tables.
func (s Settings) tableConfig(purpose string) *sarama.Config {
	c := s.config(purpose)
	c.Consumer.IsolationLevel = sarama.ReadCommitted
	c.Consumer.Return.Errors = true
	c.Consumer.MaxProcessingTime = time.Second
	c.Consumer.MaxWaitTime = 50 * time.Millisecond
	c.Consumer.Fetch.Default = 8 << 20
	c.ChannelBufferSize = 4096
	return c
}

// producerConfig is for records whose partition is set by the sender: none is
// lost, repeated or reordered while the producer lives.
func (s Settings) producerConfig(purpose string) *sarama.Config {
	c := s.config(purpose)
	c.Producer.Idempotent = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Net.MaxOpenRequests = 1
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.MaxMessageBytes = topology.MaxMessageBytes - 1<<10
	c.Producer.Return.Successes = true
	c.Producer.Return.Errors = true
	c.Producer.Retry.Max = endlessRetries
	// sarama gives a record up when it can not find out who leads its partition, however
	// often it may be sent: so that question is asked without end, too.
	c.Metadata.Full = false
	c.Metadata.Retry.Max = endlessRetries
	c.Metadata.Retry.BackoffFunc = func(retries, _ int) time.Duration {
		return min(time.Duration(retries+1)*100*time.Millisecond, leaderBackoff)
	}
	c.Producer.Retry.BackoffFunc = func(retries, _ int) time.Duration {
		return min(time.Duration(math.Pow(2, float64(min(retries, 10))))*10*time.Millisecond, longestRetryBackoff)
	}
	return c
}

// letterConfig is for dead letters of at most so many bytes.
func (s Settings) letterConfig(most int) *sarama.Config {
	c := s.producerConfig("dead-letters")
	c.Producer.MaxMessageBytes = most + letterOverhead/2
	return c
}

// letterLimit is the most bytes of a dead letter.
func (s Settings) letterLimit() int {
	const setting = "max.message.bytes"
	t, err := newTopics(s, "dead-letters")
	if err != nil {
		return usualLetter // whoever sends one says so
	}
	defer t.close()
	described, err := t.admin.DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.TopicResource,
		Name: s.Topology.DeadLetter, ConfigNames: []string{setting}}}, sarama.DescribeConfigsOptions{})
	if err != nil {
		return usualLetter
	}
	for _, topic := range described {
		for _, e := range topic.Configs {
			if e.Name == setting {
				return letterLimit(e.Value)
			}
		}
	}
	return usualLetter
}

// largestTableBatch bounds the batches of a table, in bytes. It is below the least
// segment.bytes that Kafka allows, 1 MiB.
const largestTableBatch = 1<<20 - 64<<10

// transactionConfig is for the owner of one table partition. A fenced producer
// does not always say so, but goes on retrying: few tries end it. Once it is
// hopeless, no try waits for the one before.
func (s Settings) transactionConfig(purpose, id string, hopeless *atomic.Bool) *sarama.Config {
	c := s.producerConfig(purpose)
	unless := func(backoff func(retries, most int) time.Duration) func(retries, most int) time.Duration {
		return func(retries, most int) time.Duration {
			if hopeless.Load() {
				return 0
			}
			return backoff(retries, most)
		}
	}
	c.Producer.Transaction.ID = id
	c.Producer.Transaction.Timeout = transactionTimeout
	c.Producer.Transaction.Retry.Max = transactionRetries
	c.Producer.Transaction.Retry.BackoffFunc = unless(transactionBackoff)
	c.Producer.Retry.Max = 20
	c.Producer.Retry.BackoffFunc = unless(c.Producer.Retry.BackoffFunc)
	c.Metadata.Retry.Max = leaderRetries
	c.ChannelBufferSize = 4096
	// The producer joins what waits for a slow broker, which refuses a batch above
	// segment.bytes of the table: a permanent error, and before it looks whether the
	// producer is fenced.
	c.Producer.MaxMessageBytes = largestTableBatch
	// A commit writes many small records: without these, a request takes what the
	// last one's answer left waiting, some hundreds.
	c.Producer.Flush.Bytes = 512 << 10
	c.Producer.Flush.Frequency = 5 * time.Millisecond
	return c
}

// transactionRetries is how often a request about a transaction is tried again: for
// half a minute, twice the time after which brokers miss one of them by default
// and have another lead. Until then a transaction that was just committed there
// can not be completed, and the next one not be begun.
const transactionRetries = 350

// transactionBackoff is short for a second, since the transaction before is mostly
// completed within some milliseconds.
func transactionBackoff(retries, _ int) time.Duration {
	const soon, later, short = 20 * time.Millisecond, 100 * time.Millisecond, 50
	if retries < short {
		return soon
	}
	return later
}

// common are the goka options of every role. goka's own log is for debugging
// goka: what an operator should know is in the errors and in ours.
func (s Settings) common(purpose string, start *startFailure) []goka.ProcessorOption {
	return []goka.ProcessorOption{
		goka.WithClientID(s.ClientID + "-" + purpose),
		goka.WithHasher(topology.Hasher()),
		goka.WithLogger(GokaLogger(s.Logger)),
		goka.WithConsumerSaramaBuilder(func(brokers []string, _ string) (sarama.Consumer, error) {
			consumer, err := sarama.NewConsumer(brokers, s.tableConfig(purpose))
			return consumer, start.keep(err)
		}),
	}
}

// GokaLogger writes what goka says at the debug level.
func GokaLogger(l *slog.Logger) goka.Logger {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return slog.NewLogLogger(l.With("from", "goka").Handler(), slog.LevelDebug)
}
