package snapshot

import (
	"bytes"
	"context"
	"fmt"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/topology"
)

// OnePage is what the table has of a page, as committed. The caller owns it.
type OnePage struct {
	codec.PageState
	// On are the further boards that its partition counts for, in the order of the progress. Those of an earlier version
	// of pageheat are missing.
	On []OnBoard
}

// OnBoard is what a page has on a further board.
type OnBoard struct {
	// Board counts as the deployment does, see [Board].
	Board
	// State is what the page has.
	State boards.State
}

// ReadPage reads one page from the table as committed; known is false if the table does not have the page. It reads only
// the page's partition and retains nothing of other pages.
func ReadPage(ctx context.Context, cluster *kafka.Cluster, topo *topology.Topology, page string) (p OnePage, known bool, err error) {
	table, err := LookAt(ctx, cluster, topo.HeatTable)
	if _, _, internal := codec.InternalKey(page); err != nil || internal {
		return OnePage{}, false, err
	}
	partition := topology.Partition(page, len(table.End))
	newest := map[string]*kafka.Record{page: nil, codec.ProgressKey(partition): nil}
	err = table.Read(ctx, cluster, partition, table.Start[partition], table.End[partition], func(records []*kafka.Record, _ int64) error {
		for _, r := range records {
			if _, wanted := newest[string(r.Key)]; wanted {
				newest[string(r.Key)] = &kafka.Record{Value: bytes.Clone(r.Value), Offset: r.Offset}
			}
		}
		return nil
	})
	of := newest[page]
	if err != nil || of == nil || of.Value == nil {
		return OnePage{}, false, err
	}
	fail := func(r *kafka.Record, what string, err error) (OnePage, bool, error) {
		return OnePage{}, false, fmt.Errorf("topic %s partition %d offset %d: decoding %s: %w", table.Name, partition, r.Offset, what, err)
	}
	if p.PageState, err = codec.DecodePage(of.Value); err != nil {
		return fail(of, fmt.Sprintf("the totals of page %q", page), err)
	}
	progress := newest[codec.ProgressKey(partition)]
	if progress == nil || progress.Value == nil {
		return p, true, nil
	}
	reached, err := codec.DecodeProgress(progress.Value)
	if err == nil {
		p.On, err = onBoards(reached.Boards, p.Boards)
	}
	if err != nil {
		return fail(progress, fmt.Sprintf("the boards of page %q", page), err)
	}
	return p, true, nil
}

// onBoards decodes what a page has on boards. States of boards that are not in the progress are of removed ones.
func onBoards(all []codec.BoardProgress, states codec.BoardStates) (on []OnBoard, err error) {
	encoded := map[uint64][]byte{}
	for states.Len > 0 {
		number, state, err := states.Next()
		if err != nil {
			return nil, err
		}
		encoded[number] = state
	}
	for _, progress := range all {
		if progress.Definition == "" {
			continue
		}
		b, err := newBoard(progress)
		if err != nil {
			return nil, err
		}
		one := OnBoard{Board: b}
		if state, has := encoded[progress.Number]; has {
			if one.State, _, err = b.DecodeState(state); err != nil {
				return nil, fmt.Errorf("board %q: %w", progress.Name, err)
			}
		}
		on = append(on, one)
	}
	return on, nil
}
