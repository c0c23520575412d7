package collect

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
)

// FuzzJudge: each message of any body is either kept, as text that the pipeline accepts, or
// refused.
func FuzzJudge(f *testing.F) {
	for _, seed := range []string{"/a|1|0|0\n/b|x", `[{"page":"a","clicks":1,"minutes":0},5]`, `{"page":"a"}`, "{a}|1|0|0", "[", "[]", "\xff|1|1|1", "[1]\n[2]"} {
		f.Add([]byte(seed))
	}
	c := New(Config{Limits: heat.DefaultLimits(), MaxPageBytes: 1024})
	f.Fuzz(func(t *testing.T, body []byte) {
		batch := c.Judge(body, 1e6)
		all := 0
		last := 0
		for at := range messages(bytes.TrimPrefix(body, []byte(byteOrderMark))) {
			all++
			require.Greater(t, at.number, last)
			last = at.number
		}
		require.Equal(t, all, batch.Valid()+batch.RefusedInAll)
		for _, message := range batch.valid {
			_, refusal := codec.ParseBehaviour(message, c.cfg.Limits)
			require.Nil(t, refusal, "%q", message)
		}
	})
}
