package logfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/klauspost/compress/zstd"

	"pageheat/accesslog"
)

// maxWindow is the memory that unpacking a zstd file may take, in bytes: that of the highest
// level of zstd, without --long.
const maxWindow = 128 << 20

// File yields the lines of a file, which it opens when it begins and closes at the end. The file
// may be compressed by gzip or zstd.
func File(name string) iter.Seq2[accesslog.Line, error] {
	return func(yield func(accesslog.Line, error) bool) {
		f, err := os.Open(name)
		if err != nil {
			yield(accesslog.Line{}, err)
			return
		}
		defer func() { _ = f.Close() }() // read only: nothing can get lost
		Unpacked(f)(yield)
	}
}

// Unpacked yields the lines of r, which may be compressed by gzip or zstd: its first bytes tell.
func Unpacked(r io.Reader) iter.Seq2[accesslog.Line, error] {
	return func(yield func(accesslog.Line, error) bool) {
		plain, closeIt, err := unpack(r)
		if err != nil {
			yield(accesslog.Line{}, err)
			return
		}
		defer closeIt()
		Lines(plain)(yield)
	}
}

// compression is a form of compressed files.
type compression struct {
	name  string
	magic []byte
}

func compressions() []compression {
	return []compression{{"gzip", []byte{0x1F, 0x8B}}, {"zstd", []byte{0x28, 0xB5, 0x2F, 0xFD}}}
}

// compressionOf is what the first bytes of a file tell; empty if it is not compressed.
func compressionOf(r *bufio.Reader) (string, error) {
	for _, c := range compressions() {
		first, err := r.Peek(len(c.magic))
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if bytes.Equal(first, c.magic) {
			return c.name, nil
		}
	}
	return "", nil
}

func unpack(r io.Reader) (plain io.Reader, closeIt func(), err error) {
	packed := newReader(r)
	name, err := compressionOf(packed)
	if err != nil {
		return nil, nil, err
	}
	switch name {
	case "gzip":
		unpacked, err := gzip.NewReader(packed)
		if err != nil {
			return nil, nil, fmt.Errorf("unpack gzip: %w", err)
		}
		return unpacked, func() {}, nil
	case "zstd":
		// One goroutine, which reads no further ahead: there may be several files.
		unpacked, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, fmt.Errorf("unpack zstd: %w", err)
		}
		return unpacked, unpacked.Close, nil
	}
	return packed, func() {}, nil
}
