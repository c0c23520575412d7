package switchover

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pageheat/codec"
	"pageheat/failure"
)

// Board is a board in the output.
type Board struct {
	codec.Board
	// Origin is its header.
	Origin codec.Origin
}

// Found is what is known of both deployments.
type Found struct {
	// Output is the topic; AllTime the key of the board of all time in it.
	Output, AllTime string
	// From and To are the groups of the rankings.
	From, To string
	// Epoch is the stored epoch of From, and ToEpoch that of To; zero if there is none.
	Epoch, ToEpoch codec.Epoch
	// Last are the boards in the output by key, as compaction leaves them, and Newest those with the
	// highest version.
	Last, Newest map[string]*Board
	// Has are the names of the boards that To has.
	Has []string
	// Counted are, by partition of the input, the offsets below which To has counted everything.
	Counted codec.Offsets
}

// Options are what an operator may decide.
type Options struct {
	// Behind lets boards go back to what the new deployment has counted.
	Behind bool
	// DeleteBoards deletes boards that the new deployment does not have.
	DeleteBoards bool
}

// Step is what to write, the epoch first. It is empty if there is nothing to do.
type Step struct {
	// Epoch is the record of the table of the ranking that had the output; nil if it stays.
	Epoch []byte
	// Boards are written to the output in this order. A nil Value deletes a board.
	Boards []Written
	// Undo says that the ranking that gets the output is the one that has it: it was about to be handed over.
	Undo bool
	// Behind says that the new deployment has counted less than the boards in the output.
	Behind *BehindError
}

// Written is a board to be written.
type Written struct {
	Key              string
	Value, Positions []byte
}

// Empty reports whether there is nothing to do.
func (s *Step) Empty() bool { return s.Epoch == nil && len(s.Boards) == 0 }

// BehindError says that the new deployment has counted less than the boards in the output.
type BehindError struct {
	// Partition of the input is counted below Counted, and must be below Least.
	Partition      int32
	Counted, Least int64
}

// Error says by how much.
func (e *BehindError) Error() string {
	return fmt.Sprintf("of partition %d of the input, it has counted the messages below offset %d, and the boards in the output those below %d",
		e.Partition, e.Counted, e.Least)
}

// Plan decides what to write. The error is permanent: an operator has to act first. That the new deployment
// is behind is no error, unless it stays so; see [Step].
func Plan(f *Found, o Options) (Step, error) {
	all := f.Newest[f.AllTime]
	switch {
	case all == nil:
		return Step{}, failure.New("there is nothing to hand over: start the new deployment alone (`pageheat run --prefix NAME`)", "there are no boards in topic %s", f.Output)
	case all.Origin.Group != f.From && all.Origin.Group != f.To:
		return Step{}, failure.New(failure.Output, "the boards in topic %s are of the group %s, and neither of %s nor of %s", f.Output, all.Origin.Group, f.From, f.To)
	}
	p := planner{Found: f, options: o, handOver: codec.HandOver{From: f.From}}
	p.undo = all.Origin.Group == f.To && all.Origin.HandOver == nil && f.ToEpoch.MovedTo == f.From && f.ToEpoch.Output == f.Output
	if err := p.missing(); err != nil {
		return Step{}, err
	}
	p.look()
	if all.Origin.Group == f.From && f.Epoch.Output != f.Output && f.Epoch.Epoch > 0 {
		return Step{}, failure.New(failure.Output, "the group %s publishes to %s, and not to %s", f.From, f.Epoch.Output, f.Output)
	}
	for _, key := range slices.SortedFunc(maps.Keys(f.Last), p.order) {
		if err := p.board(key); err != nil {
			return Step{}, err
		}
	}
	if all.Origin.Group == f.From && len(p.step.Boards) > 0 && (f.Epoch.MovedTo != f.To || f.Epoch.Output != f.Output) {
		p.step.Epoch = codec.AppendEpoch(nil, codec.Epoch{Epoch: p.epoch, Output: f.Output, MovedTo: f.To})
	}
	p.step.Undo = p.undo
	if all.Origin.Group == f.From {
		p.step.Behind = p.behind()
	}
	return p.step, nil
}

