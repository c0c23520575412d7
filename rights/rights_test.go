package rights_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/kafka"
	"pageheat/rights"
	"pageheat/topology"
)

func of(t *testing.T, names ...string) []rights.Need {
	t.Helper()
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	needs, err := rights.Of(topo, names...)
	require.NoError(t, err)
	return needs
}

// TestRolesTogether: what one role requires is required, and nothing is asked for that
// another right implies.
func TestRolesTogether(t *testing.T) {
	find := func(needs []rights.Need, right kafka.Right) *rights.Need {
		for i := range needs {
			if needs[i].Right == right {
				return &needs[i]
			}
		}
		return nil
	}
	read, describe := kafka.OnTopic(kafka.Read, "pageheat-behavior"), kafka.OnTopic(kafka.Describe, "pageheat-behavior")
	assert.True(t, find(of(t, "ingest"), read).Optional())
	for _, names := range [][]string{{"ingest", "heat"}, {"heat", "ingest"}} {
		assert.False(t, find(of(t, names...), read).Optional(), names)
	}
	assert.False(t, find(of(t, "rank"), describe).Optional())
	assert.Nil(t, find(of(t, "rank", "heat"), describe), "heat may read it")
	assert.True(t, find(of(t, "serve"), describe).Optional())
	assert.Nil(t, find(of(t, "serve", "ingest"), describe), "ingest may write to it")
}

// TestOptionalRightsAreDocumented: the manual has what is lost without each.
func TestOptionalRightsAreDocumented(t *testing.T) {
	manual, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	for _, name := range rights.Names() {
		assert.Contains(t, string(manual), name)
		for _, n := range of(t, name) {
			assert.Contains(t, string(manual), n.Without, "%s without %s", name, n.Right)
		}
	}
}
