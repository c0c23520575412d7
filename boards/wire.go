package boards

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"pageheat/failure"
	"pageheat/heat"
)

// ErrMalformed is wrapped by every error of a decoder: the bytes are not what they should be. Reading
// them again does not help.
var ErrMalformed = failure.Known("malformed record", failure.Malformed)

// ErrVersion is wrapped by the errors of decoders that met a version of a format that this program
// does not read.
var ErrVersion = failure.Known("written by another version of pageheat", failure.Version)

// wireVersion begins states and sums.
const wireVersion = 1

// Append appends the state to dst: a version, the size of the cells and the cells. Equal states have
// equal bytes.
func (s *State) Append(dst []byte) []byte {
	dst = append(dst, wireVersion)
	dst = binary.AppendUvarint(dst, uint64(len(s.cells)))
	return append(dst, s.cells...)
}

// SplitState returns the first state in b, which a board that is not known may have written, and the
// bytes after it. Its cells are not looked at. Errors wrap [ErrMalformed] or [ErrVersion].
func SplitState(b []byte) (state, rest []byte, err error) {
	r := new(Board).reader("state", b)
	end := r.cells()
	if r.err != nil {
		return nil, nil, r.err
	}
	return b[:end:end], b[end:], nil
}

// cells reads the size of a state's cells, and returns where they end.
func (r *reader) cells() (end int) {
	size := r.uvarint("size")
	if r.err == nil && size > uint64(len(r.b)-r.at) {
		r.fail("a size of %d bytes, and there are %d", size, len(r.b)-r.at)
	}
	return r.at + int(size)
}

// DecodeState reads a state of the board that [State.Append] wrote, and returns the bytes after it.
// The state does not alias b. Errors wrap [ErrMalformed] or [ErrVersion].
func (b *Board) DecodeState(from []byte) (s State, rest []byte, err error) {
	read, rest, err := b.readCells(from)
	if len(read) > 0 {
		s.cells = append(cells(nil), read...)
	}
	return s, rest, err
}

// readCells returns the cells of a state, which alias from, after it has looked at all of them.
func (b *Board) readCells(from []byte) (read cells, rest []byte, err error) {
	r := b.reader("state", from)
	end := r.cells()
	if r.err != nil {
		return nil, nil, r.err
	}
	read = cells(from[r.at:end:end])
	r.b = from[:end]
	var above uint64
	var all uint64 // behaviours
	for first := true; r.err == nil && r.at < end; first = false {
		key := r.uvarint("slot")
		if !first {
			if key >= above {
				r.fail("a slot below 0")
				break
			}
			key = above - key - 1
		}
		if slot := b.slotOf(key); uint64(slot) > uint64(maxSlot) || slot < 0 {
			r.fail("slot %d is out of range", key)
		}
		above = key
		c := r.sums()
		r.possible(&c)
		if all += c.behaviours; all > maxAll {
			r.fail("more than %d behaviours", uint64(maxAll))
		}
	}
	if r.err != nil {
		return nil, nil, r.err
	}
	return read, from[end:], nil
}

const (
	// maxSlot is the greatest slot: the last minute, in minutes.
	maxSlot = Slot(MaxMinute)
	// maxBehaviours is the most behaviours that a page has in one slot, and maxAll in all; the package
	// comment says why.
	maxBehaviours = 100_000_000_000_000
	maxAll        = 315_600_000_000_000
)

// AppendSum appends a sum of the board to dst. Equal sums have equal bytes.
func (b *Board) AppendSum(dst []byte, s *Sum) []byte {
	dst = append(dst, wireVersion)
	dst = binary.AppendUvarint(dst, uint64(s.At))
	dst = binary.AppendUvarint(dst, s.Behaviours)
	dst = appendWide(dst, s.clicks)
	dst = appendWide(dst, s.minutes)
	dst = appendWide(dst, zigzagWide(s.likes))
	if b.capped {
		hi, lo := s.capped.Words()
		dst = appendNumber(dst, zigzag(heat.Uint128{Hi: uint64(hi), Lo: lo}))
	}
	return dst
}

// DecodeSum reads a sum of the board that [Board.AppendSum] wrote, and returns the bytes after it.
// Errors wrap [ErrMalformed] or [ErrVersion].
func (b *Board) DecodeSum(from []byte) (s Sum, rest []byte, err error) {
	r := b.reader("sum", from)
	at := r.uvarint("slot")
	if r.err == nil && at > uint64(maxSlot) {
		r.fail("slot %d is out of range", at)
	}
	s.At = Slot(at)
	s.Behaviours = r.uvarint("behaviours")
	if r.err == nil && s.Behaviours > maxAll {
		r.fail("%d behaviours: the maximum is %d", s.Behaviours, uint64(maxAll))
	}
	s.clicks, s.minutes, s.likes = r.wide("clicks"), r.wide("minutes"), unzigzagWide(r.wide("likes"))
	r.possibleSum(&s)
	if b.capped {
		c := unzigzag(r.number("capped heat"))
		s.capped = heat.NewScore(int64(c.Hi), c.Lo)
		most := heat.NewScore(maxCappedHi, 0)
		if r.err == nil && (most.Less(s.capped) || s.capped.Less(heat.NewScore(-maxCappedHi, 0))) {
			r.fail("a heat of %s is out of range", s.capped)
		}
	}
	if r.err != nil {
		return Sum{}, nil, r.err
	}
	return s, from[r.at:], nil
}

