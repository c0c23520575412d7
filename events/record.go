package events

import (
	"errors"
	"fmt"

	"pageheat/codec"
	"pageheat/failure"
)

// ErrForeign says that a record of the output is not of pageheat.
var ErrForeign = errors.New("the record is not of pageheat")

// Record takes the next record of the output, with its header of positions, and returns what happened;
// see [Follower] for the order. A nil value is the end of a board. The error wraps [ErrForeign], and the record
// changes nothing, or it is a [failure.Permanent]: the record is of a newer program.
func (f *Follower) Record(key string, value, positions []byte) ([]codec.Event, error) {
	if value == nil || !f.rules.follow(key) {
		f.delete(key)
		return nil, nil
	}
	b, err := codec.DecodeBoard(value)
	if err != nil {
		return nil, fmt.Errorf("%w: reading the board: %w", ErrForeign, err)
	}
	if b.Board != key {
		return nil, fmt.Errorf("%w: the board %q has the key %q", ErrForeign, b.Board, key)
	}
	origin, err := codec.DecodeOrigin(positions)
	switch {
	case errors.Is(err, codec.ErrVersion):
		return nil, failure.New(failure.Version, "reading the board's header: %w", err)
	case err != nil:
		return nil, fmt.Errorf("%w: reading the board's header %s: %w", ErrForeign, codec.HeaderPositions, err)
	}
	return f.take(b, basisOf(b, origin.Definition)), nil
}
