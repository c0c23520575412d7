package snapshot_test

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/snapshot"
	"pageheat/store"
	"pageheat/topology"
)

// owners restores the partitions of a deployment as instances do that start at a time, with boards that have more pages
// and the same counting hashes.
func (w *boardWorld) owners(topo *topology.Topology, now time.Time) []*store.Partition {
	w.Helper()
	all := make([]*boards.Board, len(w.boards))
	for i, b := range w.boards {
		d := b.Definition()
		d.Size = pages
		var err error
		all[i], err = boards.New(d)
		require.NoError(w, err)
	}
	table, err := snapshot.LookAt(w.Context(), w.clients, topo.HeatTable)
	require.NoError(w, err)
	owners := make([]*store.Partition, len(table.End))
	for partition := range owners {
		p := store.New(store.Config{ID: int32(partition), Partitions: int32(len(owners)), Top: pages, Boards: all})
		err := table.Read(w.Context(), w.clients, int32(partition), table.Start[partition], table.End[partition], func(records []*kafka.Record, _ int64) error {
			for _, r := range records {
				if err := p.Set(string(r.Key), r.Value); err != nil {
					return err
				}
			}
			return nil
		})
		require.NoError(w, err)
		require.NoError(w, p.MarkRecovered())
		require.NoError(w, p.Check())
		p.Begin(codec.TopicID{1}, 0)
		p.StartBoards()
		for more := true; more; {
			_, more = p.Advance(now)
		}
		owners[partition] = p
	}
	return owners
}

// continues compares the boards of a deployment at a time with those of pages that were counted without a break.
func (w *boardWorld) continues(topo *topology.Topology, now time.Time, counters []*counter, late map[string]uint64) {
	w.Helper()
	owners := w.owners(topo, now)
	finals := 0
	for partition, p := range owners {
		var l codec.Leaders
		p.Leaders(&l)
		for _, got := range l.Boards {
			at := slices.IndexFunc(w.boards, func(b *boards.Board) bool { return b.Definition().Name == got.Name })
			board := w.boards[at]
			slot := board.Slot(got.AsOf)
			if got.Final {
				finals++
			} else {
				require.Equal(w, board.AsOf(now), got.AsOf)
				require.Equal(w, []int64{0, tables - 1}, got.Since)
				late[got.Name] -= got.Late
			}
			want := map[string]boards.Sum{}
			for _, c := range counters {
				for name, page := range c.pages {
					if topology.Partition(name, len(owners)) != int32(partition) {
						continue
					}
					if sum := page.States[at].Sum(board, slot); sum.Behaviours > 0 {
						want[name] = sum
					}
				}
			}
			leaders, err := codec.DecodeBoardPages(got.Pages, board)
			require.NoError(w, err)
			sums := map[string]boards.Sum{}
			for _, leader := range leaders {
				sums[leader.Page] = leader.Sum
			}
			require.Equal(w, want, sums, "board %s of partition %d, final %t", got.Name, partition, got.Final)
		}
	}
	require.NotZero(w, finals, "periods were closed")
	for name, n := range late {
		require.Zero(w, n, "late for board %s", name)
	}
}
