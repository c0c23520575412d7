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

func TestForgetAfterIsANumberOfDays(t *testing.T) {
	for text, want := range map[string]int{"": 0, "1d": 1, "90d": 90, "36500d": 36_500} {
		s := DefaultSettings()
		s.ForgetAfter = text
		days, err := s.ForgetAfterDays()
		assert.NoError(t, err, text)
		assert.Equal(t, want, days, text)
		assert.NoError(t, s.Validate(), text)
	}
	for _, text := range []string{"0d", "36501d", "90", "90h", "-1d", "1.5d", "d"} {
		s := DefaultSettings()
		s.ForgetAfter = text
		assert.ErrorContains(t, s.Validate(), "must be a number of days from 1d to 36500d", text)
	}
}
