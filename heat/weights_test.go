package heat

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDefaultWeights(t *testing.T) {
	w, err := NewWeights("0.8", "0.8", "1")
	require.NoError(t, err)
	assert.Equal(t, DefaultWeights(), w)
	assert.Equal(t, "0.8 x clicks + 0.8 x minutes + 1 x likes", w.String())
}

func TestWeightsAreReadExactly(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "0.000": "0", "1": "1", "+1": "1", "-1": "-1",
		".5": "0.5", "5.": "5", "0.10": "0.1", "007": "7",
		"100": "100", "-100": "-100", "100.000000000000000000000": "100",
		"0.000001": "0.000001", "-99.999999": "-99.999999",
	} {
		for _, other := range []string{"0", "0.000001"} {
			w, err := NewWeights(text, other, "1.5")
			require.NoError(t, err, text)
			assert.Equal(t, want, w.Clicks(), text)
			assert.Equal(t, other, w.Minutes(), "next to %s", text)
			assert.Equal(t, "1.5", w.Like(), "next to %s", text)
		}
	}
}

func TestWeightsThatAreRefused(t *testing.T) {
	for text, because := range map[string]string{
		"":                       "not a number",
		".":                      "not a number",
		"-":                      "not a number",
		"+-1":                    "not a number",
		"1e2":                    "not a number",
		"1.2.3":                  "not a number",
		" 1":                     "not a number",
		"0x1":                    "not a number",
		"1_0":                    "not a number",
		"NaN":                    "not a number",
		"Inf":                    "not a number",
		"½":                      "not a number",
		"100.000001":             "out of range",
		"-100.1":                 "out of range",
		"101":                    "out of range",
		"18446744073709551617":   "out of range",
		"99999999999999999999.5": "out of range",
		"0.0000001":              "more than 6 digits",
		"1.00000000000000000001": "more than 6 digits",
	} {
		_, err := NewWeights("1", text, "1")
		require.ErrorContains(t, err, because, text)
		assert.ErrorContains(t, err, "weight of minutes", "the error names the weight")
	}
}

func TestEqualWeightsAreEqual(t *testing.T) {
	a, err := NewWeights("0.80", "+0.8", "1.0")
	require.NoError(t, err)
	assert.Equal(t, DefaultWeights(), a)
}
