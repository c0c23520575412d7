package heat

import (
	"fmt"
	"strings"
)

// The range of one weight: at most maxWeight in absolute value, and at most
// maxWeightDecimals digits after the point. The package comment shows why scores
// fit their 128 bits with these.
const (
	maxWeight         = 100
	maxWeightDecimals = 6
)

// Weights are the values of one click, one minute and one like. They are integers in units of
// 10⁻ᵏ, so decimals are exact: 0.8 is not a binary fraction. The zero value weighs nothing.
// Weights with equal values are ==.
type Weights struct {
	clicks, minutes, like int64 // in units of 10^-decimals
	decimals              uint8 // k: the maximum number of decimals of the three
}

// DefaultWeights returns the weights of the article that pageheat is based on: heat =
// 0.8·clicks + 0.8·minutes + 1·like.
func DefaultWeights() Weights {
	return Weights{clicks: 8, minutes: 8, like: 10, decimals: 1}
}

// NewWeights reads three decimals such as "0.8", "-2" or "1.25": an optional
// sign, digits, an optional point. Each is from -100 to 100 with at most 6 digits
// after the point (trailing zeros do not count). The error names the weight.
func NewWeights(clicks, minutes, like string) (Weights, error) {
	var w Weights
	var parsed [3]weight
	for i, field := range []struct{ name, text string }{
		{"clicks", clicks}, {"minutes", minutes}, {"likes", like},
	} {
		one, err := parseWeight(field.text)
		if err != nil {
			return Weights{}, fmt.Errorf("weight of %s: %w", field.name, err)
		}
		parsed[i] = one
		w.decimals = max(w.decimals, one.decimals)
	}
	w.clicks = parsed[0].at(w.decimals)
	w.minutes = parsed[1].at(w.decimals)
	w.like = parsed[2].at(w.decimals)
	return w, nil
}

// weight is one weight, value·10^-decimals, with as few decimals as possible.
type weight struct {
	value    int64
	decimals uint8
}

// at returns the weight in units of 10^-decimals, which must be at least its own number of
// decimals.
func (w weight) at(decimals uint8) int64 {
	return w.value * int64(powersOfTen[decimals-w.decimals])
}

func parseWeight(text string) (weight, error) {
	const whatItIs = "a weight is a decimal from -100 to 100 with at most 6 digits after the point, such as 0.8"
	digits := text
	negative := strings.HasPrefix(digits, "-")
	if negative || strings.HasPrefix(digits, "+") {
		digits = digits[1:]
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	fraction = strings.TrimRight(fraction, "0")
	if strings.Trim(digits, "0123456789") != "" && strings.Trim(digits, "0123456789") != "." || strings.Trim(digits, ".") == "" {
		return weight{}, fmt.Errorf("%q is not a number: %s", text, whatItIs)
	}
	if len(fraction) > maxWeightDecimals {
		return weight{}, fmt.Errorf("%q has more than %d digits after the point: %s", text, maxWeightDecimals, whatItIs)
	}
	w := weight{decimals: uint8(len(fraction))}
	limit := int64(maxWeight) * int64(powersOfTen[w.decimals])
	for _, digit := range []byte(whole + fraction) {
		// The limit is checked digit by digit, so a long number cannot overflow; while only the
		// integer part has been read, the value is even smaller.
		if w.value = w.value*10 + int64(digit-'0'); w.value > limit {
			return weight{}, fmt.Errorf("%q is out of range: %s", text, whatItIs)
		}
	}
	if negative {
		w.value = -w.value
	}
	return w, nil
}

// Clicks returns the value of one click, as a plain decimal.
func (w Weights) Clicks() string { return w.decimal(w.clicks) }

// Minutes returns the value of one minute, as a plain decimal.
func (w Weights) Minutes() string { return w.decimal(w.minutes) }

// Like returns the value of one like, as a plain decimal.
func (w Weights) Like() string { return w.decimal(w.like) }

// String returns the weights as a formula, such as
// "0.8 x clicks + 0.8 x minutes + 1 x likes".
func (w Weights) String() string {
	return fmt.Sprintf("%s x clicks + %s x minutes + %s x likes", w.Clicks(), w.Minutes(), w.Like())
}

func (w Weights) decimal(value int64) string {
	return scoreOf(value).decimal(int(w.decimals))
}

// powersOfTen holds 10⁰ to 10¹⁵ (only read).
var powersOfTen = [...]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
}
