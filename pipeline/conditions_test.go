package pipeline

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConditionsOfARole(t *testing.T) {
	c := NewConditions()
	require.NoError(t, c.Of("heat"))
	assert.True(t, c.Set("heat", "partition 1", errors.New("partition 1 is stalled")), "an episode begins")
	assert.False(t, c.Set("heat", "partition 1", errors.New("partition 1 is still stalled")), "it goes on")
	c.Set("heat", "topic", errors.New("its topic is missing"))
	c.Set("rank", "topic", errors.New("another role's"))
	require.EqualError(t, c.Of("heat"), "partition 1 is still stalled; its topic is missing")
	assert.True(t, c.Set("heat", "partition 1", nil), "it ends")
	assert.False(t, c.Set("heat", "partition 1", nil))
	require.EqualError(t, c.Of("heat"), "its topic is missing")
}
