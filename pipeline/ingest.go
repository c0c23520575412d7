package pipeline

import (
	"context"
	"hash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"pageheat/codec"
	"pageheat/processors"
)

// IngestConfig configures the ingest role of a process.
type IngestConfig struct {
	Settings
	// Linger is the maximum time that a behaviour waits to be sent while ingest is
	// caught up.
	Linger time.Duration
}

// Ingest runs the ingest processor: it bundles input records, drives a
// stage for each input partition, and commits what these say. One Ingest serves one goka
// processor.
type Ingest struct {
	config   IngestConfig
	producer *producer
	topics   *topics
	ids      func(ctx context.Context, topic string) (codec.TopicID, error) // of topics

	// Of the session; set by setup, before its goroutines run.
	input      codec.TopicID
	starts     map[int32]codec.IngestStart
	ends       map[int32][]int64 // at which the first ranges end, in order, see processors.Sent
	commits    chan struct{}     // holds a token after a DoCommit; nil before the session is ready
	committing sync.WaitGroup
	session    atomic.Pointer[session]
	unpacking  *unpacking
	restart    restart
	start      startFailure
}

// NewIngest returns what runs an ingest processor.
func NewIngest(c IngestConfig) *Ingest { return &Ingest{config: c, unpacking: newUnpacking()} }

// Options are goka's options for the processor.
func (in *Ingest) Options() []goka.ProcessorOption {
	s := in.config.Settings
	in.session.Store(nil)
	in.start.begin()
	return append(s.common("ingest"),
		goka.WithContextWrapper(keepFailures(&in.session)),
		goka.WithTopicManagerBuilder(TopicManagerBuilder(s.Cluster, nil, in.start.lost(&in.session))),
		goka.WithProducerBuilder(func([]string, string, func() hash.Hash32) (goka.Producer, error) {
			plain, err := s.Cluster.Producer("ingest", 0)
			if err != nil {
				return nil, in.start.keep(err)
			}
			in.producer = newProducer(plain, in.route, "", &in.restart)
			l := &deadLetters{topic: s.Topology.DeadLetter, most: s.deadLetterLimit(), metrics: s.Metrics}
			if l.plain, err = s.Cluster.Producer("dead-letters", l.most+processors.DeadLetterOverhead/2); err != nil {
				_ = in.producer.Close()
				return nil, in.start.keep(err)
			}
			in.producer.sendDeadLetters(l)
			return in.producer, nil
		}),
		goka.WithConsumerGroupBuilder(func(_ []string, name, _ string) (sarama.ConsumerGroup, error) {
			in.topics = newTopics(s)
			in.ids = in.topics.id
			return handing{newInputGroup(s, name, in, &in.restart, in.topics.close)}, nil
		}),
	)
}

// Explain returns the cause of an error that the processor's Run returned: goka prints some
// errors and loses their types.
func (in *Ingest) Explain(err error) error { return in.start.explain(err) }

// route sends ranges to the partition that their key names, and all dead
// letters to the only one.
func (in *Ingest) route(topic, key string, value []byte) (int32, []byte, error) {
	if topic != in.config.Topology.Behavior {
		return 0, value, nil
	}
	partition, err := codec.KeyPartition(key)
	return partition, value, err
}

func (in *Ingest) ready(_ context.Context, s *session) error {
	in.config.Metrics.owns("ingest", s)
	in.commits = make(chan struct{}, 1)
	in.committing.Go(func() {
		for range in.commits {
			s.commit()
		}
	})
	return nil
}

// begins are the offsets at which the claims of the session begin.
func (in *Ingest) begins() map[int32]int64 {
	begins := make(map[int32]int64, len(in.starts))
	for p, start := range in.starts {
		begins[p] = start.LostTo + 1
	}
	return begins
}

// commit commits the offsets of all partitions, in a goroutine of its own: the drivers must
// not wait for a broker.
func (in *Ingest) commit() {
	select {
	case in.commits <- struct{}{}:
	default: // it comes anyway
	}
}

func (in *Ingest) end(s *session) {
	if in.commits != nil {
		close(in.commits)
		in.committing.Wait()
		s.commit()
	}
}

const (
	// bundleRecords and bundleBytes end a bundle: what is handed over at a time costs little
	// and decides nothing.
	bundleRecords = 512
	bundleBytes   = 256 << 10
)
