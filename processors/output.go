package processors

import (
	"errors"

	"pageheat/codec"
	"pageheat/failure"
)

// Output is a board in the output topic.
type Output struct {
	Version uint64
	// Value is the board as it was published, nil if there is none, and Positions
	// its header of that name.
	Value, Positions []byte
	// Partitions is the number of heat partitions that it was made from.
	Partitions int
}

// ReadOutput reads a record of the output topic with its header of positions, nil if it has
// none. The board is nil if the record is not one of the named board. The error is a
// [failure.Permanent]: it is not of pageheat, or of another group.
func ReadOutput(key string, value, positions []byte, board, group string) (*Output, error) {
	if key != board || value == nil {
		return nil, nil
	}
	b, err := codec.DecodeBoard(value)
	if err != nil {
		return nil, failure.New(failure.Foreign, "reading the board: %w", err)
	}
	if positions == nil {
		return nil, failure.New(failure.Foreign, "the board has no header %s, which every board of pageheat has", codec.HeaderPositions)
	}
	origin, err := codec.DecodeOrigin(positions)
	switch {
	case errors.Is(err, codec.ErrVersion):
		return nil, failure.New(failure.Version, "reading the board's header: %w", err)
	case err != nil:
		return nil, failure.New(failure.Foreign, "reading the board's header: %w", err)
	case origin.Group != group:
		return nil, failure.New(failure.Output, "the board was published by the group %s, and this instance is of the group %s: each prefix needs an output of its own",
			origin.Group, group)
	}
	return &Output{Version: b.Version, Value: value, Positions: positions, Partitions: len(origin.Positions)}, nil
}

// BoardSearch finds the newest board in the output, from its end backwards. The last board
// need not be the newest: an owner that was frozen may have published an older one after it.
// So the search ends with the first window in which there is a board at all, which holds more
// boards than there can be owners.
type BoardSearch struct {
	first, from int64
	window      int64
	newest      *Output
}

// boardWindow is the number of records in the first window; each further one is twice as large.
const boardWindow = 64

// NewBoardSearch returns a search in the records from offset first to below end.
func NewBoardSearch(first, end int64) *BoardSearch {
	return &BoardSearch{first: first, from: end, window: boardWindow}
}

// Next returns the offsets, from one to below the other, that are read next; more is false at
// the end of the search.
func (s *BoardSearch) Next() (from, to int64, more bool) {
	if s.newest != nil || s.from <= s.first {
		return 0, 0, false
	}
	to = s.from
	s.from = max(s.first, to-s.window)
	s.window *= 2
	return s.from, to, true
}

// Found takes a board that was read.
func (s *BoardSearch) Found(b Output) {
	if s.newest == nil || b.Version > s.newest.Version {
		s.newest = &b
	}
}

// Newest is the board with the highest version that was found, nil if there is none.
func (s *BoardSearch) Newest() *Output { return s.newest }
