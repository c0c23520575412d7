package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/processors"
)

// RankingConfig configures the rank role of a process.
type RankingConfig struct {
	Settings
	// Board is the name of the board.
	Board string
	// Boards are the names of those beside it.
	Boards []string
	// Grouped are those of Boards that have boards of groups.
	Grouped []string
	// PublishEvery is the shortest time between two boards.
	PublishEvery time.Duration
}

// Ranking runs the ranking processor: the take-over of its table, and what
// its stage is told of leaders and of the output. One Ranking serves one goka processor
// after another.
type Ranking struct {
	runner
	config  RankingConfig
	session atomic.Pointer[session] // nil before the first
	taken   *takenIn

	// Of the session.
	begins      int64 // offset of the leaders that are read first
	table       storage.Storage
	waits       bool // for heat partitions whose settings differ
	transaction *transaction
}

// NewRanking returns what runs a ranking processor. The owner names this
// process in the fences it writes; it must be unique.
func NewRanking(c RankingConfig, owner string) *Ranking {
	r := &Ranking{config: c, taken: newTakenIn()}
	r.runner = runner{settings: c.Settings, name: "rank", role: r, owner: owner}
	return r
}

func (r *Ranking) wiring(a *attempt) wiring {
	topo := r.config.Topology
	return wiring{input: topo.Leaders, claimed: topo.Behavior, table: topo.RankTable, route: onlyPartition,
		end:     func(string, int32) (int64, error) { return r.transaction.fenceAt + 1, nil },
		storage: func(string, int32) (storage.Storage, error) { return r.table, nil },
		options: []goka.ProcessorOption{keepFailures(a)}}
}

// setup takes over the rank table.
func (r *Ranking) setup(ctx context.Context, s *session) error {
	r.session.Store(s)
	if _, partitions := s.claims(); len(partitions) == 0 {
		return nil
	}
	t, err := takeOver(ctx, r.config.Settings, kafka.Ownership{Purpose: "rank", Topic: r.config.Topology.RankTable,
		ID: r.config.Topology.RankTransactionalID()}, codec.EpochKey(), r.nextOwner())
	if err != nil {
		return err
	}
	if err := r.restore(ctx, t.fenceAt); err != nil {
		t.GiveUp(errSessionOver)
		return err
	}
	r.transaction = t
	r.producer.begin(s, map[int32]*transaction{0: t})
	return nil
}

// restore reads the rank table up to the fence of the take-over; goka finds nothing left
// to restore then.
func (r *Ranking) restore(ctx context.Context, fenceAt int64) error {
	name := r.config.Topology.RankTable
	topic, err := r.config.Cluster.Topic(ctx, name)
	if err != nil {
		return err
	}
	given, err := r.given(ctx)
	if err != nil {
		return err
	}
	r.table = storage.NewMemory()
	span := kafka.Span{Topic: topic, From: kafka.Beginning, To: fenceAt + 1, Wait: true}
	err = r.config.Cluster.Read(ctx, span, func(records []*kafka.Record, _ int64) error {
		for _, m := range records {
			var err error
			if string(m.Key) == codec.EpochKey() {
				err = processors.CheckEpoch(m.Value, r.config.Topology.RankGroup, r.config.Topology.Output, given)
			}
			switch {
			case err == nil && m.Value == nil:
				err = r.table.Delete(string(m.Key))
			case err == nil:
				err = r.table.Set(string(m.Key), m.Value)
			}
			if err == nil {
				err = r.table.SetOffset(m.Offset)
			}
			if err != nil {
				return fmt.Errorf("restoring %s partition %d, offset %d: %w", name, m.Partition, m.Offset, err)
			}
		}
		return nil
	})
	if err != nil && ctx.Err() != nil {
		return errSessionOver
	}
	return err
}

// ready makes sure that the restore was whole. Leaders are soft state: they are
// read from now on.
func (r *Ranking) ready(ctx context.Context, s *session) error {
	topic, partitions := s.claims()
	r.config.Metrics.owns("rank", s)
	r.waits = false
	if len(partitions) == 0 {
		return nil
	}
	for _, board := range r.config.Boards {
		r.config.Metrics.differingOn(board, 0)
	}
	value, err := r.table.Get(codec.FenceKey(0))
	if err != nil {
		return fmt.Errorf("reading the fence of %s: %w", r.config.Topology.RankTable, err)
	}
	if err := processors.RestoredRanking(value, r.transaction.fence.Owner); err != nil {
		if ctx.Err() != nil {
			return errSessionOver
		}
		return fmt.Errorf("restoring %s: %w at offset %d", r.config.Topology.RankTable, err, r.transaction.fenceAt)
	}
	_, end, err := r.topics.bounds(ctx, topic, 0)
	if err != nil {
		return err
	}
	s.startAt(topic, 0, end)
	r.begins = end
	r.config.Logger.Info("took over the ranking")
	return nil
}

