package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"pageheat/codec"
	"pageheat/events"
	"pageheat/kafka"
	"pageheat/processors"
	"pageheat/topology"
)

// RoleEvents is the name of the part of the role rank that writes events of boards, in logs, metrics and
// conditions.
const RoleEvents = "alert"

// EventsConfig configures what writes events of boards.
type EventsConfig struct {
	Settings
	// Rules say which events are written.
	Rules events.Rules
}

// Events writes what happens on boards. It follows the output as any other reader does, so the ranking
// does not wait for it. Events, the trails that they are made from, and the position in the output are
// written in one transaction, whose transactional.id belongs to the partition of the table: each board
// has its events once, whatever fails. docs/events.md has the reasons.
type Events struct {
	config   EventsConfig
	owner    string // names this process in fences
	sessions int    // that had an owner's name
}

// NewEvents returns what writes events. The owner names this process in the fences it writes; it must
// be unique.
func NewEvents(c EventsConfig, owner string) *Events { return &Events{config: c, owner: owner} }

// Run takes part in the consumer group, and writes events while it has the output's partition, until
// ctx ends or an error does, which it returns. It may be called again.
func (e *Events) Run(ctx context.Context) error {
	topo := e.config.Topology
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	m := &eventsMember{Events: e, ctx: ctx, fail: fail, member: e.config.newMembership(RoleEvents, topo.AlertGroup, topo.Output)}
	m.member.join()
	defer m.member.leave()
	err := e.config.Cluster.Join(ctx, RoleEvents, topo.AlertGroup, topo.Output, e.config.Member, m)
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return kafka.Explain(err)
}

// eventsMember is one membership of the group: one session after the other.
type eventsMember struct {
	*Events
	ctx    context.Context
	fail   context.CancelCauseFunc
	member *membership

	stop  context.CancelFunc // of the session, nil between sessions
	ended sync.WaitGroup
}

var _ kafka.SessionHandler = (*eventsMember)(nil)

// Begin implements kafka.SessionHandler.
func (m *eventsMember) Begin(s *kafka.Session) {
	owns := 0.0
	if len(s.Partitions()) > 0 {
		owns = 1
	}
	m.config.Metrics.owned.WithLabelValues(RoleEvents).Set(owns)
	var ctx context.Context
	ctx, m.stop = context.WithCancel(m.ctx)
	if owns == 0 {
		m.member.took()
		return
	}
	m.ended.Go(func() {
		if err := m.own(ctx, s, m.member.took); err != nil && ctx.Err() == nil {
			m.member.failed()
			m.fail(err)
		}
	})
}

// End implements kafka.SessionHandler.
func (m *eventsMember) End() {
	if m.stop == nil {
		return
	}
	m.stop()
	m.ended.Wait()
	m.stop = nil
	m.member.ended(nil)
}

// Away implements kafka.SessionHandler.
func (m *eventsMember) Away(err error) { m.member.ended(err) }

// Failed implements kafka.SessionHandler.
func (m *eventsMember) Failed(err error) { m.fail(err) }

// own takes over the table, restores it, and writes events until the session ends.
func (e *Events) own(ctx context.Context, s *kafka.Session, took func()) error {
	topo := e.config.Topology
	e.sessions++
	fence := codec.Fence{Owner: e.owner + "/" + strconv.Itoa(e.sessions), TakenAt: time.Now().UnixMilli()}
	w := &eventsWriter{Events: e, session: s, follower: events.NewFollower(e.config.Rules)}
	var err error
	if w.output, err = e.config.Cluster.Topic(ctx, topo.Output); err != nil {
		return err
	}
	if w.table, err = e.config.Cluster.TakeOver(ctx, kafka.Ownership{Purpose: RoleEvents, Topic: topo.AlertTable, ID: topo.AlertTransactionalID(),
		Largest: topology.MaxMessageBytes - 1<<10}, codec.FenceKey(0), codec.AppendFence(nil, fence)); err != nil {
		return err
	}
	defer w.table.GiveUp(errSessionOver)
	renew, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	w.table.BelongsTo(ctx, nil, func() { stop(ErrRestart) })
	if err := w.restore(ctx, fence); err != nil {
		return err
	}
	w.position = e.config.Progress.Begin(processors.Work{Role: RoleEvents, Topic: topo.Output})
	defer w.position.End()
	if err := w.begin(ctx); err != nil {
		return err
	}
	took()
	e.config.Logger.Info("owns the events of boards", "offset", w.next)
	err = w.follow(renew)
	if cause := context.Cause(renew); errors.Is(cause, ErrRestart) {
		return cause
	}
	return err
}

