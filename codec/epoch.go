package codec

import "encoding/binary"

const (
	epochVersion     = 1
	positionsVersion = 1
)

// Epoch is what an owner of the ranking writes when it takes it over. The versions
// of its boards are above those of every lower epoch.
type Epoch struct {
	// Epoch is at least 1 for a real owner; 0 means that there was none.
	Epoch uint64
}

// AppendEpoch appends e to dst.
func AppendEpoch(dst []byte, e Epoch) []byte {
	return binary.AppendUvarint(append(dst, epochVersion), e.Epoch)
}

// DecodeEpoch reads what [AppendEpoch] wrote.
func DecodeEpoch(b []byte) (Epoch, error) {
	r := newReader("epoch", b, epochVersion)
	e := Epoch{Epoch: r.uvarint("epoch")}
	if err := r.end(); err != nil {
		return Epoch{}, err
	}
	return e, nil
}

// PositionsHeader is the header of a board's record that holds [Positions].
const PositionsHeader = "pageheat.positions"

// Positions are, by partition of the heat table, what a board was made from.
type Positions []Position

// Position is how far one heat partition had read when a board was made.
type Position struct {
	// Behavior is the id of the topic that carries the ranges; zero where nothing
	// was known of the partition.
	Behavior TopicID
	// Next is the offset of its partition that comes next.
	Next int64
}

// AppendPositions appends p to dst.
func AppendPositions(dst []byte, p Positions) []byte {
	dst = append(dst, positionsVersion)
	dst = binary.AppendUvarint(dst, uint64(len(p)))
	for _, one := range p {
		dst = append(dst, one.Behavior[:]...)
		dst = binary.AppendUvarint(dst, uint64(one.Next))
	}
	return dst
}

// DecodePositions reads what [AppendPositions] wrote.
func DecodePositions(b []byte) (Positions, error) {
	r := newReader("positions", b, positionsVersion)
	var p Positions
	if n := r.count("partitions", len(TopicID{})+1); n > 0 {
		p = make(Positions, n)
		for i := range p {
			p[i].Behavior = r.topicID("behavior topic id")
			p[i].Next = r.nonNegative("next offset")
		}
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return p, nil
}