func (r *Ranking) end(s *session) { s.commit() }

// readOutput reads a record of the output; nil if it is not this board. Boards of the epoch own
// are this owner's.
func (r *Ranking) readOutput(m *kafka.Record, own uint64) (*processors.Output, error) {
	b, err := processors.ReadOutput(string(m.Key), m.Value, positionsOf(m), r.config.Board, r.config.Boards, r.config.Topology.RankGroup, own)
	if err != nil {
		return nil, fmt.Errorf("%s partition %d, offset %d: %w", m.Topic, m.Partition, m.Offset, err)
	}
	return b, nil
}

// Check looks at leaders before they are ranked: how far they say to have counted must
// exist. It notes what they say of requests to forget pages. It is for the processor.
func (r *Ranking) Check(l *codec.Leaders) error {
	s := r.session.Load()
	if s == nil {
		return errNoSession
	}
	if err := r.bounds.check(s.real(), l.Partition, l.Next); err != nil {
		return err
	}
	r.taken.heard(l)
	return nil
}

// Differ records the heat partitions whose leaders were chosen by other settings than
// the ranking's; it is for the processor. The role stays ready: a rolling
// change that waits for each new instance to become ready would never reach the old ones.
func (r *Ranking) Differ(wanted codec.Definition, differing []processors.Differing) {
	r.config.Metrics.differing(len(differing))
	waited := r.waits
	r.waits = len(differing) > 0
	switch {
	case r.waits && !waited:
		partitions := make([]int32, len(differing))
		for i, d := range differing {
			partitions[i] = d.Partition
		}
		r.config.Logger.Warn("the board is not updated: heat partitions choose their leaders by other settings than this instance",
			"hint", "--top and --weight-* must be the same on all instances",
			"heat_partitions", partitions, "theirs", differing[0].Definition.String(), "ours", wanted.String())
	case !r.waits && waited:
		r.config.Logger.Info("all heat partitions choose their leaders by this instance's settings again", "settings", wanted.String())
	}
}

// DifferOnBoard records the heat partitions that do not count a further board as this process defines it. It
// is for the processor.
func (r *Ranking) DifferOnBoard(board string, partitions []int32) {
	r.config.Metrics.differingOn(board, len(partitions))
	if len(partitions) > 0 {
		r.config.Logger.Warn("a board is not updated: heat partitions define it in another way than this instance, or do not have it",
			"hint", "boards must be the same on all instances", "board", board, "heat_partitions", partitions)
		return
	}
	r.config.Logger.Info("all heat partitions count a board as this instance defines it", "board", board)
}

// BoardDue records when the next board of a name is due. It is for the processor.
func (r *Ranking) BoardDue(board string, due time.Time) { r.config.Metrics.boardDue(board, due) }

// CheckOrigin compares the newest board in the output with the settings of this process,
// before any role begins: it must be of the same prefix, and made from as many heat
// partitions as there were when it began. It returns a failure.Permanent if they differ. Each role checks again what
// could not be looked up. awaits says that the output may belong to another prefix, see
// [Ranking.AwaitSwitch].
func CheckOrigin(ctx context.Context, s Settings, board string, awaits bool) error {
	t := newTopics(s)
	defer t.close()
	r := NewRanking(RankingConfig{Settings: s, Board: board}, "")
	r.topics = t
	found, _, err := r.newest(ctx)
	if err != nil || found[board] == nil {
		return err
	}
	if err := found[board].Owned(s.Topology.RankGroup); err != nil {
		if awaits {
			return nil
		}
		return fmt.Errorf("%s: %w", s.Topology.Output, err)
	}
	if found[board].HandedOver {
		return nil
	}
	have := s.Partitions
	if made := found[board].Partitions; have > 0 && made != have {
		return failure.New(failure.Partitions, "%s and %s have %d partitions, and the newest board in %s was made from %d: %w",
			s.Topology.Behavior, s.Topology.HeatTable, have, s.Topology.Output, made, codec.OtherPartitions(int32(made), int32(have)))
	}
	return nil
}