// planner makes a plan.
type planner struct {
	*Found
	options  Options
	step     Step
	epoch    uint64 // of what is written
	n        uint64
	boards   []codec.OriginBoard
	handOver codec.HandOver
	// undo says that To was about to hand the output over to From, and has it still.
	undo bool
}

// given reports whether a board is to be handed over.
func (p *planner) given(b *Board) bool { return p.undo || b.Origin.Group != p.To }

// missing returns an error if boards would be deleted that nobody has given up.
func (p *planner) missing() error {
	missing := map[string]bool{}
	for key, b := range p.Last {
		if p.given(b) && !p.has(key) {
			name, _, _ := strings.Cut(key, "/")
			missing[name] = true
		}
	}
	if len(missing) == 0 || p.options.DeleteBoards {
		return nil
	}
	return failure.New("define them there (`pageheat run --board DEFINITION`), or delete them (`pageheat switch --from PREFIX --to PREFIX --delete-boards`)",
		"the group %s does not have these boards of the output: %s", p.To, strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
}

// look finds out what the boards of the old deployment had counted and said, and the epoch of what is written:
// above all that were used.
func (p *planner) look() {
	p.epoch = max(p.Epoch.Epoch, p.ToEpoch.Epoch)
	asOf := map[string]codec.OriginBoard{}
	for _, of := range []map[string]*Board{p.Last, p.Newest} {
		for _, b := range of {
			p.epoch = max(p.epoch, b.Version>>codec.EpochBits+1)
			if !p.given(b) {
				continue
			}
			for _, said := range b.Origin.Boards {
				known := asOf[said.Name]
				asOf[said.Name] = codec.OriginBoard{Name: said.Name, AsOf: max(known.AsOf, said.AsOf), Closed: max(known.Closed, said.Closed)}
			}
			if !b.Final && !p.options.Behind {
				p.raise(b.Offsets)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(asOf)) {
		p.boards = append(p.boards, asOf[name])
	}
	p.epoch++
}

// raise takes what a board had counted.
func (p *planner) raise(by codec.Offsets) {
	for _, o := range by {
		for len(p.handOver.Offsets) <= int(o.Partition) {
			p.handOver.Offsets = append(p.handOver.Offsets, 0)
		}
		p.handOver.Offsets[o.Partition] = max(p.handOver.Offsets[o.Partition], o.Offset)
	}
}

// order has the board of all time first: who looks for the newest boards reads back until it is found.
func (p *planner) order(a, b string) int {
	if (a == p.AllTime) != (b == p.AllTime) {
		if a == p.AllTime {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}

// has reports whether the new deployment has the board of a key.
func (p *planner) has(key string) bool {
	name, _, _ := strings.Cut(key, "/")
	return name == p.AllTime || slices.Contains(p.Has, name)
}

// board adds what is to be written of a key. What the new deployment has published stays, and is corrected by it
// if an older board came after it. Final boards stay: the periods are over, whoever counted them.
func (p *planner) board(key string) error {
	last, newest := p.Last[key], p.Newest[key]
	switch {
	case !p.given(last):
		return nil
	case !p.has(key):
		p.step.Boards = append(p.step.Boards, Written{Key: key})
		return nil
	case last.Final, !p.given(newest) && newest.Origin.HandOver == nil:
		return nil
	}
	b := last.Board
	p.n++
	b.Version = (p.epoch-1)<<codec.EpochBits + p.n
	value, err := codec.EncodeBoard(&b)
	if err != nil {
		return fmt.Errorf("writing board %s, version %d: %w", key, b.Version, err)
	}
	origin := codec.Origin{Group: p.To, Definition: last.Origin.Definition, Boards: p.boards, HandOver: &p.handOver}
	p.step.Boards = append(p.step.Boards, Written{Key: key, Value: value, Positions: codec.AppendOrigin(nil, origin)})
	return nil
}

// behind returns by how much the new deployment has counted less, nil if it has not.
func (p *planner) behind() *BehindError {
	for partition, least := range p.handOver.Offsets {
		if counted, _ := p.Counted.Get(int32(partition)); counted < least {
			return &BehindError{Partition: int32(partition), Counted: counted, Least: least}
		}
	}
	return nil
}
