package traffic

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// collect returns the lines and the error that ended them.
func collect(r io.Reader) (lines []string, err error) {
	for line, e := range Lines(r) {
		if e != nil {
			return lines, e
		}
		lines = append(lines, string(line))
	}
	return lines, nil
}

func TestLines(t *testing.T) {
	for text, want := range map[string][]string{
		"":            nil,
		"a":           {"a"},
		"a\n":         {"a"},
		"a\r\nb\n":    {"a", "b"},
		"a\n\nb":      {"a", "", "b"},
		"\n":          {""},
		" a|1 \n\xff": {" a|1 ", "\xff"},

		"\ufeffa\n\ufeffb": {"a", "\ufeffb"},
		"\ufeff":           {""},
	} {
		got, err := collect(strings.NewReader(text))
		require.NoError(t, err)
		assert.Equal(t, want, got, "%q", text)
	}
}

func TestLinesTooLong(t *testing.T) {
	longest := strings.Repeat("x", MaxLine)
	got, err := collect(strings.NewReader("a\n" + longest + "\r\nb\n"))
	require.NoError(t, err)
	assert.Equal(t, []string{"a", longest, "b"}, got)

	got, err = collect(strings.NewReader("a\n" + longest + "xxx\nb\n"))
	require.ErrorContains(t, err, "line 2")
	assert.Equal(t, []string{"a"}, got)
}

func TestLinesOfAReaderThatFails(t *testing.T) {
	broken := errors.New("disk on fire")
	got, err := collect(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	assert.Equal(t, []string{"a", "b"}, got, "what was read is given")
}

func TestLinesMayBeLeftEarly(t *testing.T) {
	n := 0
	for _, err := range Lines(strings.NewReader("a\nb\nc\n")) {
		require.NoError(t, err)
		n++
		break
	}
	assert.Equal(t, 1, n)
}
