package main

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

// maxUnpackWindow is the memory that unpacking a zstd file may take, in bytes.
const maxUnpackWindow = 128 << 20

// packedTo returns a writer that compresses as the name of the file says: .gz is gzip, .zst is zstd, all else is as it
// is. Close ends what is compressed, and not w.
func packedTo(w io.Writer, name string) (io.WriteCloser, error) {
	switch {
	case strings.HasSuffix(name, ".gz"):
		return gzip.NewWriter(w), nil
	case strings.HasSuffix(name, ".zst"):
		return zstd.NewWriter(w)
	}
	return plainWriter{w}, nil
}

// plainWriter has nothing to end.
type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }

// unpacked reads what r has, which may be compressed with gzip or zstd: its first bytes tell. closed must be called
// at the end; it does not close r.
func unpacked(r io.Reader) (plain io.Reader, closed func(), err error) {
	packed := bufio.NewReader(r)
	first, err := packed.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("read the file: %w", err)
	}
	switch {
	case bytes.HasPrefix(first, []byte{0x1F, 0x8B}):
		plain, err := gzip.NewReader(packed)
		if err != nil {
			return nil, nil, fmt.Errorf("unpack gzip: %w", err)
		}
		return plain, func() {}, nil
	case bytes.Equal(first, []byte{0x28, 0xB5, 0x2F, 0xFD}):
		plain, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxUnpackWindow))
		if err != nil {
			return nil, nil, fmt.Errorf("unpack zstd: %w", err)
		}
		return plain, plain.Close, nil
	}
	return packed, func() {}, nil
}
