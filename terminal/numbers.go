package terminal

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"

	"github.com/dustin/go-humanize"

	"pageheat/codec"
	"pageheat/heat"
)

// heatParts are what clicks, minutes and likes give to the heat of each page. A board
// does not say which weights it was made with: it is false where these are not.
func heatParts(b *codec.Board, weights heat.Weights) ([][3]string, bool) {
	parts := make([][3]string, len(b.Pages))
	for i := range b.Pages {
		page := &b.Pages[i]
		totals := heat.Totals{Likes: page.Likes, Behaviours: page.Behaviours}
		var read [2]bool
		totals.Clicks, read[0] = units(page.Clicks, 0)
		totals.Minutes, read[1] = units(page.Minutes, minuteDecimals)
		if !read[0] || !read[1] || weights.Heat(&totals) != string(page.Heat) {
			return nil, false
		}
		parts[i][0], parts[i][1], parts[i][2] = weights.Parts(&totals)
	}
	return parts, true
}

// minuteDecimals is how many decimals a sum of minutes has, at most.
const minuteDecimals = 9

// units is a decimal that is not negative as a whole number of units of a given number of
// decimals; false if it is none.
func units(d codec.Decimal, decimals int64) (heat.Uint128, bool) {
	number, ok := new(big.Rat).SetString(string(d))
	if !ok {
		return heat.Uint128{}, false
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(decimals), nil)
	number.Mul(number, new(big.Rat).SetInt(scale))
	if n := number.Num(); number.IsInt() && n.Sign() >= 0 && n.BitLen() <= 128 {
		low := new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64))
		return heat.Uint128{Hi: new(big.Int).Rsh(n, 64).Uint64(), Lo: low.Uint64()}, true
	}
	return heat.Uint128{}, false
}

// rounded writes a decimal with commas and always as many decimals, so that the points
// stand below each other; what is no decimal is left as it is.
func rounded(d string, decimals int) string {
	number, ok := new(big.Rat).SetString(d)
	if !ok {
		return Printable(d)
	}
	whole, fraction, _ := strings.Cut(new(big.Rat).Abs(number).FloatString(decimals), ".")
	sign := ""
	if number.Sign() < 0 && strings.Trim(whole+fraction, "0") != "" {
		sign = "-"
	}
	n, _ := new(big.Int).SetString(whole, 10) // FloatString writes digits
	text := sign + humanize.BigComma(n)
	if decimals > 0 {
		text += "." + fraction
	}
	return text
}

// size is a decimal as a number to draw, 0 if it is none.
func size(d string) float64 {
	f, err := strconv.ParseFloat(d, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

// Printable escapes what a terminal might take for more than a character: controls,
// changes of the writing direction, characters that cannot be seen.
func Printable(s string) string {
	var out strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		out.WriteString(quoted[1 : len(quoted)-1])
	}
	return out.String()
}

// Count writes a number with commas.
func Count(n uint64) string { return humanize.BigComma(new(big.Int).SetUint64(n)) }
