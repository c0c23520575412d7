package switchover

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/topology"
)

// Config says what to hand over.
type Config struct {
	// Cluster reaches the brokers. It is not closed.
	Cluster *kafka.Cluster
	// From has the output, To gets it. Both name the same one.
	From, To *topology.Topology
	// AllTime is the key of the board of all time.
	AllTime string
	Options
	// Tell is told what was done, a line each.
	Tell func(line string)
}

const (
	// caughtUpWithin is how long the new deployment has to reach what the old one has counted meanwhile.
	// Owners of heat partitions send leaders at least once a second.
	caughtUpWithin = 10 * time.Second
	// endedWithin is how long the ranking that had the output has to end.
	endedWithin = time.Minute
	lookEvery   = 200 * time.Millisecond
	// mostSteps bounds the transactions of a Run: the second corrects what came after the first.
	mostSteps = 10
)

// Run hands the output over. It may be interrupted and repeated at any point. If the new deployment has the
// output already, and nothing is left to do, it reports false.
func Run(ctx context.Context, cfg Config) (done bool, err error) {
	r := &run{Config: cfg}
	if r.partitions, err = r.heatPartitions(ctx); err != nil {
		return false, err
	}
	for range mostSteps {
		more, err := r.step(ctx)
		if err != nil {
			return done, err
		}
		if !more {
			return done, nil
		}
		done = true
	}
	return done, fmt.Errorf("topic %s gets boards of the group %s again and again: stop its instances", r.From.Output, r.From.RankGroup)
}

// run is a running Run.
type run struct {
	Config
	partitions int // of the heat table of To
}

func (r *run) heatPartitions(ctx context.Context) (int, error) {
	table, err := r.Cluster.Topic(ctx, r.To.HeatTable)
	if err != nil {
		return 0, kafka.Missing(r.To.HeatTable, err)
	}
	return len(table.Leaders), nil
}

// step looks, and writes what is to be written. Boards are read again when nobody publishes any more: what is
// handed over must not be older than what readers have.
func (r *run) step(ctx context.Context) (more bool, err error) {
	plan, err := r.plan(ctx)
	if err != nil || plan.Empty() {
		return false, err
	}
	if plan.Epoch != nil {
		if err := r.mark(ctx, plan.Epoch); err != nil {
			return false, err
		}
	}
	publisher := r.From
	if plan.Undo {
		publisher = r.To
	}
	if err := r.end(ctx, publisher); err != nil {
		return false, err
	}
	if plan, err = r.plan(ctx); err != nil {
		return false, err
	}
	return true, r.write(ctx, plan.Boards)
}

