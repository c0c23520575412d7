package processors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestLeadersOfManyPartitionsAreFewer: a few heat partitions send leaders as often as boards want
// them, and many do so less often.
func TestLeadersOfManyPartitionsAreFewer(t *testing.T) {
	s := DefaultSettings()
	assert.Equal(t, 5*time.Millisecond, s.LeadersEvery(3))
	assert.Equal(t, 5*time.Millisecond, s.LeadersEvery(48))
	assert.Equal(t, 51200*time.Microsecond, s.LeadersEvery(512))
	s.PublishEvery = time.Millisecond
	assert.Equal(t, time.Millisecond, s.LeadersEvery(3))
}
