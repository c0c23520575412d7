package codec

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"pageheat/boards"
	"pageheat/heat"
)

// Definition is what leaders are chosen by and a board is ordered by. Leaders and
// boards carry it, so that what was chosen by different settings never mixes.
// Definitions can be compared with ==.
type Definition struct {
	// Order identifies what orders the pages: equal orders have equal values.
	Order [8]byte
	// Top is the number of pages, at least 1.
	Top int
	// Text is what Order stands for, for messages.
	Text string
}

// maxDefinitionBytes is the longest Text that is read.
const maxDefinitionBytes = 1024

// Define returns the definition of the first top pages by a scorer. A text longer than 1,024 bytes
// is cut, but all of it counts.
func Define(by heat.Scorer, top int) Definition {
	d := Definition{Top: max(top, 1), Text: by.String()}
	sum := sha256.Sum256([]byte("heat: " + d.Text))
	copy(d.Order[:], sum[:])
	d.Text = d.Text[:min(len(d.Text), maxDefinitionBytes)]
	return d
}

// DefineBoard returns the definition of a further board. Its hash stands for all of it.
func DefineBoard(d boards.Definition) Definition {
	text := d.String()
	c := Definition{Top: d.Size, Text: text[:min(len(text), maxDefinitionBytes)]}
	sum := sha256.Sum256([]byte("board: " + text))
	copy(c.Order[:], sum[:])
	return c
}

// Serves reports whether leaders chosen by d make an exact board of the wanted
// definition. They do where both have one order and d has at least as many pages:
// the first n of the first m ≥ n pages of each partition are its first n.
func (d Definition) Serves(wanted Definition) bool {
	return d.Order == wanted.Order && d.Top >= wanted.Top
}

// String names the settings.
func (d Definition) String() string { return fmt.Sprintf("the first %d by %s", d.Top, d.Text) }

func appendDefinition(dst []byte, d *Definition) []byte {
	dst = append(dst, d.Order[:]...)
	dst = binary.AppendUvarint(dst, uint64(d.Top))
	dst = binary.AppendUvarint(dst, uint64(len(d.Text)))
	return append(dst, d.Text...)
}

// definition reads what appendDefinition wrote. The text is returned apart, and
// aliases the record.
func (r *reader) definition() (d Definition, text []byte) {
	if r.left() < len(d.Order) {
		r.fail("definition is cut off")
		return d, nil
	}
	r.at += copy(d.Order[:], r.b[r.at:])
	top := r.uvarint("number of pages of the definition")
	if r.err == nil && (top < 1 || top > math.MaxInt32) {
		r.fail("a definition of %d pages", top)
	}
	d.Top = int(top)
	return d, r.bytes("definition", maxDefinitionBytes)
}