// mark takes the table of the old ranking over and writes its last epoch.
func (r *run) mark(ctx context.Context, epoch []byte) error {
	tx, err := r.Cluster.Transaction(ctx, "switch", r.From.RankTable, r.From.RankTransactionalID())
	if err != nil {
		return err
	}
	defer tx.Close()
	if err := tx.Queue(ctx, &kafka.Record{Topic: r.From.RankTable, Key: []byte(codec.EpochKey()), Value: epoch}); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// write writes boards to the output. It is no transaction: programs that do not wait for the end of one would
// see versions of boards that were never handed over, if it was aborted.
func (r *run) write(ctx context.Context, boards []Written) error {
	sender, err := r.Cluster.Sender("switch", r.From.Output, kafka.Sending{Placed: true, BatchBytes: topology.MaxMessageBytes, Within: time.Minute})
	if err != nil {
		return err
	}
	defer sender.Close()
	for _, b := range boards {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		record := &kafka.Record{Topic: r.From.Output, Key: []byte(b.Key), Value: b.Value}
		if b.Value != nil {
			record.Headers = []kafka.Header{{Key: codec.HeaderPositions, Value: b.Positions}}
		}
		if err := sender.Queue(record); err != nil {
			return err
		}
	}
	if err := sender.Drain(); err != nil {
		return err
	}
	for _, b := range boards {
		if b.Value == nil {
			r.Tell("board " + b.Key + " deleted")
		} else {
			r.Tell("board " + b.Key + " handed over")
		}
	}
	return nil
}

// plan looks and plans. A deployment that is a little behind gets the time to catch up.
func (r *run) plan(ctx context.Context) (Step, error) {
	found := &Found{Output: r.From.Output, AllTime: r.AllTime, From: r.From.RankGroup, To: r.To.RankGroup}
	var err error
	if found.Epoch, err = r.epoch(ctx, r.From.RankTable); err != nil {
		return Step{}, err
	}
	if found.ToEpoch, err = r.epoch(ctx, r.To.RankTable); err != nil {
		return Step{}, err
	}
	if err = r.boards(ctx, found); err != nil {
		return Step{}, err
	}
	return r.caughtUp(ctx, found)
}

// epoch is the stored epoch of a ranking, zero if there is none.
func (r *run) epoch(ctx context.Context, table string) (e codec.Epoch, err error) {
	err = r.committed(ctx, table, func(m *kafka.Record) error {
		if string(m.Key) != codec.EpochKey() || m.Value == nil {
			return nil
		}
		e, err = codec.DecodeEpoch(m.Value)
		return err
	})
	return e, err
}

// boards reads all boards of the output.
func (r *run) boards(ctx context.Context, found *Found) error {
	found.Last, found.Newest = map[string]*Board{}, map[string]*Board{}
	return r.committed(ctx, r.From.Output, func(m *kafka.Record) error {
		key := string(m.Key)
		if m.Value == nil {
			delete(found.Last, key)
			delete(found.Newest, key)
			return nil
		}
		decoded, err := codec.DecodeBoard(m.Value)
		if err != nil {
			return failure.New(failure.Foreign, "reading the board: %w", err)
		}
		b := &Board{Board: *decoded}
		for name, value := range kafka.Headers(m) {
			if name != codec.HeaderPositions {
				continue
			}
			if b.Origin, err = codec.DecodeOrigin(value); err != nil {
				return failure.New(failure.Foreign, "reading the board's header: %w", err)
			}
		}
		found.Last[key] = b
		if newest := found.Newest[key]; newest == nil || newest.Version < b.Version {
			found.Newest[key] = b
		}
		return nil
	})
}

// committed reads a topic up to its last stable offset.
func (r *run) committed(ctx context.Context, topic string, each func(*kafka.Record) error) error {
	bounds, err := r.Cluster.AllBounds(ctx, topic)
	if err != nil {
		return err
	}
	for partition, b := range bounds {
		bounds[partition] = kafka.Bounds{Start: b.Start, End: b.Stable}
	}
	return r.Cluster.ReadBounds(ctx, topic, bounds, func(m *kafka.Record) error {
		if err := each(m); err != nil {
			return fmt.Errorf("topic %s partition %d offset %d: %w", m.Topic, m.Partition, m.Offset, err)
		}
		return nil
	})
}

// caughtUp plans with what the new deployment sends, until it has counted as much as the old one.
func (r *run) caughtUp(ctx context.Context, found *Found) (Step, error) {
	bounds, err := r.Cluster.AllBounds(ctx, r.To.Leaders)
	if err != nil {
		return Step{}, err
	}
	within, cancel := context.WithTimeout(ctx, caughtUpWithin)
	defer cancel()
	leaders, err := r.Cluster.Follow(within, "switch", r.To.Leaders, map[int32]int64{0: bounds[0].End})
	if err != nil {
		return Step{}, err
	}
	defer leaders.Close()
	latest := make([]*codec.Leaders, r.partitions)
	var plan Step
	for m := range leaders.Records() {
		if string(m.Key) == codec.NoticeKey() {
			continue
		}
		l, err := codec.DecodeLeaders(m.Value)
		if err != nil {
			return plan, fmt.Errorf("topic %s partition %d offset %d: %w", m.Topic, m.Partition, m.Offset, err)
		}
		if int(l.Partition) >= len(latest) {
			continue
		}
		latest[l.Partition] = l
		if slices.Contains(latest, nil) {
			continue
		}
		found.Has, found.Counted = boardsOf(latest), countedBy(latest)
		if plan, err = Plan(found, r.Options); err != nil || plan.Behind == nil {
			return plan, err
		}
	}
	switch {
	case ctx.Err() != nil:
		return plan, ctx.Err()
	case !errors.Is(leaders.Err(), context.DeadlineExceeded):
		return plan, leaders.Err()
	case plan.Behind != nil:
		return plan, failure.New("wait until it has caught up, which `pageheat status` shows, or let boards go back (`pageheat switch --from PREFIX --to PREFIX --behind`)",
			"the deployment %s has not caught up: %w", r.To.Prefix, plan.Behind)
	}
	var silent []string
	for partition, l := range latest {
		if l == nil {
			silent = append(silent, fmt.Sprint(partition))
		}
	}
	return plan, failure.New("start it first (`pageheat run --prefix NAME --await-switch`), so that the boards go on",
		"the deployment %s does not run: heat partitions %s have sent no leaders within %s", r.To.Prefix, strings.Join(silent, ", "), caughtUpWithin)
}

// boardsOf are the names of the boards that all heat partitions have.
func boardsOf(latest []*codec.Leaders) []string {
	in := map[string]int{}
	for _, l := range latest {
		names := map[string]bool{}
		for i := range l.Boards {
			names[l.Boards[i].Name] = true
		}
		for name := range names {
			in[name]++
		}
	}
	var names []string
	for name, partitions := range in {
		if partitions == len(latest) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// countedBy are, by partition of the input, the offsets below which all heat partitions have counted everything.
func countedBy(latest []*codec.Leaders) codec.Offsets {
	inputs := 0
	for _, l := range latest {
		inputs = max(inputs, len(l.To))
	}
	counted := make([]int64, inputs)
	for input := range counted {
		counted[input] = math.MaxInt64
		for _, l := range latest {
			to := int64(codec.Unknown)
			if input < len(l.To) {
				to = l.To[input]
			}
			counted[input] = min(counted[input], max(to+1, 0))
		}
	}
	return codec.NewOffsets(counted)
}

// end tells the owner of a ranking to publish no more, and waits until its group has no members. After the mark
// no new owner publishes.
func (r *run) end(ctx context.Context, of *topology.Topology) error {
	deadline, told := time.Now().Add(endedWithin), false
	for {
		members, err := r.members(ctx, of.RankGroup)
		if err != nil || len(members) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return failure.New("stop these instances, and repeat the command; "+failure.Members,
				"group %s still has members: %s", of.RankGroup, strings.Join(members, ", "))
		}
		if !told {
			told = true
			r.Tell("waiting until the instances of " + of.Prefix + " publish no more")
			if err := r.tell(of.Leaders, codec.Notice{MovedTo: r.To.RankGroup}); err != nil {
				return err
			}
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tell tells the owner of a ranking something.
func (r *run) tell(leaders string, n codec.Notice) error {
	sender, err := r.Cluster.Sender("switch", leaders, kafka.Sending{Placed: true, Within: time.Minute})
	if err != nil {
		return err
	}
	defer sender.Close()
	if err := sender.Queue(&kafka.Record{Topic: leaders, Key: []byte(codec.NoticeKey()), Value: codec.AppendNotice(nil, n)}); err != nil {
		return err
	}
	return sender.Drain()
}

// members are the members of a group, none if it does not exist.
func (r *run) members(ctx context.Context, group string) ([]string, error) {
	admin, err := r.Cluster.Admin()
	if err != nil {
		return nil, err
	}
	found, err := admin.DescribeGroups(ctx, group)
	if err != nil {
		return nil, fmt.Errorf("reading group %s: %w", group, err)
	}
	g := found[group]
	if g.Err != nil && !errors.Is(g.Err, kerr.GroupIDNotFound) {
		return nil, kafka.Explain(fmt.Errorf("reading group %s: %w", group, g.Err), kafka.OnGroup(kafka.Describe, group))
	}
	var members []string
	for _, m := range g.Members {
		members = append(members, m.MemberID+" at "+m.ClientHost)
	}
	return members, nil
}
