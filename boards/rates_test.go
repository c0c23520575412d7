package boards

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRatesAreRoundedExactly compares powers of whole numbers, which leaves nothing to rounding.
func TestRatesAreRoundedExactly(t *testing.T) {
	for _, m := range []int64{1, 2, 3, 60, 120, 360} {
		table := rates(int(m))
		require.Len(t, table, int(m))
		for j, rate := range table {
			require.Equal(t, exactRate(int64(j), m).Uint64(), rate, "R[%d] of %d", j, m)
		}
	}
	for m, phases := range map[int64][]int64{720: {1, 359, 719}, 1440: {1, 700, 1439}} {
		table := rates(int(m))
		for _, j := range phases {
			assert.Equal(t, exactRate(j, m).Uint64(), table[j], "R[%d] of %d", j, m)
		}
	}
}

// TestRatesOfTheLongestHalfLife: with more digits nothing changes, and the rates rise from 2⁴⁰ to below
// 2⁴¹.
func TestRatesOfTheLongestHalfLife(t *testing.T) {
	const m = 30 * 24 * 60
	table := rates(m)
	precise, certain := ratesWithin(m, 400)
	require.True(t, certain)
	assert.Equal(t, precise, table)
	assert.Equal(t, uint64(1<<40), table[0])
	for j := 1; j < m; j++ {
		require.Greater(t, table[j], table[j-1])
	}
	assert.Less(t, table[m-1], uint64(1<<41))
}

// TestRatesSeeThatDigitsAreTooFew: what cannot be rounded with certainty is calculated again.
func TestRatesSeeThatDigitsAreTooFew(t *testing.T) {
	_, certain := ratesWithin(360, 100)
	assert.False(t, certain)
}

func TestRootOfTwo(t *testing.T) {
	const digits = 192
	for _, m := range []int{1, 2, 360, 43_200} {
		root := rootOfTwo(m, digits)
		power := new(big.Float).SetPrec(4096).SetInt64(1)
		factor := new(big.Float).SetPrec(4096).SetInt(root)
		factor.SetMantExp(factor, -digits)
		for range m {
			power.Mul(power, factor)
		}
		off, _ := power.Sub(power, big.NewFloat(2)).Float64()
		assert.LessOrEqual(t, off, 0.0, fmt.Sprint(m))
		assert.Greater(t, off, -2*float64(m)*2*digits*0x1p-192, fmt.Sprint(m))
	}
}
