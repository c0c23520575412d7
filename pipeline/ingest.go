package pipeline

import (
	"context"
	"sync"
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
// processor after another.
type Ingest struct {
	runner
	config IngestConfig

	// Of the session; set by setup, before its goroutines run.
	input      codec.TopicID
	starts     map[int32]codec.IngestStart
	ends       map[int32][]int64 // at which the first ranges end, in order, see processors.Sent
	commits    chan struct{}     // holds a token after a DoCommit; nil before the session is ready
	committing sync.WaitGroup
	unpacking  *unpacking
}

// NewIngest returns what runs an ingest processor.
func NewIngest(c IngestConfig) *Ingest {
	in := &Ingest{config: c, unpacking: newUnpacking()}
	in.runner = runner{settings: c.Settings, name: "ingest", role: in}
	return in
}

func (in *Ingest) wiring(a *attempt) wiring {
	return wiring{input: in.config.Topology.Input, route: in.route, letters: in.openLetters,
		options: []goka.ProcessorOption{keepFailures(a)},
		group: func(name string, m *membership) sarama.ConsumerGroup {
			return &inputGroup{role: in, name: name, member: m, errors: make(chan error)}
		}}
}

// openLetters opens the producer of dead letters.
func (in *Ingest) openLetters() (_ *deadLetters, err error) {
	s := in.config.Settings
	l := &deadLetters{topic: s.Topology.DeadLetter, most: s.deadLetterLimit(), metrics: s.Metrics}
	l.plain, err = s.Cluster.Producer("dead-letters", l.most+processors.DeadLetterOverhead/2)
	return l, err
}

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
