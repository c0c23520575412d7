package views

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"pageheat/codec"
)

// How long goka waits before it reads on after an error: half a second more at
// each try, up to five, and from the beginning after a quiet minute.
const (
	backoffStep  = 500 * time.Millisecond
	backoffMax   = 5 * time.Second
	backoffReset = time.Minute
)

// Source configures where and how a view reads. The builders decide how to connect to the
// brokers; what they build is closed when Run ends, which a
// goka view gives no access to.
type Source struct {
	// Brokers are the addresses to connect to first.
	Brokers []string
	// Topic is the compacted topic to follow, all its partitions.
	Topic string
	// ClientID is the name given to the brokers; empty for one made from
	// the topic.
	ClientID string
	// Consumer builds the consumer, which must report errors
	// (Consumer.Return.Errors) and should read committed records only; nil
	// for goka's.
	Consumer goka.SaramaConsumerBuilder
	// TopicManager builds what says where a partition is caught up; nil for
	// goka's, which is wrong for a topic that transactions write to.
	TopicManager goka.TopicManagerBuilder
	// Hasher is the one that placed the keys; nil for goka's.
	Hasher func() hash.Hash32
	// Options are further options of the goka view. They come before those
	// that this package sets.
	Options []goka.ViewOption
	// Logger gets goka's messages and unreadable records; nil for none.
	Logger *slog.Logger
}

// checked returns s with its defaults, or an error that says what is missing.
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

// ErrRecovering says that a topic has not been read to its end yet, so that
// nothing can be said about what is in it.
var ErrRecovering = errors.New("the topic is still being read")

// errDisconnected says that a topic was read to its end once and is not being
// followed now.
var errDisconnected = errors.New("the brokers cannot be read from; what was read before is shown until they can")

// reader follows a source and knows how far it has come. Safe for concurrent
// use, but for follow.
type reader struct {
	Source
	recovered atomic.Bool
	view      atomic.Pointer[goka.View] // while it runs

	grace time.Duration // 0 stands for disconnectGrace
	since atomic.Int64  // when it was seen running last, in Unix nanoseconds
}

const (
	// disconnectGrace is how long a topic may be disconnected before it is not ready: longer
	// than the election of new leaders after a broker died takes by default
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

// away reports whether the topic is not followed for longer than the grace.
func (r *reader) away() bool {
	grace := r.grace
	if grace == 0 {
		grace = disconnectGrace
	}
	return time.Since(time.Unix(0, r.since.Load())) > grace
}

// Ready returns nil while the topic is followed and has been read up to where
// it ended when Run began; else ErrRecovering, or that the connection is lost.
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

// Recovered says whether Run is at work and has read the topic up to where it
// ended when Run began. It stays so while the brokers are away; see Ready.
func (r *reader) Recovered() bool { return r.recovered.Load() }

// follow reads the topic from its beginning into stores that build makes, and
// stays with it until ctx is done (then it returns nil) or the view gives up,
// which it does only where it could not start: it reads on by itself after an
// error. onRecovered is called once, when every partition has been read up to
// where it ended.
func (r *reader) follow(ctx context.Context, update goka.UpdateCallback,
	build func(partition int32) *tableStore, onRecovered func(),
) (err error) {
	r.recovered.Store(false)
	defer r.recovered.Store(false)
	opened := &closers{}
	defer func() { err = errors.Join(err, opened.close()) }()

	// goka asks for the stores from one goroutine per partition, and a
	// partition can be through before the next one has started: the number
	// of partitions has to be known before the first one is counted.
	var partitions, through atomic.Int32
	builder := func(_ string, partition int32) (storage.Storage, error) {
		st := build(partition)
		// After an error at the very end goka may mark a partition twice.
		st.onRecovered = sync.OnceFunc(func() {
			if through.Add(1) == partitions.Load() {
				r.recovered.Store(true)
				onRecovered()
			}
		})
		return st, nil
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
		return fmt.Errorf("following topic %s: its reader has ended by itself", r.Topic)
	}
	return nil
}

func (s Source) options(opened *closers, log *gokaLog, update goka.UpdateCallback, build storage.Builder) []goka.ViewOption {
	options := append([]goka.ViewOption{goka.WithViewClientID(s.ClientID)}, s.Options...)
	if s.Hasher != nil {
		options = append(options, goka.WithViewHasher(s.Hasher))
	}
	return append(options,
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
	)
}
