package logfile

import (
	"io"
	"iter"
	"os"

	"pageheat/accesslog"
	"pageheat/compressed"
)

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
		plain, err := compressed.NewReader(r)
		if err != nil {
			yield(accesslog.Line{}, err)
			return
		}
		defer func() { _ = plain.Close() }() // read only: nothing can get lost
		Lines(plain)(yield)
	}
}
