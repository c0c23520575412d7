package adapter

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/failure"
)

// inputGroup is the consumer group that the ingest processor gets. Its member is one of
// franz-go, whose sessions read the partitions by themselves (see fetcher): a client hands
// over single records, which costs more than all of ingest does with them, and unpacks
// batches whatever they become.
//
// Its Consume goes on over rebalances, as that of group does.
type inputGroup struct {
	settings Settings
	name     string
	role     *Ingest
	member   *membership
	renewal  *renewal
	errors   chan error
	close    func() // what was opened with the group
}

func newInputGroup(s Settings, name string, r *Ingest, renew *renewal, close func()) *inputGroup {
	member := s.newMembership("ingest", name, s.Topology.Input)
	return &inputGroup{settings: s, name: name, role: r, member: member, renewal: renew, errors: make(chan error), close: close}
}

// Consume implements sarama.ConsumerGroup.
func (g *inputGroup) Consume(ctx context.Context, topics []string, goka sarama.ConsumerGroupHandler) error {
	outer := ctx
	ctx, cancel := g.renewal.begin(ctx)
	defer cancel()
	defer g.member.leave()
	g.member.join()
	run := &inputRun{group: g, goka: goka, stop: cancel}
	client, err := g.settings.Cluster.GroupClient("ingest", g.name, topics, g.settings.Member,
		kgo.OnPartitionsAssigned(run.assigned),
		kgo.OnPartitionsRevoked(run.revoked),
		kgo.OnPartitionsLost(run.revoked),
		kgo.AdjustFetchOffsetsFn(run.begin),
	)
	if err != nil {
		return err
	}
	client.PauseFetchTopics(topics...) // sessions read by themselves
	for ctx.Err() == nil {
		run.hear(client.PollFetches(ctx))
	}
	// Closing ends the session, with its last flush and commit, and leaves the group.
	client.Close()
	run.end()
	if run.error() == nil && outer.Err() == nil && g.renewal.due() {
		return ErrRenew
	}
	return run.error()
}

// Errors implements sarama.ConsumerGroup: errors end Consume instead.
func (g *inputGroup) Errors() <-chan error { return g.errors }

// Close implements sarama.ConsumerGroup. Consume has returned before.
func (g *inputGroup) Close() error {
	close(g.errors)
	g.close()
	return nil
}

// Pause implements sarama.ConsumerGroup and does nothing, as the next three do.
func (g *inputGroup) Pause(map[string][]int32) {}

// Resume implements sarama.ConsumerGroup.
func (g *inputGroup) Resume(map[string][]int32) {}

// PauseAll implements sarama.ConsumerGroup.
func (g *inputGroup) PauseAll() {}

// ResumeAll implements sarama.ConsumerGroup.
func (g *inputGroup) ResumeAll() {}

// inputRun is one membership of the group: one session after the other. The
// client calls assigned and revoked one at a time.
type inputRun struct {
	group *inputGroup
	goka  sarama.ConsumerGroupHandler
	stop  context.CancelFunc

	mu      sync.Mutex
	session *inputSession // nil between sessions
	err     error
}

// fault ends the membership with an error; a nil error or the end of a session
// is none.
func (r *inputRun) fault(err error) {
	if err == nil || errors.Is(err, errSessionOver) {
		return
	}
	r.mu.Lock()
	if r.err == nil {
		r.err = err
		r.group.member.failed()
	}
	r.mu.Unlock()
	r.stop()
}

func (r *inputRun) error() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *inputRun) current() *inputSession {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.session
}

// assigned begins a session.
func (r *inputRun) assigned(_ context.Context, client *kgo.Client, partitions map[string][]int32) {
	s := newInputSession(client, r.group.settings, partitions, &handler{role: r.group.role, goka: r.goka, member: r.group.member})
	r.mu.Lock()
	r.session = s
	r.mu.Unlock()
	if err := s.handler.Setup(s); err != nil {
		r.fault(err)
		return
	}
	s.start(r.group.role.input, r.stop)
}

// revoked ends the session. The group waits for it.
func (r *inputRun) revoked(context.Context, *kgo.Client, map[string][]int32) { r.end() }

func (r *inputRun) end() {
	r.mu.Lock()
	s := r.session
	r.session = nil
	r.mu.Unlock()
	if s != nil {
		r.fault(s.end())
		r.group.member.ended(nil)
	}
}

// begin says where the claims of the session begin.
func (r *inputRun) begin(_ context.Context, committed map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	s := r.current()
	if s == nil {
		return nil, errSessionOver
	}
	return s.begin(committed), nil
}

// hear takes note of what the client says of the group; records it has none.
func (r *inputRun) hear(fetches kgo.Fetches) {
	var outside *kgo.ErrGroupSession
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		p.Err = r.group.member.explain(p.Err)
		switch {
		case errors.Is(p.Err, context.Canceled) || errors.Is(p.Err, kgo.ErrClientClosed):
		case errors.As(p.Err, &outside) && failure.As(p.Err) == nil:
			// The client joins again by itself, as the same member: see group.
			r.group.member.ended(p.Err)
		case p.Err != nil:
			r.fault(fmt.Errorf("reading the input as a member of %s, topic %s partition %d: %w", r.group.name, p.Topic, p.Partition, p.Err))
		}
	})
}
