package web

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSendersAreForgotten(t *testing.T) {
	known, err := newSenders(1, 1)
	require.NoError(t, err)
	for i := range maxSenders + 1000 {
		who := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		first := known.of(who)
		require.Same(t, first, known.of(who))
	}
	assert.Equal(t, maxSenders, known.known.Len())
}
