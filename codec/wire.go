package codec

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"unicode/utf8"

	"pageheat/boards"
	"pageheat/failure"
	"pageheat/heat"
)

// ErrMalformed is wrapped by every error of a decoder: the bytes are not what they
// should be. Reading them again does not help.
var ErrMalformed = boards.ErrMalformed

// ErrVersion is wrapped by the errors of decoders that met a version of a format
// that this program does not read.
var ErrVersion = boards.ErrVersion

// versionError is an ErrVersion, and an ErrMalformed too. ErrVersion comes first: its hint says to
// upgrade, where that of ErrMalformed lets an operator give up a record that is right.
type versionError struct {
	what         string
	found, reads byte
}

func (e *versionError) Error() string {
	return fmt.Sprintf("%v: %s of format version %d, this program reads version %d", ErrVersion, e.what, e.found, e.reads)
}

func (e *versionError) Unwrap() []error { return []error{ErrVersion, ErrMalformed} }

// ErrOtherPartitions says that something was made for another number of heat
// partitions than there are now: which pages belong to a partition follows from it.
var ErrOtherPartitions = failure.Known("the number of heat partitions was changed", failure.Partitions)

// OtherPartitions is the ErrOtherPartitions of what was made for another number.
func OtherPartitions(was, is int32) error {
	return fmt.Errorf("%w: P was %d and is %d", ErrOtherPartitions, was, is)
}

// MaxNumber bounds every offset, count and version of a board: what is at or above
// it is malformed. Below it every JSON reader takes a number exactly, and no
// pipeline gets there.
const MaxNumber = 1 << 53

// TopicID is the id that Kafka gives a topic when it is created. A topic deleted
// and created again under its name has another one.
type TopicID [16]byte

// String returns the id as Kafka prints it: base64url without padding.
func (id TopicID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// IsZero reports whether no id was given: Kafka gives none that is all zeros.
func (id TopicID) IsZero() bool { return id == TopicID{} }

// The formats are made of: one version byte first; uvarints, as in encoding/binary
// (protocol buffers' base 128 varints), here up to 128 bits; zigzag varints for
// what can be negative; topic ids as 16 bytes; names as a uvarint length and bytes.

// appendUvarint128 appends u as a base 128 varint of 1 to 19 bytes. Up to 64 bits
// that is what binary.AppendUvarint writes.
func appendUvarint128(dst []byte, u heat.Uint128) []byte {
	for u.Hi != 0 {
		dst = append(dst, byte(u.Lo)|0x80)
		u.Lo = u.Lo>>7 | u.Hi<<57
		u.Hi >>= 7
	}
	return binary.AppendUvarint(dst, u.Lo)
}

// appendTotals appends what every record that holds totals has in common.
func appendTotals(dst []byte, t *heat.Totals) []byte {
	dst = appendUvarint128(dst, t.Clicks)
	dst = appendUvarint128(dst, t.Minutes)
	dst = binary.AppendVarint(dst, t.Likes)
	return binary.AppendUvarint(dst, t.Behaviours)
}

// minTotalsBytes is the least that appendTotals writes.
const minTotalsBytes = 4

// appendOffset appends an offset that is at least -1 (none, or unknown).
func appendOffset(dst []byte, offset int64) []byte {
	return binary.AppendUvarint(dst, uint64(offset+1))
}

// reader takes a record apart. The first thing that is wrong is kept in err, and
// all reads after it return zero, so a decoder can look once, at the end; but what
// is read as a length must be looked at before it is used.
type reader struct {
	what string // what is being read, for errors
	b    []byte
	at   int
	err  error
}

// newReader starts on a record of the given kind and reads its version byte.
func newReader(what string, b []byte, version byte) reader {
	r := reader{what: what, b: b}
	switch {
	case len(b) == 0:
		r.fail("it is empty")
	case b[0] != version:
		r.err = &versionError{what: what, found: b[0], reads: version}
	default:
		r.at = 1
	}
	return r
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s, at byte %d of %d: %s", ErrMalformed, r.what, r.at, len(r.b), fmt.Sprintf(format, args...))
	}
}

