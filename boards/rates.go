package boards

import "math/big"

// rateBits is the number of binary digits after the point of a rate.
const rateBits = 40

// rates returns R[j] = 2^(j/m)·2⁴⁰ for j from 0 to m-1, rounded half to even, for a half-life of m
// minutes: the weight of a behaviour in minute j of its epoch, from 2⁴⁰ to below 2⁴¹. For 0 < j < m
// the number is irrational, so there is no tie.
//
// It multiplies by 2^(1/m) in fixed point and knows how far it may be off. Where that leaves the
// rounding open, it begins again with more digits; it ends since no number is a tie.
func rates(m int) []uint64 {
	for digits := uint(192); ; digits *= 2 {
		if table, certain := ratesWithin(m, digits); certain {
			return table
		}
	}
}

// ratesWithin calculates the rates with that many binary digits after the point, and reports
// whether their rounding is certain.
func ratesWithin(m int, digits uint) (table []uint64, certain bool) {
	step, one := rootOfTwo(m, digits), new(big.Int).Lsh(big.NewInt(1), digits)
	// step is off by fewer than 2·digits units. Relative errors add up in products, and each cut
	// adds a unit: after fewer than 2¹⁶ multiplications of numbers from 1 to 2, the error is below
	// 2·2¹⁶·(2·digits + 1) units, which 2⁶⁴ exceeds by far.
	slack := new(big.Int).Lsh(big.NewInt(1), 64)
	half := new(big.Int).Lsh(big.NewInt(1), digits-rateBits-1)
	below, above := new(big.Int), new(big.Int)
	table = make([]uint64, m)
	table[0] = 1 << rateBits
	power := one
	for j := 1; j < m; j++ {
		power = new(big.Int).Mul(power, step)
		power.Rsh(power, digits)
		below.Add(power, half).Sub(below, slack).Rsh(below, digits-rateBits)
		above.Add(power, half).Add(above, slack).Rsh(above, digits-rateBits)
		if below.Cmp(above) != 0 {
			return nil, false
		}
		table[j] = below.Uint64()
	}
	return table, true
}

// rootOfTwo returns 2^(1/m) with that many binary digits after the point: exp(ln 2 / m) by its
// series. It is too low by fewer than 2·digits units: each term of either series is cut by less than
// one unit and two of its predecessor, and both have fewer terms than digits.
func rootOfTwo(m int, digits uint) *big.Int {
	// ln 2 = Σ 1/(k·2ᵏ).
	exponent, term := new(big.Int), new(big.Int)
	for k := uint(1); k <= digits; k++ {
		exponent.Add(exponent, term.Div(term.Lsh(big.NewInt(1), digits-k), big.NewInt(int64(k))))
	}
	exponent.Div(exponent, big.NewInt(int64(m)))
	sum := new(big.Int).Lsh(big.NewInt(1), digits)
	term.Set(sum)
	for k := int64(1); term.Sign() != 0; k++ {
		term.Mul(term, exponent).Rsh(term, digits).Div(term, big.NewInt(k))
		sum.Add(sum, term)
	}
	return sum
}