// eventsWriter writes events in one session of the group.
type eventsWriter struct {
	*Events
	session  *kafka.Session
	output   kafka.Topic
	table    *kafka.Owner
	follower *events.Follower
	position *Position

	known   bool          // whether there is a position
	next    int64         // the next offset of the output
	waiting []codec.Event // that are not written yet
	unsaved bool          // whether next is above the position in the table
	untold  bool          // whether next is above the offset of the group
}

// restore reads the table up to the fence of the take-over.
func (w *eventsWriter) restore(ctx context.Context, fence codec.Fence) error {
	name := w.config.Topology.AlertTable
	table, err := w.config.Cluster.Topic(ctx, name)
	if err != nil {
		return err
	}
	var last codec.Fence
	span := kafka.Span{Topic: table, From: kafka.Beginning, To: w.table.TakenAt() + 1, Wait: true}
	err = w.config.Cluster.Read(ctx, span, func(records []*kafka.Record, _ int64) error {
		for _, m := range records {
			if err := w.restoreRecord(string(m.Key), m.Value, &last); err != nil {
				return fmt.Errorf("restoring %s partition %d, offset %d: %w", name, m.Partition, m.Offset, err)
			}
		}
		return nil
	})
	if err == nil && last != fence {
		err = fmt.Errorf("restoring %s: the last fence is that of %q at offset %d", name, last.Owner, w.table.TakenAt())
	}
	return err
}

// restoreRecord takes a record of the table.
func (w *eventsWriter) restoreRecord(key string, value []byte, fence *codec.Fence) (err error) {
	kind, _, internal := codec.InternalKey(key)
	switch {
	case kind == codec.KindFence:
		*fence, err = codec.DecodeFence(value)
	case kind == codec.KindPosition:
		var at codec.EventsPosition
		at, err = codec.DecodeEventsPosition(value)
		w.next, w.known = at.Next, at.Output == codec.TopicID(w.output.ID)
	case internal:
	case value == nil:
		w.follower.Restore(key, nil)
	default:
		var trail *codec.Trail
		if trail, err = codec.DecodeTrail(value); err == nil {
			w.follower.Restore(key, trail)
		}
	}
	return err
}

// begin makes sure that there is a position in the output. Without one, the boards that are there are the
// first ones, which have no events.
func (w *eventsWriter) begin(ctx context.Context) error {
	name := w.config.Topology.Output
	bounds, err := w.config.Cluster.Bounds(ctx, name, 0)
	if err != nil {
		return err
	}
	if w.known && w.next <= bounds.End {
		w.next = max(w.next, bounds.Start)
		w.position.Reached(w.next)
		return nil
	}
	if w.known || w.next > 0 {
		w.config.Logger.Warn("the output is not the one that was read before: boards begin anew, without events of the change", "topic", name)
	}
	end, err := w.config.Cluster.CommittedEnd(ctx, name, 0)
	if err != nil {
		return err
	}
	w.follower.Forget()
	w.next = bounds.Start
	if err := w.config.Cluster.Read(ctx, kafka.Span{Topic: w.output, From: bounds.Start, To: end}, func(records []*kafka.Record, next int64) error {
		for _, m := range records {
			if err := w.take(m); err != nil {
				return err
			}
		}
		w.waiting = nil
		w.position.Busy()
		return nil
	}); err != nil {
		return err
	}
	w.next = max(w.next, end)
	return w.commit(ctx)
}

const (
	// eventsCommitEvery is the time between two commits of boards on which nothing happened, and of
	// the group's offset.
	eventsCommitEvery = time.Second
	// eventsAtOnce is the number of events after which a transaction ends while boards wait.
	eventsAtOnce = 1000
)

