package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/processors"
)

// NeededTopics are the topics that the given roles need, as this process found them.
func (s Settings) NeededTopics(has func(role string) bool) []processors.WatchedTopic {
	t := s.Topology
	const (
		again    = "start the instance again with `pageheat run`: what is published goes on, above the versions that readers know"
		hintHeat = "the totals were in it: " + failure.StartOver
	)
	watched := []processors.WatchedTopic{
		{Name: t.Input, Roles: []string{"ingest", "heat", "collect"}, RecreatedHint: failure.Recreated},
		{Name: t.Behavior, Roles: []string{"ingest", "heat"}, RecreatedHint: failure.Recreated, Partitions: s.Partitions},
		{Name: t.HeatTable, Roles: []string{"heat", "serve"}, RecreatedHint: hintHeat, Partitions: s.Partitions},
		{Name: t.Leaders, Roles: []string{"heat", "rank"}},
		{Name: t.RankTable, Roles: []string{"rank"}, RecreatedHint: again},
		{Name: t.Output, Roles: []string{"rank", "serve"}, RecreatedHint: again},
		{Name: t.DeadLetter, Roles: []string{"ingest"}},
	}
	if t.HasEvents {
		watched = append(watched, processors.WatchedTopic{Name: t.AlertTable, Roles: []string{"rank"}, RecreatedHint: again},
			processors.WatchedTopic{Name: t.Events, Roles: []string{"rank"}})
	}
	var needed []processors.WatchedTopic
	for _, w := range watched {
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
)

// TopicWatch looks, all the time, whether the topics of a process are still those that
// it began with: a topic that was deleted and recreated has another id, and pages
// that were spread over some partitions are elsewhere with more of them. It is safe for concurrent use.
type TopicWatch struct {
	settings Settings
	topics   []processors.WatchedTopic

	mu      sync.Mutex
	watches map[string]*processors.TopicWatch
}

// NewTopicWatch returns a watch over topics.
func (s Settings) NewTopicWatch(topics []processors.WatchedTopic) *TopicWatch {
	w := &TopicWatch{settings: s, topics: topics, watches: make(map[string]*processors.TopicWatch)}
	for _, t := range topics {
		w.watches[t.Name] = processors.NewTopicWatch(t)
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
			errs = append(errs, w.looked(t, at))
		}
	}
	return errors.Join(errs...)
}

// looked tells the watch of a topic what brokers have answered, and reports what comes of it. It is
// called with the lock held.
func (w *TopicWatch) looked(t processors.WatchedTopic, at kafka.Topic) error {
	watch := w.watches[t.Name]
	switch {
	case errors.Is(at.Err, kerr.UnknownTopicOrPartition):
		missing := watch.Missing(time.Now())
		if !missing.Since.IsZero() {
			w.setCondition(t, fmt.Errorf("the topic %s has been missing since %s: restore it, or run \"pageheat topics create\"",
				t.Name, missing.Since.UTC().Format(time.RFC3339)))
		}
		if missing.News {
			w.log(t).Warn("a topic does not exist", "hint", `restore it, or run "pageheat topics create"`)
		}
		return nil
	case failure.As(at.Err) != nil:
		return at.Err
	case at.Err != nil:
		return nil //nolint:nilerr // it is looked at again in a moment
	}
	found, err := watch.Exists(codec.TopicID(at.ID), len(at.Leaders))
	if !found.MissingSince.IsZero() {
		w.setCondition(t, nil)
		w.log(t).Info("a missing topic exists again", "missing_for", time.Since(found.MissingSince).Round(time.Second))
	}
	if found.Replaced {
		w.log(t).Warn("a topic was deleted and recreated; the pipeline continues with the new one")
	}
	return err
}

// log is the logger for what happens to a topic. It is made when there is something to log, which costs
// more than a look at the topics does.
func (w *TopicWatch) log(t processors.WatchedTopic) *slog.Logger {
	return w.settings.Logger.With("topic", t.Name, "roles", t.Roles)
}

// setCondition sets the condition of the roles that need a topic.
func (w *TopicWatch) setCondition(t processors.WatchedTopic, err error) {
	for _, role := range t.Roles {
		w.settings.Conditions.Set(role, "topic "+t.Name, err)
	}
}