// given reports whether the output was handed over to the group, and has no board of its own yet.
func (r *Ranking) given(ctx context.Context) (bool, error) {
	look := NewRanking(RankingConfig{Settings: r.config.Settings, Board: r.config.Board}, "") // for this board alone
	look.topics = r.topics
	found, _, err := look.newest(ctx)
	if err != nil {
		return false, err
	}
	newest := found[r.config.Board]
	return newest != nil && newest.Foreign == "" && newest.HandedOver, nil
}

// newest are the newest boards in the output by name, and the offset after the output's last record. The
// search ends with the board of all time: of further boards published long before it none is found, but those of
// groups.
func (r *Ranking) newest(ctx context.Context) (map[string]*processors.Output, int64, error) {
	name := r.config.Topology.Output
	topic, err := r.config.Cluster.Topic(ctx, name)
	if err != nil {
		return nil, 0, err
	}
	first, _, err := r.topics.bounds(ctx, name, 0)
	if err != nil {
		return nil, 0, err
	}
	end, err := r.config.Cluster.CommittedEnd(ctx, name, 0)
	if err != nil {
		return nil, 0, err
	}
	newest, searched := map[string]*processors.Output{}, end
	search := codec.NewBoardSearch[processors.Output](first, end)
	for from, to, more := search.Next(); more; from, to, more = search.Next() {
		searched = from
		if err := r.read(ctx, kafka.Span{Topic: topic, From: from, To: to}, func(version uint64, b processors.Output) {
			if known := newest[b.Board]; known == nil || known.Version < version {
				newest[b.Board] = &b
			}
			if b.Board == r.config.Board {
				search.Found(version, b)
			}
		}); err != nil {
			return nil, 0, err
		}
	}
	if len(r.config.Grouped) > 0 && searched > first {
		if err := r.oldGroups(ctx, kafka.Span{Topic: topic, From: first, To: searched}, newest); err != nil {
			return nil, 0, err
		}
	}
	return newest, end, nil
}

// owned are the newest boards, of which that of all time must be of this group.
func (r *Ranking) owned(ctx context.Context) (map[string]*processors.Output, int64, error) {
	found, end, err := r.newest(ctx)
	if newest := found[r.config.Board]; err == nil && newest != nil {
		if err = newest.Owned(r.config.Topology.RankGroup); err != nil {
			err = fmt.Errorf("%s: %w", r.config.Topology.Output, err)
		}
	}
	return found, end, err
}

// oldGroups adds the newest boards of groups in a span of the output, if they have pages: a group that has none now
// gets an empty one. It may have had its last board long ago, and nothing else says so.
func (r *Ranking) oldGroups(ctx context.Context, in kafka.Span, to map[string]*processors.Output) error {
	old := map[string]*processors.Output{}
	err := r.config.Cluster.Read(ctx, in, func(records []*kafka.Record, _ int64) error {
		for _, m := range records {
			name, _, part := strings.Cut(string(m.Key), "/")
			if !part || !slices.Contains(r.config.Grouped, name) || to[string(m.Key)] != nil {
				continue
			}
			b, err := r.readOutput(m, 0)
			if err != nil || b == nil {
				continue // what is wrong with the output shows in its newest boards
			}
			if known := old[b.Board]; known == nil || known.Version < b.Version {
				old[b.Board] = b
			}
		}
		return nil
	})
	if err != nil {
		if ctx.Err() != nil {
			return errSessionOver
		}
		return err
	}
	for key, b := range old {
		if b.ShowsGroup() {
			to[key] = b
		}
	}
	return nil
}

// read hands over the boards in a span of the output.
func (r *Ranking) read(ctx context.Context, in kafka.Span, found func(version uint64, b processors.Output)) error {
	err := r.config.Cluster.Read(ctx, in, func(records []*kafka.Record, _ int64) error {
		for _, m := range records {
			b, err := r.readOutput(m, 0)
			if err != nil {
				return err
			}
			if b != nil {
				found(b.Version, *b)
			}
		}
		return nil
	})
	if err != nil && ctx.Err() != nil {
		return errSessionOver
	}
	return err
}
