package codec

import "encoding/binary"

const keptVersion = 1

// Kept says that a heat partition has behaviours that the input does not have: its totals were
// kept when the input was replaced. Without one, a recount of the input gives the totals.
type Kept struct {
	// Behaviours is how many of the partition's behaviours came from earlier inputs.
	Behaviours uint64
	// KeptAt is when the input was replaced last, in milliseconds since 1970 (Unix time).
	KeptAt int64
}

// AppendKept appends k to dst.
func AppendKept(dst []byte, k Kept) []byte {
	dst = binary.AppendUvarint(append(dst, keptVersion), k.Behaviours)
	return binary.AppendVarint(dst, k.KeptAt)
}

// DecodeKept reads what [AppendKept] wrote.
func DecodeKept(b []byte) (Kept, error) {
	r := newReader("kept totals", b, keptVersion)
	k := Kept{Behaviours: r.number("behaviours"), KeptAt: r.varint("kept at")}
	if err := r.end(); err != nil {
		return Kept{}, err
	}
	return k, nil
}
