// Package compressed reads and writes files that may be compressed with gzip or zstd. Readers look at the first
// bytes, because a rotated log keeps its name; writers look at the end of the name, because they make it.
package compressed

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the maximum memory for the window of a zstd file, in bytes: that of the highest level of zstd,
// without --long.
const maxWindow = 128 << 20

// Form is how a file is compressed. The zero value is a file that is not.
type Form string

// The forms.
const (
	Plain Form = ""
	Gzip  Form = "gzip"
	Zstd  Form = "zstd"
)

// FormOf returns the form of what r has, by its first bytes, which stay in r. An empty file is [Plain]. The error is
// that of reading.
func FormOf(r *bufio.Reader) (Form, error) {
	first, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return Plain, err
	}
	switch {
	case bytes.HasPrefix(first, []byte{0x1F, 0x8B}):
		return Gzip, nil
	case bytes.Equal(first, []byte{0x28, 0xB5, 0x2F, 0xFD}):
		return Zstd, nil
	}
	return Plain, nil
}

// NewReader returns a reader of what from has, decompressed according to [FormOf]. It reads ahead, and is for one
// goroutine. Close frees what decompressing holds, and does not close from.
func NewReader(from io.Reader) (io.ReadCloser, error) {
	r := bufio.NewReaderSize(from, 64<<10)
	form, err := FormOf(r)
	if err != nil {
		return nil, err
	}
	switch form {
	case Gzip:
		unpacked, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("decompressing gzip: %w", err)
		}
		return unpacked, nil
	case Zstd:
		// One goroutine, which reads no further ahead: there may be several files.
		unpacked, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("decompressing zstd: %w", err)
		}
		return unpacked.IOReadCloser(), nil
	}
	return io.NopCloser(r), nil
}

// NewWriter returns a writer that compresses according to the name of the file: .gz is gzip, .zst is zstd, and any other
// file is not compressed. Close completes the compressed data, and does not close w.
func NewWriter(w io.Writer, name string) (io.WriteCloser, error) {
	switch {
	case strings.HasSuffix(name, ".gz"):
		return gzip.NewWriter(w), nil
	case strings.HasSuffix(name, ".zst"):
		return zstd.NewWriter(w)
	}
	return plainWriter{w}, nil
}

// plainWriter has nothing to complete.
type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }
