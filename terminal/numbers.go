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

// heatParts returns the shares of clicks, minutes and likes in the heat of each page. The weights are
// those of the board's definition if it has some. It returns false if they do not produce the heat:
// a board may have been made with others, or have a maximum of heat.
func heatParts(b *codec.Board, weights heat.Weights) ([][3]string, bool) {
	weights = weightsOf(b, weights)
	parts := make([][3]string, len(b.Pages))
	for i := range b.Pages {
		var known bool
		if b.Kind == "trending" {
			parts[i], known = decayedParts(&b.Pages[i], weights)
		} else {
			parts[i], known = exactParts(&b.Pages[i], weights)
		}
		if !known {
			return nil, false
		}
	}
	return parts, true
}

// exactParts returns the shares in the heat of a page whose totals are exact.
func exactParts(page *codec.BoardPage, weights heat.Weights) (parts [3]string, known bool) {
	totals := heat.Totals{Behaviours: page.Behaviours}
	var err error
	var read [2]bool
	totals.Likes, err = strconv.ParseInt(string(page.Likes), 10, 64)
	totals.Clicks, read[0] = units(page.Clicks, 0)
	totals.Minutes, read[1] = units(page.Minutes, minuteDecimals)
	if err != nil || !read[0] || !read[1] || weights.Heat(&totals) != string(page.Heat) {
		return parts, false
	}
	parts[0], parts[1], parts[2] = weights.Parts(&totals)
	return parts, true
}

// decayedParts returns the shares in the heat of a page whose totals have decayed. They were rounded,
// and so was the heat.
func decayedParts(page *codec.BoardPage, weights heat.Weights) (parts [3]string, known bool) {
	rest, ok := new(big.Rat).SetString(string(page.Heat))
	if !ok {
		return parts, false
	}
	for i, of := range [3]struct{ weight, total string }{
		{weights.Clicks(), string(page.Clicks)}, {weights.Minutes(), string(page.Minutes)}, {weights.Like(), string(page.Likes)},
	} {
		part, ok := new(big.Rat).SetString(of.weight)
		total, read := new(big.Rat).SetString(of.total)
		if !ok || !read {
			return parts, false
		}
		rest.Sub(rest, part.Mul(part, total))
		parts[i] = part.FloatString(heatDecimals)
	}
	return parts, rest.Abs(rest).Cmp(big.NewRat(1, 1_000_000)) <= 0
}

// heatDecimals is the maximum number of decimals of a heat.
const heatDecimals = 10

// minuteDecimals is the maximum number of decimals of a sum of minutes.
const minuteDecimals = 9

// units returns a non-negative decimal as an integer in units of the given number of decimals;
// false if it is not one.
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

// rounded formats a decimal with commas and a fixed number of decimals, so that the points
// align. It leaves anything else unchanged.
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

// size returns a decimal as a number to draw, 0 if it is not one.
func size(d string) float64 {
	f, err := strconv.ParseFloat(d, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

// Printable escapes everything that a terminal might interpret: control characters, changes of
// the writing direction, invisible characters.
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
