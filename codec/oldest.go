package codec

import "encoding/binary"

// HeaderOldest is the header of ranges and leaders that holds the timestamp of the oldest
// input record that they are the first to count, in ms since 1970, as 8 bytes, big endian. It
// serves to measure latency alone, so a record may lack it.
const HeaderOldest = "pageheat.oldest"

// AppendOldest appends the value of a [HeaderOldest].
func AppendOldest(dst []byte, timestamp int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(timestamp))
}

// DecodeOldest reads the value of a [HeaderOldest]; 0 if it is none.
func DecodeOldest(value []byte) (timestamp int64) {
	if len(value) != 8 {
		return 0
	}
	return max(int64(binary.BigEndian.Uint64(value)), 0)
}

// Older is the lower of two timestamps in ms since 1970. One of 0 or less is unknown; the
// result is 0 if both are.
func Older(a, b int64) int64 {
	if a <= 0 || b > 0 && b < a {
		return max(b, 0)
	}
	return a
}
