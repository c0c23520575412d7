package processors

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"pageheat/codec"
)

const (
	// removalRequests is the maximum number of requests that a [Removal] holds: some 10 MB.
	removalRequests = 1 << 16
	// removalBoards is the maximum number of boards that it finds.
	removalBoards = 512
)

// Removal takes forgotten pages off boards in the output that the ranking does not make again: final boards of past
// periods, and boards that are no longer in the settings. It is given the requests that were taken in, as the forget
// topic has them, and then the records of the output from the first. What it finds depends on nothing else, so
// whoever looks again, and whenever, finds what is still to be done. It belongs to one goroutine.
type Removal struct {
	group    string
	board    string
	further  []string
	requests map[codec.PageHash]takenRequest
	taken    map[int32]uint64
	found    map[string]*removedBoard // in this pass over the output
	before   map[string]*removedBoard // in the last one
	more     bool
}

// takenRequest is the last request for a page that its heat partition took in.
type takenRequest struct {
	partition int32
	number    uint64
}

// removedBoard is a board of the output without the pages that are forgotten.
type removedBoard struct {
	*codec.Board
	header  []byte
	foreign bool // the numbers in Forgotten are those of another deployment
	gone    int  // how many pages
}

// Removed is what a [Removal] has found.
type Removed struct {
	// Boards are those without the forgotten pages, with the versions and headers that they were published with.
	Boards []codec.EpochBoard
	// Pages is how many pages were taken off them.
	Pages int
	// Taken is the number of requests that each heat partition has taken in, as far as the forget topic says.
	Taken map[int32]uint64
	// More says that there are more boards, to be found after these are published.
	More bool
}

// NewRemoval returns a Removal for the ranking of a group, which makes the named board and further ones.
func NewRemoval(group, board string, further []string) *Removal {
	return &Removal{group: group, board: board, further: further, requests: map[codec.PageHash]takenRequest{},
		taken: map[int32]uint64{}, found: map[string]*removedBoard{}}
}

// Request takes a record of the forget topic. One that is not taken in yet changes nothing. It reports whether the
// output must be read before more requests are taken; see Pass.
func (r *Removal) Request(partition int32, key, value []byte) (full bool, err error) {
	if value == nil {
		return false, nil
	}
	f, err := codec.DecodeForgetRecord(key, value)
	if err != nil || f.Number == 0 {
		return false, err
	}
	r.taken[partition] = max(r.taken[partition], f.Number)
	if known := r.requests[f.Hash]; known.number < f.Number {
		r.requests[f.Hash] = takenRequest{partition, f.Number}
	}
	return len(r.requests) >= removalRequests, nil
}

// Wants reports whether there are requests for which the output has to be read.
func (r *Removal) Wants() bool { return len(r.requests) > 0 }

// Pass ends a pass over the output. Another one, about requests that follow, takes pages off what this one has found.
func (r *Removal) Pass() {
	clear(r.requests)
	r.before, r.found = r.found, map[string]*removedBoard{}
}

// Board takes a record of the output with its header of positions, in the order of the output. What is no board of
// pageheat is passed over.
func (r *Removal) Board(key string, value, header []byte) {
	if value == nil {
		delete(r.found, key)
		return
	}
	if r.madeAgain(key) && !isFinal(value) {
		return
	}
	b, err := codec.DecodeBoard(value)
	if err != nil || b.Board != key {
		return
	}
	origin, err := codec.DecodeOrigin(header)
	if err != nil {
		return
	}
	next := &removedBoard{Board: b, header: header, foreign: origin.Group != r.group || origin.HandOver != nil}
	if before := r.before[key]; before != nil && before.Version == b.Version {
		next = before
	}
	known := r.found[key]
	switch {
	case known != nil && known.Version > b.Version:
		return // a frozen owner let it out late
	case known == nil && len(r.found) >= removalBoards:
		r.remove(next)
		r.more = r.more || next.gone > 0
		return
	}
	if r.remove(next); next.gone > 0 {
		r.found[key] = next
	} else {
		delete(r.found, key)
	}
}

// madeAgain reports whether a key is that of a board which the ranking makes, unless it is final.
func (r *Removal) madeAgain(key string) bool {
	return key == r.board || slices.ContainsFunc(r.further, func(name string) bool { return isOf(key, name) })
}

// isFinal reports whether an encoded board is a final one. Text in a board cannot look like that: its quotes are
// escaped.
func isFinal(board []byte) bool { return bytes.Contains(board, []byte(`,"final":true,`)) }

// remove takes the pages off a board that were forgotten after it was made. Pages that were forgotten before have had
// behaviours since, and stay.
func (r *Removal) remove(b *removedBoard) {
	before := len(b.Pages)
	b.Pages = slices.DeleteFunc(b.Pages, func(p codec.BoardPage) bool {
		request, known := r.requests[codec.HashPage(p.Page)]
		if !known {
			return false
		}
		in, _ := b.Forgotten.Get(request.partition)
		return b.foreign || request.number > uint64(in)
	})
	gone := before - len(b.Pages)
	b.gone, b.Removed = b.gone+gone, b.Removed+gone
}

// Result is what the passes have found.
func (r *Removal) Result() (Removed, error) {
	result := Removed{Taken: r.taken, More: r.more}
	for _, key := range slices.Sorted(maps.Keys(r.before)) {
		b := r.before[key]
		b.Forgotten = r.takenIn(b)
		value, err := codec.EncodeBoard(b.Board)
		if err != nil {
			return Removed{}, fmt.Errorf("board %s without forgotten pages: %w", key, err)
		}
		result.Boards = append(result.Boards, codec.EpochBoard{Board: value, Positions: b.header})
		result.Pages += b.gone
	}
	return result, nil
}

// takenIn are the requests that are in a board after all that were taken in were compared with it.
func (r *Removal) takenIn(b *removedBoard) codec.Offsets {
	in := map[int32]int64{}
	if !b.foreign {
		for _, p := range b.Forgotten {
			in[p.Partition] = p.Offset
		}
	}
	for p, number := range r.taken {
		in[p] = max(in[p], int64(number))
	}
	var all codec.Offsets
	for _, p := range slices.Sorted(maps.Keys(in)) {
		all = append(all, codec.PartitionOffset{Partition: p, Offset: in[p]})
	}
	return all
}
