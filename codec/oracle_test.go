package codec

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"pageheat/heat"
)

// The oracle reads behaviours in the plainest way there is: regular expressions,
// fractions of big integers and encoding/json. It is what the parser is compared
// with.

var numberForm = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// oracleNumber returns a number as a fraction. One whose exponent is too long for
// that is taken as 0, or as a tiny or huge number of its sign, which is as good.
func oracleNumber(text string) (*big.Rat, bool) {
	if !numberForm.MatchString(text) {
		return nil, false
	}
	mantissa, exponent := text, "0"
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], text[i+1:]
	}
	r, ok := new(big.Rat).SetString(strings.TrimSuffix(mantissa, "."))
	if !ok {
		return nil, false
	}
	far := len(text) + 1000
	e, err := strconv.Atoi(exponent)
	if err != nil || e > far || e < -far {
		e = far
		if strings.HasPrefix(exponent, "-") {
			e = -e
		}
		r = big.NewRat(int64(r.Sign()), 1)
	}
	power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(e, -e))), nil))
	if e < 0 {
		return r.Quo(r, power), true
	}
	return r.Mul(r, power), true
}

// oracleRound rounds a fraction half to even to an integer.
func oracleRound(r *big.Rat) *big.Int {
	floor := new(big.Int).Div(r.Num(), r.Denom())
	rest := new(big.Rat).Sub(r, new(big.Rat).SetInt(floor))
	half := rest.Cmp(big.NewRat(1, 2))
	if half > 0 || half == 0 && floor.Bit(0) == 1 {
		floor.Add(floor, big.NewInt(1))
	}
	return floor
}

func oracleFields(page, clicks, minutes, like string, l heat.Limits) (heat.Behaviour, Code) {
	switch {
	case page == "":
		return heat.Behaviour{}, CodePageEmpty
	case len(page) > MaxPageBytes:
		return heat.Behaviour{}, CodePageTooLong
	case strings.Contains(page, "|"), strings.ContainsFunc(page, unicode.IsControl):
		return heat.Behaviour{}, CodePageCharacters
	}
	b := heat.Behaviour{Page: []byte(page)}
	inRange := func(n *big.Int, low, high int64) bool {
		return n.Cmp(big.NewInt(low)) >= 0 && n.Cmp(big.NewInt(high)) <= 0
	}

	r, ok := oracleNumber(clicks)
	if !ok || !r.IsInt() {
		return heat.Behaviour{}, CodeClicksNotANumber
	}
	if !inRange(r.Num(), 0, int64(l.MaxClicks)) {
		return heat.Behaviour{}, CodeClicksOutOfRange
	}
	b.Clicks = uint32(r.Num().Int64())

	if r, ok = oracleNumber(minutes); !ok {
		return heat.Behaviour{}, CodeMinutesNotANumber
	}
	units := oracleRound(new(big.Rat).Mul(r, big.NewRat(1_000_000_000, 1)))
	if r.Sign() < 0 || !inRange(units, 0, int64(l.MaxMinutes)*1_000_000_000) {
		return heat.Behaviour{}, CodeMinutesOutOfRange
	}
	b.Minutes = heat.Minutes(units.Int64())

	if r, ok = oracleNumber(like); !ok || !r.IsInt() {
		return heat.Behaviour{}, CodeLikeNotANumber
	}
	if !inRange(r.Num(), -1, 1) {
		return heat.Behaviour{}, CodeLikeOutOfRange
	}
	b.Like = int8(r.Num().Int64())
	return b, ""
}

func oracleJSON(line string, l heat.Limits) (heat.Behaviour, Code) {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(line), &members) != nil {
		return heat.Behaviour{}, CodeJSONSyntax
	}
	page := ""
	if raw, ok := members["page"]; ok {
		if raw[0] != '"' || json.Unmarshal(raw, &page) != nil {
			return heat.Behaviour{}, CodeJSONType
		}
	}
	given := 0
	number := func(name string) (string, bool) {
		raw := string(members[name])
		if raw == "" || raw == "null" {
			return "0", true
		}
		given++
		return raw, strings.Contains("-0123456789", raw[:1])
	}
	clicks, ok1 := number("clicks")
	minutes, ok2 := number("minutes")
	like, ok3 := number("like")
	if !ok1 || !ok2 || !ok3 {
		return heat.Behaviour{}, CodeJSONType
	}
	if given == 0 {
		return heat.Behaviour{}, CodeFieldCount
	}
	return oracleFields(strings.Trim(page, " \t"), clicks, minutes, like, l)
}

func oracle(msg string, l heat.Limits) (heat.Behaviour, Code) {
	msg = strings.TrimPrefix(msg, "\xEF\xBB\xBF")
	object := strings.TrimLeft(msg, " \t\r\n")
	isObject := strings.HasPrefix(object, "{")
	if most := map[bool]int{true: 1 << 20, false: 64 << 10}[isObject]; len(msg) > most {
		return heat.Behaviour{}, CodeTooLarge
	}
	line := regexp.MustCompile(`(\r\n|\r|\n)\z`).ReplaceAllString(msg, "")
	switch {
	case strings.Trim(line, " \t") == "":
		return heat.Behaviour{}, CodeEmpty
	case !utf8.ValidString(line):
		return heat.Behaviour{}, CodeNotUTF8
	case isObject:
		b, code := oracleJSON(object, l)
		if code != CodeJSONSyntax || len(msg) > 64<<10 {
			return b, code
		}
		if text, code := oracleText(line, l); code == "" {
			return text, ""
		}
		return b, code
	}
	return oracleText(line, l)
}

func oracleText(line string, l heat.Limits) (heat.Behaviour, Code) {
	fields := strings.Split(line, "|")
	if len(fields) != 4 {
		return heat.Behaviour{}, CodeFieldCount
	}
	for i := range fields {
		fields[i] = strings.Trim(fields[i], " \t")
	}
	return oracleFields(fields[0], fields[1], fields[2], fields[3], l)
}
