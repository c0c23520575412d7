package codec_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
)

func TestOldestTimestamp(t *testing.T) {
	for _, c := range []struct{ a, b, want int64 }{{0, 0, 0}, {5, 0, 5}, {0, 5, 5}, {5, 4, 4}, {4, 5, 4}, {-1, 5, 5}, {5, -1, 5}, {-1, -2, 0}} {
		require.Equal(t, c.want, codec.Older(c.a, c.b), "%d and %d", c.a, c.b)
	}
	require.EqualValues(t, 1_700_000_000_000, codec.DecodeOldest(codec.AppendOldest(nil, 1_700_000_000_000)))
	for _, bad := range [][]byte{nil, {1}, {0xff, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 9)} {
		require.Zero(t, codec.DecodeOldest(bad))
	}
}
