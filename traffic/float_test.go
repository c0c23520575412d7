package traffic

import (
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestFloatsAreThoseOfAJVM: the left column was printed by Float.toString (JDK 17).
func TestFloatsAreThoseOfAJVM(t *testing.T) {
	for want, f := range map[string]float32{
		"0.0":          0,
		"-0.0":         float32(math.Copysign(0, -1)),
		"1.0":          1,
		"1.5119122":    1.5119122,
		"0.1":          0.1,
		"-2.25":        -2.25,
		"0.001":        0.001,
		"9.9999E-4":    9.9999e-4,
		"7.152557E-6":  7.152557e-6,
		"5.9604645E-8": 5.9604645e-8,
		"1.0E-5":       1e-5,
		"1.0E7":        1e7,
		"9999999.0":    9999999,
		"3.4028235E38": math.MaxFloat32,
		"-1.5E10":      -1.5e10,
	} {
		assert.Equal(t, want, string(AppendFloat(nil, f)))
	}
}

func TestFloatsAreReadBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Float32().Draw(t, "f")
		text := string(AppendFloat([]byte("x"), f))
		back, err := strconv.ParseFloat(text[1:], 32)
		require.NoError(t, err)
		assert.Equal(t, math.Float32bits(f), math.Float32bits(float32(back)), "%v was read back as %v", f, back)
		assert.Regexp(t, `^x-?[0-9]+\.[0-9]+(E-?[1-9][0-9]*)?$`, text)
	})
}
