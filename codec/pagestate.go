package codec

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"pageheat/boards"
	"pageheat/heat"
)

// A page's state has one of two versions: most pages are on no further board.
const (
	pageStateVersion  = 1
	pageBoardsVersion = 2 // the number of states of boards follows the totals, then they do
)

// AppendPageState appends a page's totals as the heat table holds them, of a page that is on no further
// board.
func AppendPageState(dst []byte, t *heat.Totals) []byte {
	return appendTotals(append(dst, pageStateVersion), t)
}

// AppendPageBoards appends a page's totals as the heat table holds them. Exactly that many states have
// to follow, at least one, each by [AppendBoardState].
func AppendPageBoards(dst []byte, t *heat.Totals, states int) []byte {
	return binary.AppendUvarint(appendTotals(append(dst, pageBoardsVersion), t), uint64(states))
}

// AppendBoardState appends what a page has on a board, which has a number in the partition's
// progress, see [BoardProgress].
func AppendBoardState(dst []byte, board uint64, s *boards.State) []byte {
	return s.Append(binary.AppendUvarint(dst, board))
}

// DecodePageState reads a page's totals. What the page has on further boards is not looked at.
func DecodePageState(b []byte) (heat.Totals, error) {
	t, _, err := DecodePage(b)
	return t, err
}

// DecodePage reads a page's totals, and returns what it has on further boards.
func DecodePage(b []byte) (heat.Totals, BoardStates, error) {
	if len(b) == 0 || b[0] != pageBoardsVersion {
		r := newReader("page state", b, pageStateVersion)
		t := r.pageTotals()
		return t, BoardStates{}, r.end()
	}
	r := newReader("page state", b, pageBoardsVersion)
	t := r.pageTotals()
	n := r.count("states", 1)
	if r.err == nil && n == 0 {
		r.fail("no states")
	}
	if r.err != nil {
		return heat.Totals{}, BoardStates{}, r.err
	}
	return t, BoardStates{Len: n, rest: b[r.at:]}, nil
}

func (r *reader) pageTotals() heat.Totals {
	t := r.totals()
	r.possible(&t, heat.DefaultLimits())
	if r.err != nil {
		return heat.Totals{}
	}
	return t
}

// BoardStates are what a page has on boards. They alias the record that they were read from.
type BoardStates struct {
	// Len is how many there are left.
	Len  int
	rest []byte
}

// Clone returns the states in memory of their own.
func (s *BoardStates) Clone() BoardStates {
	return BoardStates{Len: s.Len, rest: bytes.Clone(s.rest)}
}

// Next takes off the first of the states, of which there must be one, and returns its board's number;
// boards.Board.DecodeState reads it.
func (s *BoardStates) Next() (board uint64, state []byte, err error) {
	board, n := binary.Uvarint(s.rest)
	if n <= 0 {
		return 0, nil, fmt.Errorf("%w: page state: a state without its board", ErrMalformed)
	}
	state, rest, err := boards.SplitState(s.rest[n:])
	if err != nil {
		return 0, nil, fmt.Errorf("page state: board %d: %w", board, err)
	}
	s.Len, s.rest = s.Len-1, rest
	if s.Len == 0 && len(rest) > 0 {
		return 0, nil, fmt.Errorf("%w: page state: %d bytes too many", ErrMalformed, len(rest))
	}
	return board, state, nil
}