// left returns how many bytes are unread, none after an error.
func (r *reader) left() int {
	if r.err != nil {
		return 0
	}
	return len(r.b) - r.at
}

// end checks that nothing is left over, and returns the first error.
func (r *reader) end() error {
	if n := r.left(); n > 0 {
		r.fail("%d bytes too many", n)
	}
	return r.err
}

func (r *reader) byte(what string) byte {
	if r.left() < 1 {
		r.fail("%s is cut off", what)
		return 0
	}
	c := r.b[r.at]
	r.at++
	return c
}

// flags reads flags, of which only those given may be set.
func (r *reader) flags(what string, known byte) byte {
	flags := r.byte("flags of a " + what)
	if flags&^known != 0 {
		r.fail("flags %#x of a %s are not known", flags, what)
		return 0
	}
	return flags
}

func (r *reader) uvarint(what string) uint64 {
	if r.err == nil && r.at < len(r.b) && r.b[r.at] < 0x80 {
		r.at++
		return uint64(r.b[r.at-1])
	}
	u := r.uvarint128(what)
	if u.Hi != 0 {
		r.fail("%s does not fit 64 bits", what)
		return 0
	}
	return u.Lo
}

func (r *reader) uvarint128(what string) heat.Uint128 {
	if r.err != nil {
		return heat.Uint128{}
	}
	// Nearly all are of 9 bytes or fewer, 63 bits.
	var low uint64
	for i, c := range r.b[r.at:] {
		if i == 9 {
			break
		}
		low |= uint64(c&0x7F) << uint(7*i)
		if c < 0x80 {
			if c == 0 && i > 0 {
				break
			}
			r.at += i + 1
			return heat.Uint128{Lo: low}
		}
	}
	return r.anyUvarint128(what)
}

// shortUvarint reads a uvarint of at most 8 bytes, 56 bits, of which it returns how many
// there are: 0 if it is longer, wrong, or within the last 8 bytes of b.
func shortUvarint(b []byte) (u uint64, size int) {
	const tops, each = 0x8080808080808080, 0x0101010101010101
	if len(b) < 8 {
		return 0, 0
	}
	u = binary.LittleEndian.Uint64(b)
	if u&0x80 == 0 {
		return u & 0x7F, 1
	}
	last := ^u & tops // the lowest bit of it is in the last byte
	if last == 0 {
		return 0, 0
	}
	last &= -last
	if u&(last-last>>7) == 0 {
		return 0, 0 // it is not in its shortest form
	}
	u &= (last - 1) & (0x7F * each)
	// Sevens become fourteens, these twenty-eights, these 56 bits.
	u = u&0x00FF00FF00FF00FF | u&0xFF00FF00FF00FF00>>1
	u = u&0x0000FFFF0000FFFF | u&0xFFFF0000FFFF0000>>2
	u = u&0x00000000FFFFFFFF | u&0xFFFFFFFF00000000>>4
	return u, (bits.TrailingZeros64(last) + 1) / 8
}

// anyUvarint128 is uvarint128 for all lengths, and for all that is wrong.
func (r *reader) anyUvarint128(what string) (u heat.Uint128) {
	for i, c := range r.b[r.at:] {
		if i == 18 && c > 3 || i > 18 { // 18·7 = 126 bits are before it
			r.fail("%s does not fit 128 bits", what)
			return heat.Uint128{}
		}
		shift := uint(7 * i)
		low := uint64(c & 0x7F)
		u.Lo |= low << shift // a shift by 64 or more gives 0
		if shift >= 64 {
			u.Hi |= low << (shift - 64)
		} else {
			u.Hi |= low >> (64 - shift)
		}
		if c < 0x80 {
			if c == 0 && i > 0 {
				r.fail("%s is not in its shortest form", what)
				return heat.Uint128{}
			}
			r.at += i + 1
			return u
		}
	}
	r.fail("%s is cut off", what)
	return heat.Uint128{}
}

