package codec

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"pageheat/heat"
)

func TestInternalKeys(t *testing.T) {
	assert.Equal(t, "|progress|3", ProgressKey(3))
	assert.Equal(t, "|fence|3", FenceKey(3))
	assert.Equal(t, "|kept|3", KeptKey(3))
	assert.Equal(t, "|epoch", EpochKey())
	assert.Equal(t, "|position", EventsPositionKey())
	for _, test := range []struct {
		key       string
		kind      Kind
		partition int32
		ok        bool
	}{
		{ProgressKey(0), KindProgress, 0, true},
		{FenceKey(math.MaxInt32), KindFence, math.MaxInt32, true},
		{KeptKey(7), KindKept, 7, true},
		{EpochKey(), KindEpoch, 0, true},
		{EventsPositionKey(), KindPosition, 0, true},

		{"", KindUnknown, 0, false},
		{"page37", KindUnknown, 0, false},
		{"progress|3", KindUnknown, 0, false},

		// Internal, but unknown: still no page.
		{"|", KindUnknown, 0, true},
		{"||", KindUnknown, 0, true},
		{"|progress", KindUnknown, 0, true},
		{"|progress|", KindUnknown, 0, true},
		{"|progress|03", KindUnknown, 0, true},
		{"|progress|+3", KindUnknown, 0, true},
		{"|progress|-3", KindUnknown, 0, true},
		{"|progress|2147483648", KindUnknown, 0, true},
		{"|progress|3|", KindUnknown, 0, true},
		{"|epoch|0", KindUnknown, 0, true},
		{"|other|3", KindUnknown, 0, true},
	} {
		kind, partition, ok := InternalKey(test.key)
		assert.Equal(t, test.kind, kind, test.key)
		assert.Equal(t, test.partition, partition, test.key)
		assert.Equal(t, test.ok, ok, test.key)
	}
}

func TestNoPageHasAnInternalKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		msg := rapid.String().Draw(t, "page") + "|1|1|1"
		if b, refusal := ParseBehaviour([]byte(msg), heat.DefaultLimits()); refusal == nil {
			_, _, ok := InternalKey(string(b.Page))
			assert.False(t, ok)
		}
	})
}
