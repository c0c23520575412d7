package pipeline

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pageheat/failure"
	"pageheat/kafka"
)

// membership is what a role knows of its part in its consumer group: whether it has
// its partitions, or since when it has tried without success. A nil membership does nothing. It
// is safe for concurrent use.
type membership struct {
	role, group, topic string
	patience           time.Duration // how long it may be without a session
	logger             *slog.Logger
	conditions         *Conditions
	metrics            *Metrics

	mu    sync.Mutex
	timer *time.Timer // runs while the role has no session; nil if it has one, or has left
	since time.Time   // when it began to be without one
	last  error       // why, if it is known
	row   int         // sessions that failed one after the other
}

// newMembership is for a role in its group.
func (s Settings) newMembership(role, group, topic string) *membership {
	return &membership{role: role, group: group, topic: topic, patience: s.Member.SessionTimeout, logger: s.Logger,
		conditions: s.Conditions, metrics: s.Metrics}
}

// aboutGroup is what the condition of a role without a session is about.
const aboutGroup = "consumer group"

// join takes note that the role wants a session and has none.
func (m *membership) join() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wait()
}

// wait begins to wait for a session. It is called with the lock held.
func (m *membership) wait() {
	if m.timer != nil {
		return
	}
	m.since, m.last = time.Now(), nil
	var timer *time.Timer
	timer = time.AfterFunc(m.patience, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.timer == timer {
			m.conditions.Set(m.role, aboutGroup, m.away())
		}
	})
	m.timer = timer
}

// away says since when the role has no session.
func (m *membership) away() error {
	err := fmt.Errorf("it has had no partitions of %s from the consumer group %s since %s", m.topic, m.group, m.since.UTC().Format(time.RFC3339))
	if m.last != nil {
		err = fmt.Errorf("%w: %w", err, m.last)
	}
	return err
}

// took takes note that a session has begun and everything that it needs is there.
func (m *membership) took() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.timer != nil {
		m.metrics.rebalanced(m.role, time.Since(m.since))
	}
	m.over()
	m.conditions.Set(m.role, AboutRestart, nil)
	if m.row > 0 {
		m.logger.Info("rejoined the consumer group", "group", m.group, "after", time.Since(m.since).Round(time.Millisecond))
	}
	m.row = 0
}

// over ends the wait for a session. It is called with the lock held.
func (m *membership) over() {
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
	m.conditions.Set(m.role, aboutGroup, nil)
}

// ended takes note that a session ended, or that there was none, with an error or, in
// a rebalance, without one. The first error of a row is logged.
func (m *membership) ended(err error) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wait()
	if err == nil {
		return
	}
	if !errors.Is(err, errSessionOver) {
		m.last = err
		m.metrics.sessionFailed(m.role)
		if m.row++; m.row == 1 {
			m.logger.With("group", m.group, "topic", m.topic).Warn("cannot join the consumer group; retrying", failure.Attrs(err)...)
		}
	}
}

// failed counts a session whose error ends the role's try.
func (m *membership) failed() {
	if m != nil {
		m.metrics.sessionFailed(m.role)
	}
}

// leave takes note that the role wants no session any more.
func (m *membership) leave() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over()
}

// explain says what to do about an error of the membership, if no second try mends it.
func (m *membership) explain(err error) error {
	if m == nil {
		return kafka.Explain(err)
	}
	return kafka.Explain(err, kafka.OnGroup(kafka.Read, m.group), kafka.OnTopic(kafka.Read, m.topic))
}
