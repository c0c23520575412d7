package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Compaction may leave nothing up to the end; a broker that lags behind is asked
// again.
func TestHoleAtTheEnd(t *testing.T) {
	r := &reader{partition: &partition{topic: "table"}, span: Span{From: 40, To: 100}}
	got, err := r.take(&kmsg.FetchResponseTopicPartition{LastStableOffset: 100}, 40)
	require.NoError(t, err)
	require.EqualValues(t, 100, got.next)
	got, err = r.take(&kmsg.FetchResponseTopicPartition{LastStableOffset: 99}, 40)
	require.NoError(t, err)
	require.EqualValues(t, 40, got.next)
}
