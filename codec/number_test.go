package codec

import (
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// checkNumber compares one number with the oracle.
func checkNumber(t require.TestingT, text string, scale int) {
	want, isNumber := oracleNumber(text)
	n, ok := parseNumber([]byte(text))
	require.Equal(t, isNumber, ok, "%q", text)
	if !ok {
		return
	}
	require.Equal(t, want.Sign() == 0, n.isZero(), "%q is zero", text)
	require.Equal(t, want.IsInt(), n.isWhole(), "%q is whole", text)
	require.Equal(t, strings.HasPrefix(text, "-"), n.negative, "%q", text)

	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	magnitude := new(big.Rat).Abs(want)
	rounded := oracleRound(magnitude.Mul(magnitude, new(big.Rat).SetInt(power)))
	value, ok := n.scaled(scale)
	// What is shown as ≥ 10¹⁸ or not before rounding may differ by the rounding.
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(tooManyDigits), nil)
	if rounded.Cmp(limit) == 0 && ok {
		require.Equal(t, rounded.Uint64(), value, "%q", text)
		return
	}
	require.Equal(t, rounded.Cmp(limit) < 0, ok, "%q at scale %d is below 10¹⁸", text, scale)
	if ok {
		require.Equal(t, rounded.String(), new(big.Int).SetUint64(value).String(), "%q at scale %d", text, scale)
	}
}

func TestNumbersAreTakenExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			numbers(),
			rapid.StringMatching(`[+-]?[0-9]{0,30}\.?[0-9]{0,30}([eE][+-]?[0-9]{1,2})?`),
			rapid.StringMatching(`0{0,3}[0-9]{15,20}(\.[0-9]{0,3}50{0,20}1?)?`),
			rapid.StringMatching(`9{5,20}\.?9{0,20}(e-?[0-9]{1,2})?`),
		).Draw(t, "text")
		checkNumber(t, text, rapid.SampledFrom([]int{0, 9}).Draw(t, "scale"))
	})
}

func TestNumbersFarBeyondAllLimits(t *testing.T) {
	for _, text := range []string{
		"1e999999999", "1e-999999999", "0e999999999", "-0e-999999999",
		"1e99999999999999999999999999", "1e-99999999999999999999999999",
		"1" + strings.Repeat("0", 60_000), "." + strings.Repeat("0", 60_000) + "1",
		"1" + strings.Repeat("0", 60_000) + "e-60000", "." + strings.Repeat("0", 60_000) + "1e60001",
		"1e" + strings.Repeat("0", 60_000) + "1",
		"1.5e" + strings.Repeat("9", 60_000),
	} {
		checkNumber(t, text, 9)
		checkNumber(t, text, 0)
	}
}

func TestALongNumberCostsNoAllocation(t *testing.T) {
	text := []byte("0." + strings.Repeat("3", 60_000) + "e5")
	assert.Zero(t, testing.AllocsPerRun(10, func() {
		n, _ := parseNumber(text)
		_, _ = n.scaled(9)
	}))
}
