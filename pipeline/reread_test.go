package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/store"
)

// TestInputIsReadAgain although a broker says that the partition ends before: it may not
// know yet that it leads the partition no more. What was deleted is permanent at once.
func TestInputIsReadAgain(t *testing.T) {
	c := kafkatest.Embedded(t)
	s, topo := tableSettings(t, c)
	kafkatest.CreateTopic(t, c, topo.Input, 1)
	kafkatest.Produce(t, c, topo.Input, "/a|1|0|0", "/b|2|0|0", "/a|4|0|0", "/a|8|0|0")
	tp := newTopics(s)
	t.Cleanup(tp.close)
	id, err := tp.id(t.Context(), topo.Input)
	require.NoError(t, err)
	read := func() (store.Sums, error) {
		return sumInput(t.Context(), s, store.Reread{Header: codec.RangeHeader{Input: id, Targets: 1, Limits: heat.DefaultLimits()}, From: 0, To: 2})
	}
	stale := c.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: topo.Input, Err: kerr.OffsetOutOfRange, Count: 3})
	sums, err := read()
	require.NoError(t, err)
	require.Equal(t, 3, stale.Hits())
	clicks := map[string]uint64{}
	for of, t := range sums { // by the minutes of their timestamps, of which there may be two
		clicks[of.Page] += t.Clicks.Lo
	}
	require.Equal(t, map[string]uint64{"/a": 4, "/b": 2}, clicks)

	require.NoError(t, c.Fake().DeleteRecords(topo.Input, 0, 2))
	_, err = read()
	require.ErrorIs(t, err, kerr.OffsetOutOfRange)
	require.NotNil(t, failure.As(err))
	require.ErrorContains(t, err, `"A range is missing"`)
	require.ErrorContains(t, err, topo.Input+" partition 0 does not have offset 1 any more")
}
