package pipeline

import (
	"context"

	"github.com/IBM/sarama"

	"pageheat/kafka"
)

// inputGroup is the consumer group of the input. Its sessions read the partitions in chunks (see
// kafka.Session): a client hands over single records, which costs more than all of ingest does
// with them, and unpacks batches of any unpacked size.
type inputGroup struct {
	role   *Ingest
	name   string
	member *membership
	errors chan error
}

// Consume implements sarama.ConsumerGroup: one session follows the other until ctx ends, or goka
// leaves a claim by itself.
func (g *inputGroup) Consume(ctx context.Context, topics []string, h sarama.ConsumerGroupHandler) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	run := &inputRun{role: g.role, handler: h.(*handler), stop: stop}
	return g.role.config.Cluster.Join(ctx, "ingest", g.name, topics[0], g.role.config.Member, run)
}

// Errors implements sarama.ConsumerGroup: errors end Consume instead.
func (g *inputGroup) Errors() <-chan error { return g.errors }

// Close implements sarama.ConsumerGroup. Consume has returned before.
func (g *inputGroup) Close() error {
	close(g.errors)
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
	role    *Ingest
	handler *handler
	stop    context.CancelFunc
	session *inputSession // nil between sessions
}

// Begin implements kafka.SessionHandler.
func (r *inputRun) Begin(in *kafka.Session) {
	r.session = newInputSession(in, r.role.settings, r.handler)
	if r.handler.Setup(r.session) == nil {
		r.session.start(r.role.input, r.role.begins(), r.stop)
	}
}

// End implements kafka.SessionHandler.
func (r *inputRun) End() {
	if r.session != nil {
		r.session.end()
		r.session = nil
		r.handler.member.ended(nil)
	}
}

// Away implements kafka.SessionHandler. The client joins again by itself, as the same
// member: see group.
func (r *inputRun) Away(err error) { r.handler.member.ended(err) }

// Failed implements kafka.SessionHandler.
func (r *inputRun) Failed(err error) { r.handler.attempt.fail(err) }
