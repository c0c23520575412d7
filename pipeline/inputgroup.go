package pipeline

import (
	"context"
	"errors"
	"sync"

	"github.com/IBM/sarama"

	"pageheat/kafka"
)

// inputGroup is the consumer group that the ingest processor gets. Its sessions read the
// partitions in chunks (see kafka.Session): a client hands over single records, which costs
// more than all of ingest does with them, and unpacks batches of any unpacked size.
//
// Its Consume goes on over rebalances, as that of group does.
type inputGroup struct {
	settings Settings
	name     string
	role     *Ingest
	member   *membership
	restart  *restart
	errors   chan error
	close    func() // what was opened with the group
}

func newInputGroup(s Settings, name string, r *Ingest, restart *restart, close func()) *inputGroup {
	member := s.newMembership("ingest", name, s.Topology.Input)
	return &inputGroup{settings: s, name: name, role: r, member: member, restart: restart, errors: make(chan error), close: close}
}

// Consume implements sarama.ConsumerGroup.
func (g *inputGroup) Consume(ctx context.Context, topics []string, goka sarama.ConsumerGroupHandler) error {
	outer := ctx
	ctx, cancel := g.restart.begin(ctx)
	defer cancel()
	defer g.member.leave()
	g.member.join()
	run := &inputRun{group: g, goka: goka, stop: cancel}
	if err := g.settings.Cluster.Join(ctx, "ingest", g.name, topics[0], g.settings.Member, run); err != nil {
		return err
	}
	if run.error() == nil && outer.Err() == nil && g.restart.requested() {
		return ErrRestart
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

// inputRun is one membership of the group: one session after the other.
type inputRun struct {
	group *inputGroup
	goka  sarama.ConsumerGroupHandler
	stop  context.CancelFunc

	mu      sync.Mutex
	session *inputSession // nil between sessions

	faults firstError
}

// fault ends the membership with an error; a nil error or the end of a session
// is none.
func (r *inputRun) fault(err error) {
	if err == nil || errors.Is(err, errSessionOver) {
		return
	}
	if r.faults.keep(err) {
		r.group.member.failed()
	}
	r.stop()
}

func (r *inputRun) error() error { return r.faults.get() }

// Begin implements kafka.SessionHandler.
func (r *inputRun) Begin(in *kafka.Session) {
	s := newInputSession(in, r.group.settings, &handler{role: r.group.role, goka: r.goka, member: r.group.member})
	r.mu.Lock()
	r.session = s
	r.mu.Unlock()
	if err := s.handler.Setup(s); err != nil {
		r.fault(err)
		return
	}
	s.start(r.group.role.input, r.group.role.begins(), r.stop)
}

// End implements kafka.SessionHandler.
func (r *inputRun) End() {
	r.mu.Lock()
	s := r.session
	r.session = nil
	r.mu.Unlock()
	if s != nil {
		r.fault(s.end())
		r.group.member.ended(nil)
	}
}

// Away implements kafka.SessionHandler. The client joins again by itself, as the same
// member: see group.
func (r *inputRun) Away(err error) { r.group.member.ended(err) }

// Failed implements kafka.SessionHandler.
func (r *inputRun) Failed(err error) { r.fault(err) }
