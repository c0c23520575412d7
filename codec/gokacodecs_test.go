package codec

import (
	"testing"

	"github.com/lovoo/goka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/heat"
)

func TestGokaCodecsRoundTrip(t *testing.T) {
	totals := &heat.Totals{Clicks: heat.Uint128{Lo: 5}, Likes: -1, Behaviours: 1}
	for _, test := range []struct {
		codec goka.Codec
		value any
	}{
		{Raw{}, []byte("any\x00bytes")},
		{PageStateCodec{}, totals},
	} {
		b, err := test.codec.Encode(test.value)
		require.NoError(t, err)
		got, err := test.codec.Decode(b)
		require.NoError(t, err)
		assert.Equal(t, test.value, got)

		_, err = test.codec.Encode("a string")
		assert.ErrorContains(t, err, "string", "a wrong type is an error that names it")
	}
	b, err := PageStateCodec{}.Encode(*totals)
	require.NoError(t, err)
	assert.Equal(t, AppendPageState(nil, totals), b)
	b, err = Raw{}.Encode(nil)
	require.NoError(t, err)
	assert.Nil(t, b)
}

// goka ends a processor on a codec's error.
func TestGokaCodecsHandOverWhatTheyCannotRead(t *testing.T) {
	for _, data := range [][]byte{nil, {}, {0xFF, 1, 2}} {
		value, err := PageStateCodec{}.Decode(data)
		require.NoError(t, err)
		undecodable, ok := value.(*Undecodable)
		require.True(t, ok, "%T is no *Undecodable", value)
		assert.Equal(t, data, undecodable.Value)
		require.ErrorIs(t, undecodable, ErrMalformed)
		assert.NotEmpty(t, undecodable.Error())
	}
}
