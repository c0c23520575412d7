package audit

import (
	"context"
	"fmt"
	"slices"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/snapshot"
)

// The leaders of a board that was just published are among the last: each heat partition sends its own once a
// second at least.
const (
	leadersWindow = 500    // in the first look
	mostLeaders   = 50_000 // in all
)

// HeatCut is what a partition of the heat table has counted for a board: of each partition of the input, the
// behaviours from the offset in Since, nil for all, to below the one in Below. Forgotten is how many requests to
// forget pages it had taken in.
type HeatCut struct {
	Since, Below codec.Offsets
	Forgotten    uint64
}

// BoardCut returns, by partition of the heat table, what the leaders with these positions had counted for a board: exactly
// what a board that was made of them is made from. For the final board of a period, that is what they had counted when
// the period was closed. The board's own offsets are the lowest of Below, and its
// own since the highest of Since. The result is nil if the topic no
// longer has the leaders of each partition.
func BoardCut(ctx context.Context, cluster *kafka.Cluster, leaders string, of *Wanted, positions codec.Positions) ([]HeatCut, error) {
	find, err := of.inLeaders()
	if err != nil {
		return nil, err
	}
	found, err := snapshot.LookAt(ctx, cluster, leaders)
	if err != nil || len(found.End) != 1 || len(positions) == 0 {
		return nil, err
	}
	cut, missing := make([]*HeatCut, len(positions)), len(positions)
	take := func(value []byte) {
		l, err := codec.DecodeLeaders(value)
		if err != nil || int(l.Partition) >= len(positions) || cut[l.Partition] != nil {
			return // another program's is not among those that are looked for
		}
		at := positions[l.Partition]
		if at.Next != l.Next || at.Behavior != l.Behavior || at.Forgotten != l.Forget.Taken {
			return // with the same ranges, they have or do not have pages that are forgotten or dropped
		}
		if cut[l.Partition] = cutOf(l, find); cut[l.Partition] != nil {
			missing--
		}
	}
	from, window := found.End[0], int64(leadersWindow)
	least := max(found.Start[0], from-mostLeaders)
	for from > least && missing > 0 {
		to := from
		from = max(least, from-window)
		window *= 4
		err := found.Read(ctx, cluster, 0, from, to, func(records []*kafka.Record, _ int64) error {
			for _, r := range records {
				take(r.Value)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("looking for the leaders of the board: %w", err)
		}
	}
	if missing > 0 {
		return nil, nil
	}
	all := make([]HeatCut, len(cut))
	for p, one := range cut {
		all[p] = *one
	}
	return all, nil
}

// inLeaders returns a function that finds the board among those of leaders, nil for that of all time.
func (w *Wanted) inLeaders() (find func(codec.BoardLeaders) bool, err error) {
	d := w.Definition
	switch {
	case d.Kind == boards.AllTime:
		return nil, nil
	case w.Period == "":
		return func(b codec.BoardLeaders) bool { return b.Name == d.Name && !b.Turning && !b.Final }, nil
	}
	board, err := boards.New(d)
	if err != nil {
		return nil, err
	}
	period, known := board.Period(w.Period)
	if !known {
		return nil, fmt.Errorf("board %s has no period %q", d.Name, w.Period)
	}
	begins := board.Begins(period)
	return func(b codec.BoardLeaders) bool { return b.Name == d.Name && b.Final && b.AsOf == begins }, nil
}

// cutOf is what leaders had counted for a board; nil if they do not have it.
func cutOf(l *codec.Leaders, find func(codec.BoardLeaders) bool) *HeatCut {
	cut, counted := &HeatCut{Forgotten: l.Forget.Taken}, l.To
	if find != nil {
		at := slices.IndexFunc(l.Boards, find)
		if at < 0 {
			return nil
		}
		if since := l.Boards[at].Since; since != nil {
			cut.Since = codec.NewOffsets(since)
		}
		if closing := l.Boards[at].Closing; closing != nil {
			counted = closing.To
		}
	}
	next := make([]int64, len(counted))
	for q, to := range counted {
		next[q] = max(0, to+1)
	}
	cut.Below = codec.NewOffsets(next)
	return cut
}
