package compressed

import (
	"bufio"
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWhatWasWrittenIsRead(t *testing.T) {
	forms := map[string]Form{"board.csv": Plain, "board.csv.gz": Gzip, "board.csv.zst": Zstd}
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOf(rapid.ByteRange('a', 'z')).Draw(t, "content")
		for name, form := range forms {
			var file bytes.Buffer
			w, err := NewWriter(&file, name)
			require.NoError(t, err)
			_, err = w.Write(content)
			require.NoError(t, err)
			require.NoError(t, w.Close())

			r := bufio.NewReader(iotest.OneByteReader(&file))
			is, err := FormOf(r)
			require.NoError(t, err)
			require.Equal(t, form, is, name)
			plain, err := NewReader(r)
			require.NoError(t, err)
			got, err := io.ReadAll(plain)
			require.NoError(t, err)
			require.NoError(t, plain.Close())
			require.Equal(t, string(content), string(got), name)
		}
	})
}

func TestDamagedFilesAreErrors(t *testing.T) {
	for _, name := range []string{"a.gz", "a.zst"} {
		var file bytes.Buffer
		w, err := NewWriter(&file, name)
		require.NoError(t, err)
		_, err = w.Write(bytes.Repeat([]byte("page|1|1|0\n"), 1000))
		require.NoError(t, err)
		require.NoError(t, w.Close())

		plain, err := NewReader(bytes.NewReader(file.Bytes()[:file.Len()-5]))
		require.NoError(t, err)
		_, err = io.ReadAll(plain)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
		require.NoError(t, plain.Close())
	}
	_, err := NewReader(bytes.NewReader([]byte{0x1F, 0x8B, 0, 0}))
	assert.ErrorContains(t, err, "decompressing gzip")
	_, err = FormOf(bufio.NewReader(iotest.ErrReader(iotest.ErrTimeout)))
	assert.ErrorIs(t, err, iotest.ErrTimeout)
}
