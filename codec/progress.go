package codec

import "encoding/binary"

const (
	progressVersion = 2
	fenceVersion    = 1
)

// Unknown is the progress in an input partition that nothing was heard of yet; -1
// is that of one that is known to be at its beginning.
const Unknown = -2

// Progress says how far one partition of the heat table has counted: the table's
// pages are the exact totals of the input up to it.
type Progress struct {
	// Input and Behavior are the ids of the input topic and of the topic that
	// carries the ranges. Progress means nothing for others.
	Input, Behavior TopicID
	// Partitions is the number of partitions of the heat table, at least 1. Which
	// pages the partition holds follows from it.
	Partitions int32
	// Next is the offset of the range topic's partition that comes next.
	Next int64
	// Counted is how many behaviours are in the partition's totals.
	Counted uint64
	// To is, by input partition, the highest offset that is counted; -1 where
	// nothing is, [Unknown] where the partition was never heard of.
	To []int64
	// Begin is, by input partition, the offset that counting began at: above 0
	// where the first messages were gone before the partition was known. They are
	// not lost.
	Begin []int64
	// Lost is, by input partition, how many messages were gone before they were
	// read, at most (it counts offsets, and not every offset is a message).
	Lost []uint64
}

// AppendProgress appends p to dst. To, Begin and Lost must be of one length.
func AppendProgress(dst []byte, p *Progress) []byte {
	dst = append(dst, progressVersion)
	return appendPosition(dst, p)
}

// DecodeProgress reads what [AppendProgress] wrote.
func DecodeProgress(b []byte) (Progress, error) {
	r := newReader("progress", b, progressVersion)
	p := r.position()
	if err := r.end(); err != nil {
		return Progress{}, err
	}
	return p, nil
}

// appendPosition appends all of p; leaders hold the same.
func appendPosition(dst []byte, p *Progress) []byte {
	dst = append(dst, p.Input[:]...)
	dst = append(dst, p.Behavior[:]...)
	dst = binary.AppendUvarint(dst, uint64(p.Partitions))
	dst = binary.AppendUvarint(dst, uint64(p.Next))
	dst = binary.AppendUvarint(dst, p.Counted)
	dst = binary.AppendUvarint(dst, uint64(len(p.To)))
	for i, to := range p.To {
		dst = binary.AppendUvarint(dst, uint64(to-Unknown))
		dst = binary.AppendUvarint(dst, uint64(p.Begin[i]))
		dst = binary.AppendUvarint(dst, p.Lost[i])
	}
	return dst
}

// position reads what appendPosition wrote.
func (r *reader) position() (p Progress) {
	p.Input = r.topicID("input topic id")
	p.Behavior = r.topicID("behavior topic id")
	p.Partitions = r.partitions("number of heat partitions")
	p.Next = r.nonNegative("next offset")
	p.Counted = r.number("counted")
	if n := r.count("input partitions", 3); n > 0 {
		offsets := make([]int64, 2*n) // both in one piece
		p.To, p.Begin, p.Lost = offsets[:n:n], offsets[n:], make([]uint64, n)
		for i := range n {
			p.To[i] = r.nonNegative("to") + Unknown
			p.Begin[i] = r.nonNegative("begin")
			p.Lost[i] = r.number("lost")
		}
	}
	return p
}

// Fence is what an owner writes into a heat partition when it takes it over: a
// restore has read all of the owner before once it has read this.
type Fence struct {
	// Owner names the instance and the take-over. It differs for each.
	Owner string
	// TakenAt is when, in milliseconds since 1970 (Unix time), by the owner's clock.
	TakenAt int64
}

// maxOwnerBytes is the longest name of an owner that is read.
const maxOwnerBytes = 4096

// AppendFence appends f to dst.
func AppendFence(dst []byte, f Fence) []byte {
	dst = append(dst, fenceVersion)
	dst = binary.AppendVarint(dst, f.TakenAt)
	dst = binary.AppendUvarint(dst, uint64(len(f.Owner)))
	return append(dst, f.Owner...)
}

// DecodeFence reads what [AppendFence] wrote.
func DecodeFence(b []byte) (Fence, error) {
	r := newReader("fence", b, fenceVersion)
	f := Fence{TakenAt: r.varint("taken at")}
	f.Owner = string(r.bytes("owner", maxOwnerBytes))
	if err := r.end(); err != nil {
		return Fence{}, err
	}
	return f, nil
}
