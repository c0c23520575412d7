package traffic

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// MaxLine is the longest line that [Lines] takes, in bytes. It is longer than the
// longest message that is a behaviour, so that a line that is too long can still
// be sent, where the topic takes it, and be refused by the pipeline.
const MaxLine = 2 << 20

// byteOrderMark is U+FEFF in UTF-8, with which some editors begin a file.
const byteOrderMark = "\ufeff"

// Lines gives the lines of r without their line ends (LF or CR LF), each a message,
// empty lines too; each is valid only until the next one. A UTF-8 byte order mark at
// the start of r is no part of the first. A failed read or a line of
// more than [MaxLine] bytes is given as an error, with the number of the line, and ends it.
func Lines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		// The scanner needs room for the line and its end.
		scanner := bufio.NewScanner(r)
		scanner.Buffer(make([]byte, 0, 64<<10), MaxLine+2)
		n := 0
		for scanner.Scan() {
			n++
			line := scanner.Bytes()
			if n == 1 {
				line = bytes.TrimPrefix(line, []byte(byteOrderMark))
			}
			if !yield(line, nil) {
				return
			}
		}
		err := scanner.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("it is longer than %d bytes", MaxLine)
		}
		if err != nil {
			yield(nil, fmt.Errorf("read line %d: %w", n+1, err))
		}
	}
}