func (r *reader) varint(what string) int64 {
	u := r.uvarint(what)
	return int64(u>>1) ^ -int64(u&1)
}

// number reads a uvarint that is below [MaxNumber].
func (r *reader) number(what string) uint64 {
	u := r.uvarint(what)
	if u >= MaxNumber {
		r.fail("%s, %d, is out of range", what, u)
		return 0
	}
	return u
}

// nonNegative reads an offset, or another number below [MaxNumber].
func (r *reader) nonNegative(what string) int64 { return int64(r.number(what)) }

// offset reads what appendOffset wrote.
func (r *reader) offset(what string) int64 { return int64(r.number(what)) - 1 }

// partitions reads a number of partitions, at least 1.
func (r *reader) partitions(what string) int32 {
	n := r.uvarint(what)
	if r.err == nil && (n < 1 || n > math.MaxInt32) {
		r.fail("%s, %d, is out of range", what, n)
		return 0
	}
	return int32(n)
}

// partition reads a partition, below of.
func (r *reader) partition(what string, of int32) int32 {
	n := r.uvarint(what)
	if r.err == nil && n >= uint64(of) {
		r.fail("%s is %d of %d", what, n, of)
		return 0
	}
	return int32(n)
}

func (r *reader) uint32(what string) uint32 {
	u := r.uvarint(what)
	if bits.Len64(u) > 32 {
		r.fail("%s is out of range", what)
		return 0
	}
	return uint32(u)
}

// count reads how many things of at least size bytes each follow. It is never
// more than the rest of the record can hold, so it may be allocated for.
func (r *reader) count(what string, size int) int {
	u := r.uvarint(what)
	if u > uint64(r.left()/size) {
		r.fail("%s says %d, more than the record can hold", what, u)
		return 0
	}
	return int(u)
}

// bytes reads a length and as many bytes, at most most. They alias the record.
func (r *reader) bytes(what string, most int) []byte {
	n := r.count(what, 1)
	if n > most {
		r.fail("%s has %d bytes, the most is %d", what, n, most)
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at : r.at]
}

func (r *reader) topicID(what string) (id TopicID) {
	r.exactly(what, id[:])
	return id
}

// exactly fills dst.
func (r *reader) exactly(what string, dst []byte) {
	if r.left() < len(dst) {
		r.fail("%s is cut off", what)
		return
	}
	r.at += copy(dst, r.b[r.at:])
}

func (r *reader) totals() (t heat.Totals) {
	t.Clicks = r.uvarint128("clicks")
	t.Minutes = r.uvarint128("minutes")
	t.Likes = r.varint("likes")
	t.Behaviours = r.number("behaviours")
	return t
}

// possible checks totals against what that number of behaviours within the limits can add
// up to. So no sum of them overflows.
func (r *reader) possible(t *heat.Totals, l heat.Limits) {
	if r.err == nil && !t.Within(l) {
		r.fail("impossible sums of %d behaviours: %s clicks, %s minutes, %d likes",
			t.Behaviours, t.ClicksDecimal(), t.MinutesDecimal(), t.Likes)
	}
}

// page reads a page's name, which aliases the record.
func (r *reader) page() []byte {
	page := r.bytes("page", MaxPageBytes)
	if r.err == nil && !isPage(page) {
		r.fail("%s is not a valid page name", excerpt(page))
	}
	return page
}

// IsPage reports whether behaviours can be of a page with this name.
func IsPage(name string) bool {
	return isASCIIPage(name) || utf8.ValidString(name) && pageFault(name).code == ""
}

func isPage(name []byte) bool {
	return isASCIIPage(name) || utf8.Valid(name) && pageFault(name).code == ""
}
