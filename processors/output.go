package processors

import (
	"errors"
	"fmt"
	"slices"

	"pageheat/codec"
	"pageheat/failure"
)

// ErrOtherGroup says that the output is that of another deployment: of one with the same output by
// mistake, or of the one that it was handed over to.
var ErrOtherGroup = failure.Known("each prefix needs an output of its own", failure.Output)

// Output is a board in the output topic.
type Output struct {
	// Board is its name; Further says that it is not the board of all time.
	Board   string
	Further bool
	Version uint64
	// Value is the board as it was published, nil if there is none, and Positions
	// its header of that name.
	Value, Positions []byte
	// Partitions is the number of heat partitions that it was made from; 0 if it was handed over.
	Partitions int
	// Foreign is the other group that published it; empty for a board of the reader's group. Its
	// Positions are nil: they are of other topics.
	Foreign string
	// Final says that it is of a past period, and Forgotten which requests to forget pages are in it then.
	Final     bool
	Forgotten codec.Offsets
	// HandedOver says that the group did not make it: it was given it, with the output.
	HandedOver bool
}

// Owned returns an error, which wraps [ErrOtherGroup], if another group published the board.
func (o *Output) Owned(group string) error {
	if o.Foreign == "" {
		return nil
	}
	return fmt.Errorf("the board was published by the group %s, and this instance is of the group %s: %w", o.Foreign, group, ErrOtherGroup)
}

// ShowsGroup reports whether it is the board of a group, with pages on it.
func (o *Output) ShowsGroup() bool {
	b, err := codec.DecodeBoard(o.Value)
	return err == nil && b.Group != "" && len(b.Pages) > 0
}

// ReadOutput reads a record of the output topic with its header of positions, nil if it has
// none. The board is nil if the record is neither one of the named board nor of further ones, or their
// parts. Of a board of the epoch
// own, which its reader has encoded itself, nothing but the version is decoded unless it is final; 0 stands for no
// epoch. The error is a [failure.Permanent]: it is not of pageheat. A board of another group is no error
// here: the output keeps boards of the deployment that had it before.
func ReadOutput(key string, value, positions []byte, board string, furtherBoards []string, group string, own uint64) (*Output, error) {
	further := slices.ContainsFunc(furtherBoards, func(name string) bool { return isOf(key, name) })
	if key != board && !further || value == nil {
		return nil, nil
	}
	version, known := codec.BoardVersion(value, key)
	final := isFinal(value)
	var forgotten codec.Offsets
	if !known || own == 0 || final || Epoch(version) != own {
		b, err := codec.DecodeBoard(value)
		if err != nil {
			return nil, failure.New(failure.Foreign, "reading the board: %w", err)
		}
		version = b.Version
		if final {
			forgotten = b.Forgotten
		}
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
	}
	o := &Output{Board: key, Further: further, Version: version, Value: value, Positions: positions, Partitions: len(origin.Positions),
		Final: final, Forgotten: forgotten, HandedOver: origin.HandOver != nil}
	if origin.Group != group {
		o.Foreign, o.Positions = origin.Group, nil
	}
	return o, nil
}