// maxCappedHi bounds the heat of a sum of steps: 2¹²⁶ units are more than package heat proves.
const maxCappedHi = 1 << 62

// reader takes a record apart. The first thing that is wrong is kept in err; reads after it return
// zero.
type reader struct {
	what  string
	board *Board
	b     []byte
	at    int
	err   error
}

func (b *Board) reader(what string, from []byte) *reader {
	r := &reader{what: what, board: b, b: from}
	switch {
	case len(from) == 0:
		r.fail("it is empty")
	case from[0] != wireVersion:
		r.err = fmt.Errorf("%w: %s of a page on board %s of format version %d, this program reads version %d",
			ErrVersion, what, b.definition.Name, from[0], wireVersion)
	default:
		r.at = 1
	}
	return r
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s of a page on board %s, at byte %d of %d: %s",
			ErrMalformed, r.what, r.board.definition.Name, r.at, len(r.b), fmt.Sprintf(format, args...))
	}
}

// wide reads a base 128 varint of at most 192 bits in its shortest form.
func (r *reader) wide(what string) (w wide) {
	if r.err != nil {
		return wide{}
	}
	for i, c := range r.b[r.at:] {
		if i > 27 || i == 27 && c > 7 { // 27·7 = 189 bits are before it
			r.fail("%s: more than 192 bits", what)
			return wide{}
		}
		shift := uint(7 * i)
		word, low := shift/64, uint64(c&0x7F)
		w[word] |= low << (shift % 64)
		if shift%64 > 57 && word+1 < uint(len(w)) {
			w[word+1] |= low >> (64 - shift%64)
		}
		if c < 0x80 {
			if c == 0 && i > 0 {
				r.fail("%s: not in its shortest form", what)
				return wide{}
			}
			r.at += i + 1
			return w
		}
	}
	r.fail("%s: cut off", what)
	return wide{}
}

func (r *reader) number(what string) heat.Uint128 {
	w := r.wide(what)
	if w[2] != 0 {
		r.fail("%s: more than 128 bits", what)
		return heat.Uint128{}
	}
	return w.low()
}

func (r *reader) uvarint(what string) uint64 {
	u := r.number(what)
	if u.Hi != 0 {
		r.fail("%s: more than 64 bits", what)
		return 0
	}
	return u.Lo
}

func (r *reader) sums() cell {
	return cell{
		clicks: r.number("clicks"), minutes: r.number("minutes"), likes: unzigzag(r.number("likes")),
		behaviours: r.uvarint("behaviours"),
	}
}

// possible checks what that number of behaviours can add up to, so that no sum overflows.
func (r *reader) possible(c *cell) {
	if r.err != nil {
		return
	}
	if c.behaviours == 0 || c.behaviours > maxBehaviours {
		r.fail("%d behaviours in a slot: must be from 1 to %d", c.behaviours, uint64(maxBehaviours))
		return
	}
	var s Sum
	s.add(c, 0)
	r.within(&s, r.board.greatestRate(), 0)
}

// possibleSum checks the same of a sum.
func (r *reader) possibleSum(s *Sum) {
	if r.err != nil {
		return
	}
	if r.board.epoch > 0 {
		r.within(s, r.board.greatestRate(), halfLives-1)
		return
	}
	r.within(s, 1, 0)
}

// greatestRate is the greatest rate of the board.
func (b *Board) greatestRate() uint64 {
	if b.epoch == 0 {
		return 1
	}
	return b.rates[len(b.rates)-1]
}

// within checks that s is at most what its behaviours, each with the most that a behaviour may have,
// add up to if each is multiplied by rate·2ˢʰⁱᶠᵗ.
func (r *reader) within(s *Sum, rate uint64, shift uint) {
	exceeds := func(w wide, each uint64) bool {
		hi, lo := bits.Mul64(s.Behaviours, each)
		var limit words
		limit.addProduct(widen(heat.Uint128{Hi: hi, Lo: lo}), false, int64(rate))
		return words{w[0], w[1], w[2]}.cmp(limit.shiftedUp(shift)) > 0
	}
	likes := s.likes
	if likes.negative() {
		likes = likes.negated()
	}
	switch {
	case exceeds(s.clicks, heat.MostClicks):
		r.fail("impossible clicks of %d behaviours", s.Behaviours)
	case exceeds(s.minutes, uint64(heat.WholeMinutes(heat.MostMinutes))):
		r.fail("impossible minutes of %d behaviours", s.Behaviours)
	case exceeds(likes, 1):
		r.fail("impossible likes of %d behaviours", s.Behaviours)
	}
}

// appendWide appends a base 128 varint of up to 192 bits.
func appendWide(dst []byte, w wide) []byte {
	for w[1]|w[2] != 0 {
		dst = append(dst, byte(w[0])|0x80)
		w = wide{w[0]>>7 | w[1]<<57, w[1]>>7 | w[2]<<57, w[2] >> 7}
	}
	return binary.AppendUvarint(dst, w[0])
}

// zigzagWide and unzigzagWide do what zigzag and unzigzag do.
func zigzagWide(w wide) wide {
	sign := uint64(int64(w[2]) >> 63)
	w = w.shifted(1)
	return wide{w[0] ^ sign, w[1] ^ sign, w[2] ^ sign}
}

func unzigzagWide(w wide) wide {
	sign := -(w[0] & 1)
	return wide{(w[0]>>1 | w[1]<<63) ^ sign, (w[1]>>1 | w[2]<<63) ^ sign, w[2]>>1 ^ sign}
}
