package codec

// BoardSearch finds the newest board in a partition of the output topic, from its end backwards.
// The last board need not be the newest: an owner that was frozen may have published an older one
// after it. So the search ends with the first window in which there is a board at all, which
// holds more versions of it than there can be owners, beside those of dozens of further boards.
// B is what the reader makes of a board.
type BoardSearch[B any] struct {
	first, from int64
	window      int64
	version     uint64
	newest      *B
}

// boardWindow is the number of records in the first window; each further one is twice as large.
const boardWindow = 512

// NewBoardSearch returns a search in the records from offset first to below end.
func NewBoardSearch[B any](first, end int64) *BoardSearch[B] {
	return &BoardSearch[B]{first: first, from: end, window: boardWindow}
}

// Next returns the offsets, from one to below the other, that are read next; more is false at
// the end of the search.
func (s *BoardSearch[B]) Next() (from, to int64, more bool) {
	if s.newest != nil || s.from <= s.first {
		return 0, 0, false
	}
	to = s.from
	s.from = max(s.first, to-s.window)
	s.window *= 2
	return s.from, to, true
}

// Found takes a board that was read.
func (s *BoardSearch[B]) Found(version uint64, b B) {
	if s.newest == nil || version > s.version {
		s.version, s.newest = version, &b
	}
}

// Newest is the board with the highest version that was found, nil if there is none.
func (s *BoardSearch[B]) Newest() *B { return s.newest }
