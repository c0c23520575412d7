package events

import (
	"errors"

	"pageheat/codec"
	"pageheat/failure"
)

// Record takes the next record of the output, with its header of positions, and returns what happened;
// see [Follower] for the order. A nil value is the end of a board. The error is a [failure.Permanent]:
// the record is not of pageheat, or of a newer program.
func (f *Follower) Record(key string, value, positions []byte) ([]codec.Event, error) {
	if value == nil || !f.rules.follow(key) {
		f.delete(key)
		return nil, nil
	}
	b, err := codec.DecodeBoard(value)
	if err != nil {
		return nil, failure.New(failure.Foreign, "reading the board: %w", err)
	}
	if b.Board != key {
		return nil, failure.New(failure.Foreign, "the board %q has the key %q", b.Board, key)
	}
	origin, err := codec.DecodeOrigin(positions)
	switch {
	case errors.Is(err, codec.ErrVersion):
		return nil, failure.New(failure.Version, "reading the board's header: %w", err)
	case err != nil:
		return nil, failure.New(failure.Foreign, "reading the board's header %s: %w", codec.HeaderPositions, err)
	}
	return f.take(b, basisOf(b, origin.Definition)), nil
}
