package logfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"

	"pageheat/accesslog"
	"pageheat/codec"
)

// Lines yields the lines of r without their endings (LF or CR LF). A UTF-8 byte order mark at
// the start is not part of the first line. Of a line of more than [accesslog.MaxLine] bytes only
// the number is given. A failed read ends the sequence with its error.
func Lines(r io.Reader) iter.Seq2[accesslog.Line, error] {
	return func(yield func(accesslog.Line, error) bool) {
		s := splitter{reader: newReader(r)}
		for {
			line, err := s.next()
			if errors.Is(err, io.EOF) {
				if s.pending() {
					yield(s.rest(), nil)
				}
				return
			}
			if err != nil {
				yield(accesslog.Line{}, err)
				return
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, 64<<10) }

// splitter splits what it reads into lines. Its reader may have more after an io.EOF.
type splitter struct {
	reader  *bufio.Reader
	number  int64  // of the last line
	part    []byte // of a line that is not complete
	tooLong bool   // what is not complete is longer than a line may be
	given   bool   // part is the last line's
}

// next returns the next complete line. The error is that of the reader.
func (s *splitter) next() (accesslog.Line, error) {
	if s.given {
		s.part, s.tooLong, s.given = s.part[:0], false, false
	}
	for {
		some, err := s.reader.ReadSlice('\n')
		if !s.tooLong {
			s.part = append(s.part, some...)
		}
		if len(s.part) > accesslog.MaxLine+2 {
			s.part, s.tooLong = s.part[:0], true
		}
		switch {
		case err == nil:
			return s.rest(), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return accesslog.Line{}, err
		}
	}
}

// pending reports whether there is a line that is not complete.
func (s *splitter) pending() bool { return !s.given && (len(s.part) > 0 || s.tooLong) }

// rest returns what was read as a line, complete or not.
func (s *splitter) rest() accesslog.Line {
	s.number++
	s.given = true
	text := bytes.TrimSuffix(bytes.TrimSuffix(s.part, []byte{'\n'}), []byte{'\r'})
	if s.number == 1 {
		text = bytes.TrimPrefix(text, []byte(codec.ByteOrderMark))
	}
	if len(text) > accesslog.MaxLine {
		s.tooLong = true
	}
	if s.tooLong {
		return accesslog.Line{Number: s.number, TooLong: true}
	}
	return accesslog.Line{Number: s.number, Text: text}
}