// follow writes the events of boards as they come.
func (w *eventsWriter) follow(ctx context.Context) error {
	boards, err := w.config.Cluster.Follow(ctx, RoleEvents, w.config.Topology.Output, map[int32]int64{0: w.next})
	if err != nil {
		return err
	}
	defer boards.Close()
	quiet := time.NewTicker(eventsCommitEvery)
	defer quiet.Stop()
	for {
		select {
		case m, ok := <-boards.Records():
			if !ok {
				return boards.Err()
			}
			if err := w.take(m); err != nil {
				return err
			}
			w.unsaved = true
			if len(w.waiting) == 0 || len(boards.Records()) > 0 && len(w.waiting) < eventsAtOnce {
				continue
			}
			if err := w.commit(ctx); err != nil {
				return err
			}
		case <-quiet.C:
			if w.unsaved {
				if err := w.commit(ctx); err != nil {
					return err
				}
			}
			w.tell(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// take takes the next record of the output.
func (w *eventsWriter) take(m *kafka.Record) error {
	var positions []byte
	for name, value := range kafka.Headers(m) {
		if name == codec.HeaderPositions {
			positions = value
		}
	}
	happened, err := w.follower.Record(string(m.Key), m.Value, positions)
	if errors.Is(err, events.ErrForeign) {
		w.config.Logger.Warn("a record of the output has no events", "topic", m.Topic, "partition", m.Partition, "offset", m.Offset,
			"error", err, "hint", "look for the program that writes to the topic, and revoke its right")
		err = nil
	}
	if err != nil {
		return fmt.Errorf("%s partition %d, offset %d: %w", m.Topic, m.Partition, m.Offset, err)
	}
	w.waiting = append(w.waiting, happened...)
	w.next = m.Offset + 1
	return nil
}

// commit writes what has happened, the trails that changed, and the position, all or nothing. It is
// waited for when the session ends meanwhile: a transaction that is left open holds up readers.
func (w *eventsWriter) commit(ctx context.Context) error {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	for i := range w.waiting {
		record, err := eventRecord(w.config.Topology.Events, &w.waiting[i])
		if err == nil {
			err = w.table.Add(ctx, record)
		}
		if err != nil {
			return err
		}
	}
	for _, c := range w.follower.Changes() {
		var value []byte
		if c.Trail != nil {
			value = codec.AppendTrail(nil, c.Trail)
		}
		if err := w.table.Write(ctx, c.Board, value); err != nil {
			return err
		}
	}
	at := codec.EventsPosition{Output: codec.TopicID(w.output.ID), Next: w.next}
	written := make(chan error, 1)
	w.table.Commit(ctx, codec.EventsPositionKey(), codec.AppendEventsPosition(nil, at), func(err error) { written <- err })
	select {
	case err := <-written:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return fmt.Errorf("writing events to %s: %w", w.config.Topology.Events, errSessionOver)
	}
	w.config.Metrics.happened(w.waiting, time.Now())
	w.waiting, w.unsaved, w.untold = nil, false, true
	w.position.Reached(w.next)
	return nil
}

// afterwards returns a context that ends some seconds after another one.
func afterwards(session context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(session))
	stop := context.AfterFunc(session, func() {
		select {
		case <-time.After(patience):
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { stop(); cancel() }
}

// eventRecord is the record of an event, under the key of its board.
func eventRecord(topic string, e *codec.Event) (*kafka.Record, error) {
	value, err := codec.EncodeEvent(e)
	if err != nil {
		return nil, err
	}
	return &kafka.Record{Topic: topic, Key: []byte(e.Board), Value: value, Headers: []kafka.Header{
		{Key: codec.HeaderEvent, Value: []byte(e.Kind)}, {Key: codec.HeaderEventID, Value: []byte(e.ID())},
	}}, nil
}

// tell commits the offset of the group, for those who watch its lag. Nothing else depends on it.
func (w *eventsWriter) tell(ctx context.Context) {
	if !w.untold {
		return
	}
	w.untold = false
	if _, err := w.session.Commit(ctx, map[int32]int64{0: w.next}); err != nil {
		w.config.Logger.Debug("the offset of the group was not committed", "error", err)
	}
}
