package audit

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
)

// Messages of known pages cost no memory.
func TestCountingDoesNotAllocate(t *testing.T) {
	tally, limits := newTally(), heat.DefaultLimits()
	messages := make([][]byte, 500)
	for i := range messages {
		messages[i] = fmt.Appendf(nil, "/some/page/of/a/site/%d|%d|1.25|1", i, i%9)
	}
	round := func() {
		for _, m := range messages {
			b, refusal := codec.ParseBehaviour(m, limits)
			if refusal != nil {
				t.Fatal(refusal)
			}
			tally.count(b, 0, 0, 0)
		}
	}
	round()
	require.Zero(t, testing.AllocsPerRun(10, round))
	seen := 0
	tally.each(func(_ string, p *pair) { seen++; require.EqualValues(t, 12, p.recount.Behaviours) })
	require.Equal(t, len(messages), seen)
}
