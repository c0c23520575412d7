package codec

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	forgetVersion    = 1
	forgottenVersion = 1
)

// PageHash is the SHA-256 of a page's name. It stands for the name of a page that is forgotten.
type PageHash [sha256.Size]byte

// HashPage returns the hash of a page's name.
func HashPage[P []byte | string](page P) PageHash { return sha256.Sum256([]byte(page)) }

// String returns the hash in hexadecimal digits.
func (h PageHash) String() string { return hex.EncodeToString(h[:]) }

// RequestID identifies a request to forget a page. It is random.
type RequestID [16]byte

// String returns the ID in hexadecimal digits.
func (id RequestID) String() string { return hex.EncodeToString(id[:]) }

// Forget is the value of a record of the forget topic: a request to forget a page. When the request is taken in,
// a value with the same key and without the name takes its place, so that compaction removes the name.
type Forget struct {
	// ID identifies the request.
	ID RequestID
	// Hash is that of the page's name.
	Hash PageHash
	// Placed is the hash of the page's name that its heat partition follows from, see topology.Hash.
	Placed uint32
	// Page is the page's name. It is empty if only the hashes are known, and in a request that is taken in.
	Page string
	// Block says that behaviours of the page are not counted from then on, either.
	Block bool
	// RequestedAt is when, in milliseconds since 1970 (Unix time), by the clock of the requester.
	RequestedAt int64
	// Number is [Forgotten].Number once the request is taken in, and 0 before.
	Number uint64
}

const (
	forgetBlock = 1 << 0 // flags of a request, and of a forgotten page
	forgetNamed = 1 << 1
)

// ForgetKey returns the key of a request in the forget topic. Requests for one page have different keys: what takes
// the place of one must not take that of another, which its reader has not read yet.
func ForgetKey(hash PageHash, id RequestID) string { return hash.String() + "/" + id.String() }

// isForgetKey reports whether a key is a [ForgetKey].
func isForgetKey(key []byte) bool {
	hash, id, ok := bytes.Cut(key, []byte("/"))
	if !ok || len(hash) != 2*len(PageHash{}) || len(id) != 2*len(RequestID{}) {
		return false
	}
	_, noHash := hex.DecodeString(string(hash))
	_, noID := hex.DecodeString(string(id))
	return noHash == nil && noID == nil
}

// Key is the request's [ForgetKey].
func (f *Forget) Key() string { return ForgetKey(f.Hash, f.ID) }

// Taken returns what takes the place of the request when it is taken in with a number.
func (f *Forget) Taken(number uint64) *Forget {
	taken := *f
	taken.Page, taken.Number = "", number
	return &taken
}

// AppendForget appends f to dst.
func AppendForget(dst []byte, f *Forget) []byte {
	flags := byte(0)
	if f.Block {
		flags |= forgetBlock
	}
	if f.Page != "" {
		flags |= forgetNamed
	}
	dst = append(dst, forgetVersion, flags)
	dst = append(dst, f.ID[:]...)
	dst = binary.AppendVarint(dst, f.RequestedAt)
	dst = binary.AppendUvarint(dst, f.Number)
	dst = binary.AppendUvarint(dst, uint64(f.Placed))
	if f.Page != "" {
		return appendName(dst, f.Page) // the hash is that of it
	}
	return append(dst, f.Hash[:]...)
}

