package codec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/heat"
)

// described is a scorer with a text.
type described string

func (described) Score(*heat.Totals) heat.Score { return heat.Score{} }
func (d described) String() string              { return string(d) }

// TestADefinitionIsItsWholeText: scorers with other texts are told apart, also where a text is so
// long that records hold a part of it.
func TestADefinitionIsItsWholeText(t *testing.T) {
	long := strings.Repeat("x", 5000)
	one, other := Define(described(long+"1"), 10), Define(described(long+"2"), 10)
	assert.False(t, one.Serves(other))
	assert.True(t, one.Serves(Define(described(long+"1"), 3)))
	read, err := DecodeLeaders(AppendLeaders(nil, &Leaders{Progress: Progress{Partitions: 1}, Definition: one}))
	require.NoError(t, err)
	assert.Equal(t, one, read.Definition)
}
