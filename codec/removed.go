package codec

import "fmt"

// FeedRemoved is the feed of boards that were published with pages which are forgotten since: without these, to be
// published with the next board. See [AppendRemoved].
const FeedRemoved Feed = 'x'

// AppendRemoved appends a FeedRemoved message: boards, each with the header that it was published with.
func AppendRemoved(dst []byte, boards []EpochBoard) []byte {
	dst = append(dst, byte(FeedRemoved))
	for _, b := range boards {
		dst = appendNullable(appendNullable(dst, b.Board), b.Positions)
	}
	return dst
}

// DecodeRemoved reads the body of a FeedRemoved message; the boards alias it.
func DecodeRemoved(body []byte) (boards []EpochBoard, err error) {
	for len(body) > 0 {
		var b EpochBoard
		if b.Board, body, err = splitNullable(body); err != nil {
			return nil, fmt.Errorf("a board without forgotten pages: %w", err)
		}
		if b.Positions, body, err = splitNullable(body); err != nil {
			return nil, fmt.Errorf("the positions of a board without forgotten pages: %w", err)
		}
		boards = append(boards, b)
	}
	return boards, nil
}
