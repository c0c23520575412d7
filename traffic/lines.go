package traffic

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// MaxLine is the maximum length of a line for [Lines], in bytes. It exceeds the maximum length
// of a behaviour, so a line that is too long can still be sent, if the topic accepts it, and
// refused by the pipeline.
const MaxLine = 2 << 20

// byteOrderMark is U+FEFF in UTF-8, with which some editors begin a file.
const byteOrderMark = "\ufeff"

// Lines yields the lines of r without their line endings (LF or CR LF), including empty lines,
// each as a message. A line is valid only until the next one. A UTF-8 byte order mark at the
// start of r is not part of the first line. A failed read or a line of more than [MaxLine]
// bytes ends the sequence with an error that has the line number.
func Lines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		// The scanner needs space for the line and its ending.
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
			yield(nil, fmt.Errorf("reading line %d: %w", n+1, err))
		}
	}
}
