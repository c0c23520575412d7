package pipeline

import (
	"context"
	"hash"
	"strconv"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"pageheat/kafka"
	"pageheat/topology"
)

// role is what one of pageheat's roles does in a session of its group, and how it is wired.
type role interface {
	wiring(a *attempt) wiring
	// setup runs before goka's Setup, take-over for one. ctx ends with the
	// real session.
	setup(ctx context.Context, s *session) error
	// ready runs after goka's Setup has restored the tables.
	ready(ctx context.Context, s *session) error
	// feed feeds goka one claim until the claim's messages end, then flushes
	// and commits. ctx ends when goka has left the claim by itself or the time
	// for the end of the session is over.
	feed(ctx context.Context, s *session, out *feeder) error
	// end runs when all claims have ended, before the session is given up.
	end(s *session)
}

// wiring is what the roles need differently of goka and of the clients. What is nil or empty is
// not needed.
type wiring struct {
	input   string          // the topic of the group
	claimed string          // the topic whose offsets the records of the input claim
	table   string          // the group table
	with    string          // a topic that is written in the transactions of the table
	end     EndFunc         // where a reader of the table is caught up
	storage storage.Builder // of the table
	options []goka.ProcessorOption
	route   router

	// letters opens the producer of dead letters.
	letters func() (*deadLetters, error)
	// group opens the consumer group; nil for the usual one.
	group func(name string, m *membership) sarama.ConsumerGroup
	// prepare runs before the group is joined, close after it was left.
	prepare func(ctx context.Context) error
	close   func()
}

// runner runs a role: one goka processor after another, with clients of its own.
type runner struct {
	settings Settings
	name     string // of the role
	role     role
	owner    string // names this process in fences
	sessions int    // that had an owner's name

	// Of the processor.
	producer *producer
	topics   *topics
	bounds   *offsetBounds
}

// Run runs the processor that build returns, with the given options, until ctx ends or an error
// does, which it returns. It may be called again.
func (r *runner) Run(ctx context.Context, build func(...goka.ProcessorOption) (*goka.Processor, error)) error {
	a := newAttempt(ctx)
	defer a.end(nil)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(a.failed, stop)()
	p, err := build(r.options(a)...)
	if err == nil {
		err = p.Run(ctx)
	}
	if failure := a.failure(); failure != nil {
		return failure
	}
	return kafka.Explain(plain(err))
}

// options are goka's options for a processor. goka's own log is for debugging goka: what an
// operator should know is in the errors and in ours.
func (r *runner) options(a *attempt) []goka.ProcessorOption {
	s, w := r.settings, r.role.wiring(a)
	options := w.options
	options = append(options,
		goka.WithHasher(topology.Hasher()),
		goka.WithLogger(GokaLogger(s.Logger)),
		goka.WithConsumerSaramaBuilder(func([]string, string) (sarama.Consumer, error) { return s.Cluster.Consumer(r.name), nil }),
		goka.WithTopicManagerBuilder(TopicManagerBuilder(s.Cluster, w.end, a.fail)),
		goka.WithProducerBuilder(func([]string, string, func() hash.Hash32) (goka.Producer, error) {
			err := r.openProducer(w)
			a.fail(err)
			return r.producer, err
		}),
		goka.WithConsumerGroupBuilder(func(_ []string, name, _ string) (sarama.ConsumerGroup, error) {
			g, err := r.openGroup(a, w, name)
			a.fail(err)
			return g, err
		}),
	)
	if w.storage != nil {
		options = append(options, goka.WithStorageBuilder(w.storage))
	}
	return options
}

func (r *runner) openProducer(w wiring) error {
	plain, err := r.settings.Cluster.Producer(r.name, 0)
	if err != nil {
		return err
	}
	r.producer = newProducer(plain, w.route, w.table)
	r.producer.with = w.with
	r.producer.traces = newTraces(r.settings.Tracer)
	if w.letters == nil {
		return nil
	}
	l, err := w.letters()
	if err != nil {
		_ = r.producer.Close()
		return err
	}
	r.producer.sendDeadLetters(l)
	return nil
}

func (r *runner) openGroup(a *attempt, w wiring, name string) (*group, error) {
	r.topics = newTopics(r.settings)
	r.bounds = newOffsetBounds(r.topics, w.claimed)
	g := &group{role: r.role, attempt: a, member: r.settings.newMembership(r.name, name, w.input), prepare: w.prepare}
	g.close = func() {
		if w.close != nil {
			w.close()
		}
		r.topics.close()
	}
	if w.group != nil {
		g.ConsumerGroup = w.group(name, g.member)
		return g, nil
	}
	var err error
	if g.ConsumerGroup, err = r.settings.Cluster.ConsumerGroup(r.name, name, r.settings.Member); err != nil {
		r.topics.close()
		return nil, err
	}
	return g, nil
}

// nextOwner names this process in the fences of a session; no other session had the name.
func (r *runner) nextOwner() string {
	r.sessions++
	return r.owner + "/" + strconv.Itoa(r.sessions)
}

// onlyPartition sends all records to the only partition of their topic.
func onlyPartition(_, _ string, value []byte) (int32, []byte, error) { return 0, value, nil }
