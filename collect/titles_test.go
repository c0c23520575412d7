package collect

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
)

// Titles reach the input, and of addresses only paths: a link on a board must not lead where a visitor wants.
func TestTitlesOfVisitors(t *testing.T) {
	c := New(Config{Limits: heat.DefaultLimits(), MaxPageBytes: codec.MaxPageBytes})
	batch := c.Judge([]byte(`[{"page":"/a","clicks":1,"title":"A\u202E <b>","url":"/a?b"},
		{"page":"/b","clicks":1,"title":"B","url":"https://evil.example/"},{"page":"/c","clicks":1,"url":"https://evil.example/"}]`), 10)
	require.Empty(t, batch.Refused)
	require.Equal(t, []string{
		`{"page":"/a","clicks":1,"minutes":0,"like":0,"title":"A <b>","url":"/a?b"}`,
		`{"page":"/b","clicks":1,"minutes":0,"like":0,"title":"B"}`,
		`/c|1|0|0`,
	}, []string{string(batch.valid[0]), string(batch.valid[1]), string(batch.valid[2])})
}
