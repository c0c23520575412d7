package views

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"pageheat/codec"
)

// goka's pause before it reads on after an error: half a second more after each attempt, up to
// five seconds, and from the start after a quiet minute.
const (
	backoffStep  = 500 * time.Millisecond
	backoffMax   = 5 * time.Second
	backoffReset = time.Minute
)

// Source configures where and how a view reads. The builders decide how to connect to the
// brokers. What they build is closed when Run ends, which a goka view does not do by itself.
type Source struct {
	// Brokers are the bootstrap brokers.
	Brokers []string
	// Topic is the compacted topic to follow, all its partitions.
	Topic string
	// ClientID is the client.id; empty for one derived from the topic.
	ClientID string
	// Consumer builds the consumer, which must report errors (Consumer.Return.Errors) and
	// should read committed records only; nil for goka's.
	Consumer goka.SaramaConsumerBuilder
	// TopicManager builds the topic manager, which tells where a partition is caught up; nil
	// for goka's, which is wrong for a topic with transactions.
	TopicManager goka.TopicManagerBuilder
	// Logger gets goka's messages and unreadable records; nil for none.
	Logger *slog.Logger
}

// checked returns s with its defaults, or an error that names what is missing.
func (s Source) checked() (Source, error) {
	if len(s.Brokers) == 0 {
		return s, errors.New("following a topic: no brokers are given")
	}
	if s.Topic == "" {
		return s, errors.New("following a topic: no topic is given")
	}
	if s.ClientID == "" {
		s.ClientID = "view-" + s.Topic
	}
	if s.Consumer == nil {
		s.Consumer = goka.DefaultSaramaConsumerBuilder
	}
	if s.TopicManager == nil {
		s.TopicManager = goka.DefaultTopicManagerBuilder
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	s.Logger = s.Logger.With("topic", s.Topic)
	return s, nil
}

// ErrRecovering means that a topic has not been read to its end yet, so its content is unknown.
var ErrRecovering = errors.New("the topic is still being read")

// errDisconnected means that a topic was read to its end once and is not being followed now.
var errDisconnected = errors.New("the brokers cannot be reached; earlier data is served until they can")

// reader follows a source and tracks its state. It is safe for concurrent use, except follow.
type reader struct {
	Source
	recovered atomic.Bool
	view      atomic.Pointer[goka.View] // while it runs

	grace time.Duration // 0 means disconnectGrace
	since atomic.Int64  // when it was last seen running, in Unix nanoseconds
}

const (
	// disconnectGrace is how long a topic may be disconnected before it is not ready: longer
	// than the election of new leaders takes by default after a broker fails
	// (broker.session.timeout.ms), and shorter than the age at which data counts as old.
	disconnectGrace = 15 * time.Second
	// stateInterval is the interval of checks whether a topic is followed.
	stateInterval = time.Second
)

// watch records when the view runs, until ctx ends.
func (r *reader) watch(ctx context.Context, view *goka.View, log *gokaLog) {
	ticker := time.NewTicker(stateInterval)
	defer ticker.Stop()
	for {
		if view.CurrentState() == goka.ViewStateRunning {
			r.since.Store(time.Now().UnixNano())
			log.runs()
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// away reports whether the topic has been disconnected for longer than the grace period.
func (r *reader) away() bool {
	grace := r.grace
	if grace == 0 {
		grace = disconnectGrace
	}
	return time.Since(time.Unix(0, r.since.Load())) > grace
}

// Ready returns nil while the topic is followed and has been read up to its end at the time
// that Run started; else ErrRecovering, or errDisconnected.
func (r *reader) Ready() error {
	view := r.view.Load()
	switch {
	case !r.recovered.Load():
		return ErrRecovering
	case view == nil || view.CurrentState() != goka.ViewStateRunning && r.away():
		return errDisconnected
	}
	return nil
}

// Recovered reports whether Run is active and has read the topic up to its end at the time that
// Run started. It stays true while the brokers are unreachable; see Ready.
func (r *reader) Recovered() bool { return r.recovered.Load() }

// follow passes the records of the topic to update, from its start. It continues until ctx is
// done (then it returns nil) or the view fails, which only happens if it cannot start:
// afterwards the view recovers from errors by itself. onRecovered is called once, when every
// partition has been read up to its initial end.
func (r *reader) follow(ctx context.Context, update goka.UpdateCallback, onRecovered func()) (err error) {
	r.recovered.Store(false)
	defer r.recovered.Store(false)
	opened := &closers{}
	defer func() { err = errors.Join(err, opened.close()) }()

	// goka requests the stores from one goroutine per partition, and one partition can finish
	// before the next one starts, so the number of partitions must be known before.
	var partitions, through atomic.Int32
	builder := func(string, int32) (storage.Storage, error) {
		// After an error at the very end goka may mark a partition twice.
		return marked{storage.NewMemory(), sync.OnceFunc(func() {
			if through.Add(1) == partitions.Load() {
				r.recovered.Store(true)
				onRecovered()
			}
		})}, nil
	}
	log := &gokaLog{log: r.Logger}
	view, err := goka.NewView(r.Brokers, goka.Table(r.Topic), codec.Raw{},
		r.options(opened, log, update, builder)...)
	if err != nil {
		return fmt.Errorf("following topic %s: %w", r.Topic, err)
	}
	partitions.Store(int32(len(view.Stats(ctx).Partitions)))
	r.view.Store(view)
	defer r.view.Store(nil)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go r.watch(watching, view, log)
	if err := view.Run(ctx); err != nil {
		return fmt.Errorf("following topic %s: %w", r.Topic, err)
	}
	if ctx.Err() == nil {
		return fmt.Errorf("following topic %s: its reader ended unexpectedly", r.Topic)
	}
	return nil
}

func (s Source) options(opened *closers, log *gokaLog, update goka.UpdateCallback, build storage.Builder) []goka.ViewOption {
	return []goka.ViewOption{
		goka.WithViewClientID(s.ClientID),
		goka.WithViewLogger(log),
		goka.WithViewAutoReconnect(),
		goka.WithViewBackoffResetTimeout(backoffReset),
		goka.WithViewBackoffBuilder(func() (goka.Backoff, error) {
			return goka.NewSimpleBackoff(backoffStep, backoffMax), nil
		}),
		goka.WithViewConsumerSaramaBuilder(opened.consumer(s.Consumer)),
		goka.WithViewTopicManagerBuilder(opened.topicManager(s.TopicManager)),
		goka.WithViewCallback(update),
		goka.WithViewStorageBuilder(build),
	}
}

// marked is goka's storage, where it keeps its offset, and tells when the partition has been
// read.
type marked struct {
	storage.Storage
	recovered func()
}

// MarkRecovered implements storage.Storage.
func (m marked) MarkRecovered() error {
	m.recovered()
	return m.Storage.MarkRecovered()
}
