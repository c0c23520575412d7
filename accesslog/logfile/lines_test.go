package logfile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/accesslog"
)

// collected are lines as "number text", and the error that ended them.
func collected(lines iter.Seq2[accesslog.Line, error]) (all []string, err error) {
	for l, err := range lines {
		if err != nil {
			return all, err
		}
		text := string(l.Text)
		if l.TooLong {
			text = "(too long)"
		}
		all = append(all, fmt.Sprint(l.Number, " ", text))
	}
	return all, nil
}

func TestLines(t *testing.T) {
	longest := strings.Repeat("x", accesslog.MaxLine)
	for text, want := range map[string][]string{
		"":                              nil,
		"a":                             {"1 a"},
		"a\n":                           {"1 a"},
		"a\r\n\nb":                      {"1 a", "2 ", "3 b"},
		"\ufeffa\n\ufeffb":              {"1 a", "2 \ufeffb"},
		longest + "\r\na":               {"1 " + longest, "2 a"},
		"a\n" + longest + "y\nb":        {"1 a", "2 (too long)", "3 b"},
		"a\n" + longest + longest + "y": {"1 a", "2 (too long)"},
	} {
		for _, r := range []io.Reader{strings.NewReader(text), iotest.DataErrReader(strings.NewReader(text)), iotest.HalfReader(strings.NewReader(text))} {
			got, err := collected(Lines(r))
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
	}
	broken := errors.New("disk on fire")
	got, err := collected(Lines(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken))))
	require.ErrorIs(t, err, broken)
	assert.Equal(t, []string{"1 a"}, got)
}

func gzipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

func zstded(t *testing.T, text string) []byte {
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return w.EncodeAll([]byte(text), nil)
}

func TestCompressedFiles(t *testing.T) {
	dir := t.TempDir()
	want := []string{"1 a", "2 b", "3 c"}
	for name, content := range map[string][]byte{
		"plain":         []byte("a\nb\nc\n"),
		"gzip":          gzipped("a\nb\nc\n"),
		"gzip in parts": append(gzipped("a\nb"), gzipped("\nc\n")...),
		"zstd":          zstded(t, "a\nb\nc\n"),
		"zstd in parts": append(zstded(t, "a\nb"), zstded(t, "\nc\n")...),
	} {
		path := filepath.Join(dir, name) // the name does not tell
		require.NoError(t, os.WriteFile(path, content, 0o600))
		for range 2 {
			got, err := collected(File(path))
			require.NoError(t, err, name)
			assert.Equal(t, want, got, name)
		}
		got, err := collected(Unpacked(iotest.OneByteReader(bytes.NewReader(content))))
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
	}
	for name, content := range map[string][]byte{
		"gzip": gzipped(strings.Repeat("a\n", 100_000)),
		"zstd": zstded(t, strings.Repeat("a\n", 100_000)),
	} {
		_, err := collected(Unpacked(bytes.NewReader(content[:len(content)-20])))
		assert.Error(t, err, "%s, cut off", name)
		_, err = collected(Unpacked(bytes.NewReader(content[:5])))
		assert.Error(t, err, "%s, hardly there", name)
	}
	_, err := collected(File(filepath.Join(dir, "none")))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// FuzzLines: however it is cut, the same lines as by splitting the whole.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\n\nb"), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		if bytes.HasPrefix(text, []byte{0x1F, 0x8B}) || bytes.HasPrefix(text, []byte{0x28, 0xB5, 0x2F, 0xFD}) {
			return
		}
		var want []string
		for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
			line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
			want = append(want, fmt.Sprint(len(want)+1, " ", string(line)))
		}
		if string(text) == "\ufeff" {
			want = []string{"1 "}
		}
		got, err := collected(Unpacked(&pieces{text, int(size)%16 + 1}))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// pieces gives a text in pieces.
type pieces struct {
	text []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.text[:min(p.size, len(p.text))])
	p.text = p.text[n:]
	return n, nil
}
