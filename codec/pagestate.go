package codec

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"pageheat/boards"
	"pageheat/heat"
)

// A page's state has one of four versions: most pages are on no further board, many have no label, and the day of the
// newest behaviour is kept where pages are dropped without one.
const (
	pageStateVersion  = 1
	pageBoardsVersion = 2 // the number of states of boards follows the totals, then they do
	pageLabelVersion  = 3 // the label follows the totals, then the number of states, which may be 0, then they do
	pageDayVersion    = 4 // flags follow the totals, then the day, the label if there is one, and as in version 3
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

// AppendPageLabelled is [AppendPageBoards] of a page with a label, where there may be no states.
func AppendPageLabelled(dst []byte, t *heat.Totals, l *StampedLabel, states int) []byte {
	dst = appendStampedLabel(appendTotals(append(dst, pageLabelVersion), t), l)
	return binary.AppendUvarint(dst, uint64(states))
}

// pageLabelled is a flag of a page's state.
const pageLabelled = 1 << 0

// AppendPage appends what the heat table holds of a page, whose label may be nil and whose day may not be known. Exactly
// that many states have to follow, each by [AppendBoardState].
func AppendPage(dst []byte, t *heat.Totals, l *StampedLabel, day Day, states int) []byte {
	switch {
	case day == 0 && l == nil && states == 0:
		return AppendPageState(dst, t)
	case day == 0 && l == nil:
		return AppendPageBoards(dst, t, states)
	case day == 0:
		return AppendPageLabelled(dst, t, l, states)
	}
	flags := byte(0)
	if l != nil {
		flags |= pageLabelled
	}
	dst = append(appendTotals(append(dst, pageDayVersion), t), flags)
	dst = binary.AppendUvarint(dst, uint64(day))
	if l != nil {
		dst = appendStampedLabel(dst, l)
	}
	return binary.AppendUvarint(dst, uint64(states))
}

// AppendBoardState appends what a page has on a board, which has a number in the partition's
// progress, see [BoardProgress].
func AppendBoardState(dst []byte, board uint64, s *boards.State) []byte {
	return s.Append(binary.AppendUvarint(dst, board))
}

// PageState is what the heat table has of a page.
type PageState struct {
	// Totals are the sums over its behaviours.
	Totals heat.Totals
	// Label is what it is called, nil if no behaviour said so.
	Label *StampedLabel
	// Day is that of its newest behaviour, 0 if it is not known.
	Day Day
	// Boards are what it has on further boards.
	Boards BoardStates
}

// DecodePageState reads a page's totals. Its label, and what it has on further boards, are not returned.
func DecodePageState(b []byte) (heat.Totals, error) {
	s, err := DecodePage(b)
	return s.Totals, err
}

// DecodePage reads a page's state, whose Boards alias b.
func DecodePage(b []byte) (PageState, error) {
	r := newReader("page state", b, pageStateVersion)
	labelled := len(b) > 0 && b[0] == pageLabelVersion
	if len(b) > 0 {
		switch b[0] {
		case pageBoardsVersion:
			r = newReader("page state", b, pageBoardsVersion)
		case pageLabelVersion:
			r = newReader("page state", b, pageLabelVersion)
		case pageDayVersion:
			r = newReader("page state", b, pageDayVersion)
		}
	}
	s := PageState{Totals: r.pageTotals()}
	if r.err == nil && b[0] == pageDayVersion {
		labelled = r.flags("page state", pageLabelled) != 0
		if s.Day = r.day("day"); r.err == nil && s.Day == 0 {
			r.fail("no day")
		}
	}
	if labelled {
		label := r.stampedLabel()
		s.Label = &label
	}
	if r.err == nil && b[0] != pageStateVersion {
		s.Boards.Len = r.count("states", 1)
	}
	if r.err == nil && s.Boards.Len > 0 {
		s.Boards.rest = b[r.at:]
		return s, nil
	}
	if r.err == nil && b[0] == pageBoardsVersion {
		r.fail("no states")
	}
	if err := r.end(); err != nil {
		return PageState{}, err
	}
	return s, nil
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
	if n <= 0 || n > 1 && s.rest[n-1] == 0 { // that is not its shortest form
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
