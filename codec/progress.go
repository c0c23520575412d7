package codec

import "encoding/binary"

const (
	progressVersion = 1
	fenceVersion    = 1
)

// Progress says how far one partition of the heat table has counted: the table's
// pages are the exact totals of the input up to it.
type Progress struct {
	// Input and Behavior are the ids of the input topic and of the topic that
	// carries the ranges. Progress means nothing for others.
	Input, Behavior TopicID
	// Next is the offset of the range topic's partition that comes next.
	Next int64
	// Counted is how many behaviours are in the partition's totals.
	Counted uint64
	// To is, by input partition, the highest offset that is counted; -1 where
	// none is known.
	To []int64
	// Lost is, by input partition, how many messages were gone before they were
	// read, at most (it counts offsets, and not every offset is a message).
	Lost []uint64
}

// AppendProgress appends p to dst.
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
	dst = binary.AppendUvarint(dst, uint64(p.Next))
	dst = binary.AppendUvarint(dst, p.Counted)
	dst = binary.AppendUvarint(dst, uint64(len(p.To)))
	for _, to := range p.To {
		dst = appendOffset(dst, to)
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.Lost)))
	for _, lost := range p.Lost {
		dst = binary.AppendUvarint(dst, lost)
	}
	return dst
}

// position reads what appendPosition wrote.
func (r *reader) position() (p Progress) {
	p.Input = r.topicID("input topic id")
	p.Behavior = r.topicID("behavior topic id")
	p.Next = r.nonNegative("next offset")
	p.Counted = r.uvarint("counted")
	if n := r.count("input partitions", 1); n > 0 {
		p.To = make([]int64, n)
		for i := range p.To {
			p.To[i] = r.offset("to")
		}
	}
	if n := r.count("input partitions with losses", 1); n > 0 {
		p.Lost = make([]uint64, n)
		for i := range p.Lost {
			p.Lost[i] = r.uvarint("lost")
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
