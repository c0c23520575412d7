package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
)

// WatchedTopic is a topic that roles of this process need.
type WatchedTopic struct {
	Name string
	// Roles cannot work while it is missing.
	Roles []string
	// RecreatedHint is what to do when it was deleted and recreated, where what is known
	// elsewhere belongs to the topic as it was; empty where the roles just go on.
	RecreatedHint string
	// Partitions is how many it must have; 0 for any number.
	Partitions int
}

// NeededTopics are the topics that the given roles need, as this process found them.
func (s Settings) NeededTopics(has func(role string) bool) []WatchedTopic {
	t := s.Topology
	const (
		again    = "start the instance again with `pageheat run`: what is published goes on, above the versions that readers know"
		hintHeat = "the totals were in it: " + failure.StartOver
	)
	var needed []WatchedTopic
	for _, w := range []WatchedTopic{
		{Name: t.Input, Roles: []string{"ingest", "heat", "collect"}, RecreatedHint: failure.Recreated},
		{Name: t.Behavior, Roles: []string{"ingest", "heat"}, RecreatedHint: failure.Recreated, Partitions: s.Partitions},
		{Name: t.HeatTable, Roles: []string{"heat", "serve"}, RecreatedHint: hintHeat, Partitions: s.Partitions},
		{Name: t.Leaders, Roles: []string{"heat", "rank"}},
		{Name: t.RankTable, Roles: []string{"rank"}, RecreatedHint: again},
		{Name: t.Output, Roles: []string{"rank", "serve"}, RecreatedHint: again},
		{Name: t.DeadLetter, Roles: []string{"ingest"}},
	} {
		var roles []string
		for _, role := range w.Roles {
			if has(role) {
				roles = append(roles, role)
			}
		}
		if w.Roles = roles; len(roles) > 0 {
			needed = append(needed, w)
		}
	}
	return needed
}

const (
	// topicWatchInterval is how often topics are looked at.
	topicWatchInterval = time.Second
	// topicWatchTimeout bounds one look.
	topicWatchTimeout = 5 * time.Second
	// missingLooks is in how many looks one after the other a topic must be missing:
	// a broker that has just been started may not know it yet.
	missingLooks = 3
)

// TopicWatch looks, all the time, whether the topics of a process are still those that
// it began with: a topic that was deleted and recreated has another id, and pages
// that were spread over some partitions are elsewhere with more of them. It is safe for concurrent use.
type TopicWatch struct {
	settings Settings
	topics   []WatchedTopic

	mu    sync.Mutex
	known map[string]*watchedState
}

// watchedState is what is known of a topic.
type watchedState struct {
	id      codec.TopicID
	seen    bool
	missing int // looks one after the other
	since   time.Time
}

// NewTopicWatch returns a watch over topics.
func (s Settings) NewTopicWatch(topics []WatchedTopic) *TopicWatch {
	w := &TopicWatch{settings: s, topics: topics, known: make(map[string]*watchedState)}
	for _, t := range topics {
		w.known[t.Name] = &watchedState{}
	}
	return w
}

// Run looks at the topics until ctx ends, which is no error. It returns a PermanentError
// where one is not what it was when the process began.
func (w *TopicWatch) Run(ctx context.Context) error {
	ticker := time.NewTicker(topicWatchInterval)
	defer ticker.Stop()
	for {
		if err := w.Check(ctx); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Check looks at the topics once and returns a PermanentError where one is not what it
// was when the process began. What brokers do not answer within some seconds is no error.
func (w *TopicWatch) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, topicWatchTimeout)
	defer cancel()
	names := make([]string, len(w.topics))
	for i, t := range w.topics {
		names[i] = t.Name
	}
	found, err := w.settings.Cluster.Topics(ctx, names...)
	if failure.As(err) != nil {
		return err
	}
	if err != nil {
		return nil // brokers are away: the roles say so
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, t := range w.topics {
		if at, ok := found[t.Name]; ok {
			errs = append(errs, w.compare(t, at))
		}
	}
	return errors.Join(errs...)
}

// compare compares a topic with what is known of it. It is called with the lock held.
func (w *TopicWatch) compare(t WatchedTopic, found kafka.Topic) error {
	state := w.known[t.Name]
	switch {
	case errors.Is(found.Err, kerr.UnknownTopicOrPartition):
		w.miss(t, state)
		return nil
	case failure.As(found.Err) != nil:
		return found.Err
	case found.Err != nil:
		return nil //nolint:nilerr // it is looked at again in a moment
	}
	id := codec.TopicID(found.ID)
	before := state.id
	if state.missing >= missingLooks {
		for _, role := range t.Roles {
			w.settings.Conditions.Set(role, aboutTopic(t), nil)
		}
		w.settings.Logger.Info("a missing topic exists again", "topic", t.Name, "roles", t.Roles, "missing_for", time.Since(state.since).Round(time.Second))
	}
	state.missing = 0
	if id.IsZero() {
		id = before // of brokers of different versions, some give no ids
	}
	state.id = id
	replaced := state.seen && id != before && !before.IsZero()
	switch {
	case replaced && t.RecreatedHint != "":
		state.id = before
		return failure.New(t.RecreatedHint, "the topic %s was deleted and recreated: its topic id was %s and is %s", t.Name, before, id)
	case replaced:
		w.settings.Logger.Warn("a topic was deleted and recreated; the pipeline continues with the new one", "topic", t.Name, "roles", t.Roles)
	}
	state.seen = true
	if t.Partitions > 0 {
		return samePartitions(t.Name, t.Partitions, len(found.Leaders))
	}
	return nil
}

func aboutTopic(t WatchedTopic) string { return "topic " + t.Name }

// miss records that a topic is missing. It is called with the lock held.
func (w *TopicWatch) miss(t WatchedTopic, state *watchedState) {
	if state.missing++; state.missing == 1 {
		state.since = time.Now()
	}
	if state.missing < missingLooks {
		return
	}
	err := fmt.Errorf("the topic %s has been missing since %s: restore it, or run \"pageheat topics create\"",
		t.Name, state.since.UTC().Format(time.RFC3339))
	for _, role := range t.Roles {
		w.settings.Conditions.Set(role, aboutTopic(t), err)
	}
	if state.missing == missingLooks {
		w.settings.Logger.Warn("a topic does not exist", "topic", t.Name, "roles", t.Roles, "hint", `restore it, or run "pageheat topics create"`)
	}
}
