package codec

import (
	"encoding/binary"
	"slices"

	"pageheat/boards"
)

// Origins without requests to forget pages have another version, as progress has.
const (
	epochVersion        = 2
	epochMovedVersion   = 3 // with the group that the output was handed over to
	originVersion       = 3
	originForgetVersion = 4
	originGivenVersion  = 5 // with the hand-over, which has no positions
)

// EpochBits is where the epoch begins in a board's version: version =
// (epoch - 1) * 2^32 + n.
const EpochBits = 32

// MaxEpoch is the highest epoch: the versions of the boards of a higher one would
// not be below [MaxNumber].
const MaxEpoch = MaxNumber >> EpochBits

// Epoch is what an owner of the ranking writes when it takes it over. The versions
// of its boards are above those of every lower epoch.
type Epoch struct {
	// Epoch is at least 1 for a real owner; 0 means that there was none.
	Epoch uint64
	// Output is the topic that the owner publishes to.
	Output string
	// MovedTo is the group that the output was handed over to; empty if it was not.
	MovedTo string
}

// maxNameBytes is the longest name of a topic or group that is read.
const maxNameBytes = 1024

// AppendEpoch appends e to dst.
func AppendEpoch(dst []byte, e Epoch) []byte {
	version := byte(epochVersion)
	if e.MovedTo != "" {
		version = epochMovedVersion
	}
	dst = appendName(binary.AppendUvarint(append(dst, version), e.Epoch), e.Output)
	if e.MovedTo != "" {
		dst = appendName(dst, e.MovedTo)
	}
	return dst
}

func appendName(dst []byte, name string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(name))), name...)
}

// DecodeEpoch reads what [AppendEpoch] wrote.
func DecodeEpoch(b []byte) (Epoch, error) {
	r := newReader("epoch", b, epochVersion)
	moved := len(b) > 0 && b[0] == epochMovedVersion
	if moved {
		r = newReader("epoch", b, epochMovedVersion)
	}
	e := Epoch{Epoch: r.uvarint("epoch")}
	if e.Epoch > MaxEpoch {
		r.fail("epoch %d is above the highest, %d", e.Epoch, uint64(MaxEpoch))
	}
	e.Output = string(r.bytes("output", maxNameBytes))
	if moved {
		if e.MovedTo = string(r.bytes("group", maxNameBytes)); e.MovedTo == "" {
			r.fail("the output moved to no group")
		}
	}
	if err := r.end(); err != nil {
		return Epoch{}, err
	}
	return e, nil
}

// HeaderPositions is the header of a board's record that holds its [Origin].
const HeaderPositions = "pageheat.positions"

// Origin says whose a board is and what it was made from.
type Origin struct {
	// Group is the consumer group of the ranking that made it.
	Group string
	// Definition is what orders the board.
	Definition Definition
	// Positions are what it was made from.
	Positions Positions
	// Boards are the further boards that were published before, or with it.
	Boards []OriginBoard
	// HandOver is set if the group did not make the board: it was given it, with the output.
	HandOver *HandOver
}

// HandOver says whose board it was that a group was given.
type HandOver struct {
	// From is the group that made the board.
	From string
	// Offsets are, by partition of the input, what the boards in the output had counted below. The first
	// boards of the new group must not have counted less; empty if they may.
	Offsets []int64
}

// OriginBoard says that a board was published as of a T, at least, and the final boards of all its periods
// that begin before Closed, which is 0 if it has none. Both mean the same if the board is defined otherwise.
type OriginBoard struct {
	Name   string
	AsOf   boards.Minute
	Closed boards.Minute
}

// Positions are, by partition of the heat table, what a board was made from.
type Positions []Position

// Position is how far one heat partition had read when a board was made.
type Position struct {
	// Behavior is the id of the topic that carries the ranges; zero if nothing
	// was known of the partition.
	Behavior TopicID
	// Next is the offset of its partition that comes next.
	Next int64
	// Forgotten is the number of requests to forget pages that the partition had taken in: [ForgetProgress].Taken.
	Forgotten uint64
}

// AppendOrigin appends o to dst.
func AppendOrigin(dst []byte, o Origin) []byte {
	version := byte(originVersion)
	forgets := slices.ContainsFunc(o.Positions, func(p Position) bool { return p.Forgotten > 0 })
	switch {
	case o.HandOver != nil:
		version, o.Positions = originGivenVersion, nil
	case forgets:
		version = originForgetVersion
	}
	dst = appendName(append(dst, version), o.Group)
	dst = appendDefinition(dst, &o.Definition)
	dst = binary.AppendUvarint(dst, uint64(len(o.Positions)))
	for _, one := range o.Positions {
		dst = append(dst, one.Behavior[:]...)
		dst = binary.AppendUvarint(dst, uint64(one.Next))
		if forgets {
			dst = binary.AppendUvarint(dst, one.Forgotten)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(o.Boards)))
	for _, b := range o.Boards {
		dst = binary.AppendUvarint(appendName(dst, b.Name), uint64(b.AsOf))
		dst = binary.AppendUvarint(dst, uint64(b.Closed))
	}
	if o.HandOver != nil {
		dst = appendName(dst, o.HandOver.From)
		dst = binary.AppendUvarint(dst, uint64(len(o.HandOver.Offsets)))
		for _, offset := range o.HandOver.Offsets {
			dst = binary.AppendUvarint(dst, uint64(offset))
		}
	}
	return dst
}

// DecodeOrigin reads what [AppendOrigin] wrote.
func DecodeOrigin(b []byte) (Origin, error) {
	r := newReader("positions", b, originVersion)
	forgets, given := len(b) > 0 && b[0] == originForgetVersion, len(b) > 0 && b[0] == originGivenVersion
	switch {
	case forgets:
		r = newReader("positions", b, originForgetVersion)
	case given:
		r = newReader("positions", b, originGivenVersion)
	}
	o := Origin{Group: string(r.bytes("group", maxNameBytes))}
	definition, text := r.definition()
	definition.Text = string(text)
	o.Definition = definition
	if n := r.count("partitions", len(TopicID{})+1); n > 0 {
		o.Positions = make(Positions, n)
		for i := range o.Positions {
			o.Positions[i].Behavior = r.topicID("behavior topic id")
			o.Positions[i].Next = r.nonNegative("next offset")
			if forgets {
				o.Positions[i].Forgotten = r.number("forgotten pages")
			}
		}
	}
	if forgets && !slices.ContainsFunc(o.Positions, func(p Position) bool { return p.Forgotten > 0 }) {
		r.fail("no forgotten pages")
	}
	for range r.count("boards", 3) {
		o.Boards = append(o.Boards, OriginBoard{Name: string(r.bytes("name of a board", maxNameBytes)), AsOf: r.minute("as of"),
			Closed: r.minute("closed")})
	}
	if given {
		if len(o.Positions) > 0 {
			r.fail("a board that was handed over has positions")
		}
		o.HandOver = &HandOver{From: string(r.bytes("group", maxNameBytes))}
		for range r.count("offsets", 1) {
			o.HandOver.Offsets = append(o.HandOver.Offsets, r.nonNegative("offset"))
		}
	}
	if err := r.end(); err != nil {
		return Origin{}, err
	}
	return o, nil
}
