package heat

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// asBig returns u as a big.Int, with which the tests compute.
func asBig(u Uint128) *big.Int {
	n := new(big.Int).SetUint64(u.Hi)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(u.Lo))
}

// uint128s draws numbers of all sizes, and often numbers next to a carry.
func uint128s() *rapid.Generator[Uint128] {
	word := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, math.MaxUint64, math.MaxUint64 - 1, 1 << 63}))
	return rapid.Custom(func(t *rapid.T) Uint128 {
		return Uint128{Hi: word.Draw(t, "hi"), Lo: word.Draw(t, "lo")}
	})
}

func TestUint128ReckonsAsBigIntsDo(t *testing.T) {
	modulus := new(big.Int).Lsh(big.NewInt(1), 128)
	rapid.Check(t, func(t *rapid.T) {
		u, v := uint128s().Draw(t, "u"), uint128s().Draw(t, "v")
		bu, bv := asBig(u), asBig(v)

		sum := new(big.Int).Add(bu, bv)
		assert.Equal(t, sum.Mod(sum, modulus).String(), u.Add(v).String())
		sum = new(big.Int).Add(bu, new(big.Int).SetUint64(v.Lo))
		assert.Equal(t, sum.Mod(sum, modulus).String(), u.AddUint64(v.Lo).String())

		difference, ok := u.Sub(v)
		assert.Equal(t, bu.Cmp(bv) >= 0, ok, "only what is not below zero is a difference")
		if ok {
			assert.Equal(t, new(big.Int).Sub(bu, bv).String(), difference.String())
		}

		assert.Equal(t, bu.Cmp(bv), u.Cmp(v))
		assert.Zero(t, u.Cmp(u))
		assert.Equal(t, bu.Sign() == 0, u.IsZero())
		assert.Equal(t, bu.String(), u.String())

		if v.Lo != 0 {
			quotient, remainder := u.divide(v.Lo)
			wantQuotient, wantRemainder := new(big.Int).DivMod(bu, new(big.Int).SetUint64(v.Lo), new(big.Int))
			assert.Equal(t, wantQuotient.String(), quotient.String())
			assert.Equal(t, wantRemainder.Uint64(), remainder)
		}
	})
}

func TestDecimalsArePlain(t *testing.T) {
	largest := Uint128{Hi: math.MaxUint64, Lo: math.MaxUint64}
	for _, test := range []struct {
		u     Uint128
		scale int
		want  string
	}{
		{Uint128{}, 0, "0"},
		{Uint128{}, 9, "0"},
		{Uint128{Lo: 5}, 0, "5"},
		{Uint128{Lo: 500}, 0, "500"},
		{Uint128{Lo: 1}, 9, "0.000000001"},
		{Uint128{Lo: 1_000_000_000}, 9, "1"},
		{Uint128{Lo: 10_000_000_000}, 9, "10"},
		{Uint128{Lo: 1_511_912_200}, 9, "1.5119122"},
		{Uint128{Hi: 1}, 9, "18446744073.709551616"},
		{largest, 0, "340282366920938463463374607431768211455"},
		{largest, 10, "34028236692093846346337460743.1768211455"},
	} {
		assert.Equal(t, test.want, string(appendDecimal(nil, test.u, test.scale)), "%v at scale %d", test.u, test.scale)
	}
}
