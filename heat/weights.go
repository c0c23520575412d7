package heat

import (
	"fmt"
	"strings"
)

// The range of one weight: at most maxWeight in absolute value, and at most
// maxWeightDecimals digits after the point. The package comment shows why scores
// fit their 128 bits with these. A weight of 1 is weightUnit.
const (
	maxWeight         = 100
	maxWeightDecimals = 6
	weightUnit        = 1_000_000
)

// Weights are the values of one click, one minute and one like. They are integers in units of
// 10⁻⁶, so decimals are exact: 0.8 is not a binary fraction. The zero value weighs nothing.
// Weights with equal values are ==.
type Weights struct{ clicks, minutes, like int64 }

var _ Scorer = Weights{}

// DefaultWeights returns the weights of the article that pageheat is based on: heat =
// 0.8·clicks + 0.8·minutes + 1·like.
func DefaultWeights() Weights {
	return Weights{clicks: 800_000, minutes: 800_000, like: 1_000_000}
}

// NewWeights reads three decimals such as "0.8", "-2" or "1.25": an optional
// sign, digits, an optional point. Each is from -100 to 100 with at most 6 digits
// after the point (trailing zeros do not count). The error names the weight.
func NewWeights(clicks, minutes, like string) (Weights, error) {
	var w Weights
	for _, field := range []struct {
		name, text string
		into       *int64
	}{
		{"clicks", clicks, &w.clicks}, {"minutes", minutes, &w.minutes}, {"likes", like, &w.like},
	} {
		one, err := parseWeight(field.text)
		if err != nil {
			return Weights{}, fmt.Errorf("weight of %s: %w", field.name, err)
		}
		*field.into = one
	}
	return w, nil
}

// parseWeight returns a weight in units of 10⁻⁶.
func parseWeight(text string) (int64, error) {
	const whatItIs = "a weight is a decimal from -100 to 100 with at most 6 digits after the point, such as 0.8"
	digits := text
	negative := strings.HasPrefix(digits, "-")
	if negative || strings.HasPrefix(digits, "+") {
		digits = digits[1:]
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	fraction = strings.TrimRight(fraction, "0")
	if strings.Trim(digits, "0123456789") != "" && strings.Trim(digits, "0123456789") != "." || strings.Trim(digits, ".") == "" {
		return 0, fmt.Errorf("%q is not a number: %s", text, whatItIs)
	}
	if len(fraction) > maxWeightDecimals {
		return 0, fmt.Errorf("%q has more than %d digits after the point: %s", text, maxWeightDecimals, whatItIs)
	}
	const limit = maxWeight * weightUnit
	value := int64(0)
	for _, digit := range []byte(whole + fraction + strings.Repeat("0", maxWeightDecimals-len(fraction))) {
		// The limit is checked digit by digit, so a long number cannot overflow; while only some
		// of the digits have been read, the value is even smaller.
		if value = value*10 + int64(digit-'0'); value > limit {
			return 0, fmt.Errorf("%q is out of range: %s", text, whatItIs)
		}
	}
	if negative {
		value = -value
	}
	return value, nil
}

// Clicks returns the value of one click, as a plain decimal.
func (w Weights) Clicks() string { return weightDecimal(w.clicks) }

// Minutes returns the value of one minute, as a plain decimal.
func (w Weights) Minutes() string { return weightDecimal(w.minutes) }

// Like returns the value of one like, as a plain decimal.
func (w Weights) Like() string { return weightDecimal(w.like) }

// Units returns the values of one click, one minute and one like in units of 10⁻⁶, each from
// -10⁸ to 10⁸.
func (w Weights) Units() (clicks, minutes, like int64) { return w.clicks, w.minutes, w.like }

// String returns the weights as a formula, such as
// "0.8 x clicks + 0.8 x minutes + 1 x likes".
func (w Weights) String() string {
	return fmt.Sprintf("%s x clicks + %s x minutes + %s x likes", w.Clicks(), w.Minutes(), w.Like())
}

// weightDecimal returns a weight as a plain decimal: that of as many millionths is that of as many
// units of a score times 10⁹.
func weightDecimal(value int64) string {
	units := value * unitsPerMinute
	return NewScore(units>>63, uint64(units)).String()
}
