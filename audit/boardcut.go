package audit

import (
	"context"
	"fmt"

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

// BoardCut returns, by partition of the heat table, the offsets of the input up to which the leaders with
// these positions had counted: exactly what a board that was made of them is made from. A board's own offsets
// are the lowest of them. It is nil if the topic no longer has the leaders of each partition.
func BoardCut(ctx context.Context, cluster *kafka.Cluster, leaders string, positions codec.Positions) ([]codec.Offsets, error) {
	found, err := snapshot.LookAt(ctx, cluster, leaders)
	if err != nil || len(found.End) != 1 || len(positions) == 0 {
		return nil, err
	}
	cut, missing := make([]codec.Offsets, len(positions)), len(positions)
	take := func(value []byte) {
		l, err := codec.DecodeLeaders(value)
		if err != nil || int(l.Partition) >= len(positions) || cut[l.Partition] != nil {
			return // another program's is not among those that are looked for
		}
		if at := positions[l.Partition]; at.Next == l.Next && at.Behavior == l.Behavior {
			next := make([]int64, len(l.To))
			for q, to := range l.To {
				next[q] = max(0, to+1)
			}
			cut[l.Partition] = codec.NewOffsets(next)
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
	return cut, nil
}
