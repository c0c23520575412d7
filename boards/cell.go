package boards

import (
	"encoding/binary"

	"pageheat/heat"
)

// cell has the sums of one key of a state: totals times rates.
type cell struct {
	clicks, minutes heat.Uint128
	likes           heat.Uint128 // in two's complement
	behaviours      uint64
}

// cellOf returns totals times a rate.
func cellOf(t *heat.Totals, rate uint64) cell {
	if rate == 1 {
		return cell{clicks: t.Clicks, minutes: t.Minutes, likes: signed128(t.Likes), behaviours: t.Behaviours}
	}
	return cell{
		clicks: timesUint64(t.Clicks, rate), minutes: timesUint64(t.Minutes, rate),
		likes: timesUint64(signed128(t.Likes), rate), behaviours: t.Behaviours,
	}
}

func (c *cell) add(o *cell) {
	c.clicks, c.minutes, c.likes = c.clicks.Add(o.clicks), c.minutes.Add(o.minutes), c.likes.Add(o.likes)
	c.behaviours += o.behaviours
}

// totals returns the sums of a board without rates.
func (c *cell) totals() heat.Totals {
	return heat.Totals{Clicks: c.clicks, Minutes: c.minutes, Likes: int64(c.likes.Lo), Behaviours: c.behaviours}
}

// A cell in bytes is five base 128 varints as in encoding/binary: the distance of its key from the
// one before, less 1 (the first: its key), clicks, minutes, likes (zigzag), behaviours.

// maxNumberBytes is the most that a number of 128 bits takes.
const maxNumberBytes = 19

// maxCellBytes is the most that a cell takes.
const maxCellBytes = 2*binary.MaxVarintLen64 + 3*maxNumberBytes

// appendNumber appends a number of 128 bits, in its shortest form.
func appendNumber(dst []byte, u heat.Uint128) []byte {
	for u.Hi != 0 {
		dst = append(dst, byte(u.Lo)|0x80)
		u.Lo = u.Lo>>7 | u.Hi<<57
		u.Hi >>= 7
	}
	return binary.AppendUvarint(dst, u.Lo)
}

// number reads what appendNumber wrote. It is for bytes that are known to be right.
func number(b []byte) (u heat.Uint128, size int) {
	const bytesOfWord = 9 // 63 bits
	for i := 0; i < len(b) && i < bytesOfWord; i++ {
		u.Lo |= uint64(b[i]&0x7F) << uint(7*i)
		if b[i] < 0x80 {
			return u, i + 1
		}
	}
	second := uint64(0) // the next 63 bits
	for i := bytesOfWord; i < len(b); i++ {
		if i == 2*bytesOfWord {
			return heat.Uint128{Hi: second>>1 | uint64(b[i])<<62, Lo: u.Lo | second<<63}, i + 1
		}
		second |= uint64(b[i]&0x7F) << uint(7*(i-bytesOfWord))
		if b[i] < 0x80 {
			return heat.Uint128{Hi: second >> 1, Lo: u.Lo | second<<63}, i + 1
		}
	}
	return u, len(b)
}

// uvarint reads a number of 64 bits from bytes that are known to be right.
func uvarint(b []byte) (u uint64, size int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	for i, c := range b {
		u |= uint64(c&0x7F) << uint(7*i)
		if c < 0x80 {
			return u, i + 1
		}
	}
	return u, len(b)
}

// zigzag maps small numbers of both signs to small numbers.
func zigzag(u heat.Uint128) heat.Uint128 {
	sign := uint64(int64(u.Hi) >> 63)
	return heat.Uint128{Hi: (u.Hi<<1 | u.Lo>>63) ^ sign, Lo: u.Lo<<1 ^ sign}
}

// unzigzag is the reverse of zigzag.
func unzigzag(u heat.Uint128) heat.Uint128 {
	sign := -(u.Lo & 1)
	return heat.Uint128{Hi: u.Hi>>1 ^ sign, Lo: (u.Lo>>1 | u.Hi<<63) ^ sign}
}

// appendSums appends a cell without its key.
func (c *cell) appendSums(dst []byte) []byte {
	dst = appendNumber(dst, c.clicks)
	dst = appendNumber(dst, c.minutes)
	dst = appendNumber(dst, zigzag(c.likes))
	return binary.AppendUvarint(dst, c.behaviours)
}

// sums reads a cell without its key from bytes that are known to be right.
func (c *cell) sums(b []byte) (size int) {
	var n int
	c.clicks, size = number(b)
	c.minutes, n = number(b[size:])
	size += n
	c.likes, n = number(b[size:])
	c.likes = unzigzag(c.likes)
	size += n
	c.behaviours, n = uvarint(b[size:])
	return size + n
}

// skipSums returns the size of a cell without its key.
func skipSums(b []byte) int {
	left := 4
	for i, c := range b {
		if c < 0x80 {
			if left--; left == 0 {
				return i + 1
			}
		}
	}
	return len(b)
}
