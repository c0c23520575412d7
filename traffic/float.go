package traffic

import (
	"bytes"
	"strconv"
)

// AppendFloat appends a finite 32-bit float as a JVM prints it (java.lang.Float.toString): the
// shortest digits that distinguish it from its neighbours. It is plain from 10^-3 to below
// 10^7, else it has an exponent, with E and no plus sign. There is always at least one digit
// after the point. (Below 10^-38, where floats have fewer bits, a JVM may print one more
// digit.)
func AppendFloat(dst []byte, f float32) []byte {
	magnitude := f
	if magnitude < 0 {
		magnitude = -magnitude
	}
	if magnitude == 0 || magnitude >= 1e-3 && magnitude < 1e7 {
		start := len(dst)
		dst = strconv.AppendFloat(dst, float64(f), 'f', -1, 32)
		if !bytes.ContainsRune(dst[start:], '.') {
			dst = append(dst, '.', '0')
		}
		return dst
	}
	var digits [24]byte
	mantissa, exponent, _ := bytes.Cut(strconv.AppendFloat(digits[:0], float64(f), 'e', -1, 32), []byte("e"))
	dst = append(dst, mantissa...)
	if !bytes.ContainsRune(mantissa, '.') {
		dst = append(dst, '.', '0')
	}
	dst = append(dst, 'E')
	if exponent[0] == '-' {
		dst = append(dst, '-')
	}
	return append(dst, bytes.TrimLeft(exponent[1:], "0")...)
}
