package scale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheProtocolHoldsAtSize: the last board is exact after a crash and a join, the partitions are
// spread evenly, every instance applies its share, and boards come all the time.
func TestTheProtocolHoldsAtSize(t *testing.T) {
	c := Config{Inputs: 32, Heat: 32, Instances: 8, Pages: 2000, Rate: 50_000, For: 4 * time.Second, Fetch: 100 * time.Millisecond, Rebalance: true}
	r, err := Run(c)
	require.NoError(t, err)
	t.Logf("%+v", r)
	assert.EqualValues(t, 200_000, r.Behaviours)
	assert.Equal(t, 6, r.Rebalances, "of three groups, after a crash and after a join")
	assert.Equal(t, []int{4, 4}, []int{r.LeastOwned, r.MostOwned})
	assert.Greater(t, r.LeastShare, 0.5)
	assert.Less(t, r.MostShare, 1.3)
	assert.Less(t, r.LongestSilence, session+time.Second)
}