// DecodeForget reads what [AppendForget] wrote.
func DecodeForget(b []byte) (*Forget, error) {
	r := newReader("forget request", b, forgetVersion)
	flags := r.flags("forget request", forgetBlock|forgetNamed)
	f := &Forget{Block: flags&forgetBlock != 0}
	r.exactly("id", f.ID[:])
	f.RequestedAt = r.varint("requested at")
	f.Number = r.number("number")
	f.Placed = r.uint32("place")
	if flags&forgetNamed == 0 {
		r.exactly("hash", f.Hash[:])
	} else {
		f.Page = string(r.page())
		f.Hash = HashPage(f.Page)
		if f.Number > 0 {
			r.fail("it is taken in, and has the name of the page")
		}
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return f, nil
}

// DecodeForgetRecord reads a record of the forget topic. The error is an [ErrVersion] only if the record has the key
// of a request: what has another key was not written by any version of pageheat.
func DecodeForgetRecord(key, value []byte) (*Forget, error) {
	f, err := DecodeForget(value)
	if errors.Is(err, ErrVersion) && !isForgetKey(key) {
		return nil, fmt.Errorf("%w: forget request: its key is not that of a request", ErrMalformed)
	}
	return f, err
}

// Forgotten is what the heat table keeps of a page that was forgotten, for ever: the newest request wins. Behaviours
// of the page at offsets up to To are not counted, and none at all if it is blocked. Those that are counted start at
// zero.
type Forgotten struct {
	// ID is that of the request.
	ID RequestID
	// Number is that of the request in the heat partition, from 1 in the order in which they were taken in. A board
	// that has n requests of the partition in leaves out the pages with numbers up to n.
	Number uint64
	// Placed is the hash of the page's name that its heat partition follows from, see topology.Hash.
	Placed uint32
	// Blocked says that none of its behaviours are counted after To, either.
	Blocked bool
	// RequestedAt is when the page was asked to be forgotten, in milliseconds since 1970 (Unix time).
	RequestedAt int64
	// Input is the id of the topic whose offsets To has.
	Input TopicID
	// To is how far the heat partition had counted, by input partition: see [Progress].To. Offsets of input
	// partitions that it does not have are above.
	To []int64
}

// Counts reports whether the page's behaviour at an offset of an input partition counts.
func (f *Forgotten) Counts(input TopicID, partition int32, offset int64) bool {
	switch {
	case f.Blocked:
		return false
	case input != f.Input || int(partition) >= len(f.To):
		return true
	default:
		return offset > f.To[partition]
	}
}

// ForgottenKey returns the key of what the heat table keeps of a forgotten page.
func ForgottenKey(hash PageHash) string {
	return internalMark + string(KindForgotten) + internalMark + hash.String()
}

// ForgottenHash returns the hash in a [ForgottenKey], and false for another key.
func ForgottenHash(key string) (hash PageHash, ok bool) {
	digits, ok := strings.CutPrefix(key, internalMark+string(KindForgotten)+internalMark)
	if !ok || len(digits) != 2*len(hash) {
		return hash, false
	}
	if _, err := hex.Decode(hash[:], []byte(digits)); err != nil || hash.String() != digits {
		return PageHash{}, false
	}
	return hash, true
}

// AppendForgotten appends f to dst.
func AppendForgotten(dst []byte, f *Forgotten) []byte {
	flags := byte(0)
	if f.Blocked {
		flags |= forgetBlock
	}
	dst = append(dst, forgottenVersion, flags)
	dst = append(dst, f.ID[:]...)
	dst = binary.AppendUvarint(dst, f.Number)
	dst = binary.AppendUvarint(dst, uint64(f.Placed))
	dst = binary.AppendVarint(dst, f.RequestedAt)
	dst = append(dst, f.Input[:]...)
	return appendTo(dst, f.To)
}

// DecodeForgotten reads what [AppendForgotten] wrote.
func DecodeForgotten(b []byte) (*Forgotten, error) {
	r := newReader("forgotten page", b, forgottenVersion)
	f := &Forgotten{Blocked: r.flags("forgotten page", forgetBlock) != 0}
	r.exactly("id", f.ID[:])
	f.Number = r.number("number")
	f.Placed = r.uint32("place")
	f.RequestedAt = r.varint("requested at")
	f.Input = r.topicID("input topic id")
	f.To = r.to("to")
	if err := r.end(); err != nil {
		return nil, err
	}
	return f, nil
}

// HeaderRemoved is the header of a tombstone in the heat table that pageheat has written: its value is why the page was
// removed. Another program wrote those without it.
const HeaderRemoved = "pageheat.removed"

// RemovedForgotten is the value of the [HeaderRemoved] of a page that was forgotten.
const RemovedForgotten = "forgotten"
