package audit

import (
	"context"
	"fmt"
	"slices"

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

// BoardCut returns, by partition of the heat table, what the leaders with these positions had counted: exactly
// what a board that was made of them is made from. The board's own offsets are the lowest of Below, and its
// own since the highest of Since. Of a board of all time the name is empty. The result is nil if the topic no
// longer has the leaders of each partition.
func BoardCut(ctx context.Context, cluster *kafka.Cluster, leaders, name string, positions codec.Positions) ([]HeatCut, error) {
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
		if at := positions[l.Partition]; at.Next != l.Next || at.Behavior != l.Behavior {
			return
		}
		if cut[l.Partition] = cutOf(l, name); cut[l.Partition] != nil {
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

// cutOf is what leaders had counted for a board; nil if they do not have it.
func cutOf(l *codec.Leaders, name string) *HeatCut {
	next := make([]int64, len(l.To))
	for q, to := range l.To {
		next[q] = max(0, to+1)
	}
	cut := &HeatCut{Below: codec.NewOffsets(next), Forgotten: l.Forget.Taken}
	if name == "" {
		return cut
	}
	at := slices.IndexFunc(l.Boards, func(b codec.BoardLeaders) bool { return b.Name == name && !b.Turning })
	if at < 0 {
		return nil
	}
	if since := l.Boards[at].Since; since != nil {
		cut.Since = codec.NewOffsets(since)
	}
	return cut
}
