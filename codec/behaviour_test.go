package codec

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/heat"
)

// long is a page of the most bytes that are allowed.
var long = strings.Repeat("é", MaxPageBytes/2)

// accepted are messages and, as canonical text, what they say.
var accepted = map[string]string{
	"page37|5|1.5119122|-1": "page37|5|1.5119122|-1",
	"page001.html|1|0.5|1":  "page001.html|1|0.5|1",

	// The edges of the limits.
	"p|0|0|0":                            "p|0|0|0",
	"p|1000000|1440|1":                   "p|1000000|1440|1",
	long + "|1|1|1":                      long + "|1|1|1",
	strings.Repeat("x", 1024) + "|1|1|1": strings.Repeat("x", 1024) + "|1|1|1",
	"p|" + strings.Repeat("0", 60_000) + "7|1|1": "p|7|1|1",

	// Pages.
	"日本語 ページ|1|1|1":        "日本語 ページ|1|1|1",
	"/a b?c=d&e=%7C|1|1|1": "/a b?c=d&e=%7C|1|1|1",
	"\u00a0|1|1|1":         "\u00a0|1|1|1", // no ASCII space, no control character
	"é\u00a0ÿ|1|1|1":       "é\u00a0ÿ|1|1|1",
	" {a|1|1|1":            "{a|1|1|1",
	"{a}|1|1|1":            "{a}|1|1|1", // no JSON object, but a text
	"\"p\"|1|1|1":          "\"p\"|1|1|1",

	// Blanks around fields and one line ending.
	" p\t|\t5 | 1.5 |  -1\t": "p|5|1.5|-1",
	"p |5|1.5|-1":            "p|5|1.5|-1",
	" p|5|1.5|-1":            "p|5|1.5|-1",
	"p|5|1.5|-1\n":           "p|5|1.5|-1",
	"p|5|1.5|-1\r":           "p|5|1.5|-1",
	"p|5|1.5|-1 \r\n":        "p|5|1.5|-1",

	// Numbers.
	"p|5.0|1|1.0":                  "p|5|1|1",
	"p|5.|.5|-1.":                  "p|5|0.5|-1",
	"p|+5|+1.5|+1":                 "p|5|1.5|1",
	"p|1e3|7.152557E-6|1e0":        "p|1000|0.000007153|1",
	"p|50e-1|1.44E+3|0.1e1":        "p|5|1440|1",
	"p|-0|-0.0|-0":                 "p|0|0|0",
	"p|0e999999999|0e999999999|00": "p|0|0|0",
	"p|0e-99999999999999999999|1e-999999999|0.0e5": "p|0|0|0",
	"p|007|0001.50|01":                            "p|7|1.5|1",
	"p|1000000.000|1440.000|1":                    "p|1000000|1440|1",
	"p|1|1." + strings.Repeat("3", 50_000) + "|1": "p|1|1.333333333|1",
	"p|1|" + strings.Repeat("0", 20_000) + "1" + strings.Repeat("0", 20_000) + "e-20000|1": "p|1|1|1",

	// Minutes are rounded half to even, however long they are.
	"p|1|0.0000000005|1":        "p|1|0|1",
	"p|1|0.00000000050000001|1": "p|1|0.000000001|1",
	"p|1|0.0000000015|1":        "p|1|0.000000002|1",
	"p|1|0.0000000025|1":        "p|1|0.000000002|1",
	"p|1|25e-10|1":              "p|1|0.000000002|1",
	"p|1|0.99999999950|1":       "p|1|1|1",
	"p|1|5e-10|1":               "p|1|0|1",
	"p|1|9e-10|1":               "p|1|0.000000001|1",
	"p|1|9e-11|1":               "p|1|0|1",
	"p|1|1440.0000000004|1":     "p|1|1440|1", // the rounded value is in range
	"p|1|1440.0000000005|1":     "p|1|1440|1", // 1440 is even

	// JSON.
	`{"page":"page37","clicks":5,"minutes":1.5119122,"like":-1}`:                   "page37|5|1.5119122|-1",
	`{"like":1,"minutes":1.0,"clicks":5.0,"page":"p"}`:                             "p|5|1|1",
	`{"page":"p","clicks":5,"minutes":1}`:                                          "p|5|1|0",
	"{ \"page\" : \" p\\t\" ,\n\"clicks\":1e3,\"minutes\":15E-1 } \r\n":            "p|1000|1.5|0",
	`{"page":"a\u0062\/\ud83d\ude00é","clicks":0,"minutes":0}`:                     "ab/😀é|0|0|0",
	`{"page":"{\"","clicks":0,"minutes":0}`:                                        `{"|0|0|0`,
	`{"page":"p","clicks":1,"minutes":1,"x":null,"y":{"page":[1]}}`:                "p|1|1|0",
	`{"page":"p","clicks":1,"minutes":1,"Page":"q","CLICKS":"x"}`:                  "p|1|1|0",
	`{"page":5,"page":"p","clicks":"x","clicks":1,"minutes":1,"like":1,"like":-1}`: "p|1|1|-1",
	`{"page":"p","clicks":-0,"minutes":-0.0,"like":-0}`:                            "p|0|0|0",

	// What is missing or null of the numbers is 0.
	`{"page":"p","clicks":1,"minutes":1,"like":null}`:      "p|1|1|0",
	`{"page":"p","clicks":null,"minutes":2}`:               "p|0|2|0",
	`{"page":"p","minutes":null,"like":-1}`:                "p|0|0|-1",
	`{"page":"p","like":1}`:                                "p|0|0|1",
	`{"page":"p","clicks":3,"clicks":null,"minutes":1}`:    "p|0|1|0",
	"\n\t {\"page\":\"p\",\"clicks\":1,\"minutes\":1} \n ": "p|1|1|0",

	// A byte order mark is no part of the message.
	ByteOrderMark + "p|1|1|1":                                                                    "p|1|1|1",
	ByteOrderMark + `{"page":"p","clicks":1,"minutes":1}`:                                        "p|1|1|0",
	ByteOrderMark + "\r\n" + `{"page":"p","clicks":1,"minutes":1}`:                               "p|1|1|0",
	ByteOrderMark + ByteOrderMark + "p|1|1|1":                                                    ByteOrderMark + ByteOrderMark + "p|1|1|1", // of two the second is part of the page
	"p" + strings.Repeat(" ", MaxTextBytes-len("p|1|1|1")) + "|1|1|1":                            "p|1|1|1",
	ByteOrderMark + "p" + strings.Repeat(" ", MaxTextBytes-len("p|1|1|1")) + "|1|1|1":            "p|1|1|1",
	`{"page":"p","clicks":1,"x":"` + strings.Repeat("x", MaxTextBytes) + `"}`:                    "p|1|0|0",
	`{"page":"p","clicks":1}` + strings.Repeat(" ", MaxJSONBytes-len(`{"page":"p","clicks":1}`)): "p|1|0|0",
}

func TestAcceptedBehaviours(t *testing.T) {
	for msg, want := range accepted {
		name := excerpt([]byte(msg))
		b, refusal := ParseBehaviour([]byte(msg), heat.DefaultLimits())
		if assert.Nil(t, refusal, name) {
			assert.Equal(t, want, string(AppendBehaviour(nil, b)), name)
		}
	}
}

// refused are messages and why they are refused.
var refused = map[string]Code{
	"":       CodeEmpty,
	"\n":     CodeEmpty,
	"\r\n":   CodeEmpty,
	" \t ":   CodeEmpty,
	" \t \n": CodeEmpty,

	strings.Repeat("x", MaxTextBytes+1):                           CodeTooLarge,
	strings.Repeat(" ", MaxTextBytes+1):                           CodeTooLarge,
	strings.Repeat("\xff", MaxTextBytes+1):                        CodeTooLarge,
	"p|1|1|" + strings.Repeat(" ", MaxTextBytes) + "1":            CodeTooLarge,
	`{"page":"p","clicks":1}` + strings.Repeat(" ", MaxJSONBytes): CodeTooLarge,

	"\xff|1|1|1":          CodeNotUTF8,
	"p|1|1|1\xff":         CodeNotUTF8,
	"\xff":                CodeNotUTF8,
	"\xc0\xaf|1|1|1":      CodeNotUTF8, // overlong
	"\xed\xa0\x80|1|1|1":  CodeNotUTF8, // a surrogate
	"{\"page\":\"\xff\"}": CodeNotUTF8,

	"p":            CodeFieldCount,
	"p|1|1":        CodeFieldCount,
	"p|1|1|1|1":    CodeFieldCount,
	"p|1|1|1|":     CodeFieldCount,
	"null":         CodeFieldCount,
	ByteOrderMark:  CodeEmpty,
	`{}`:           CodeFieldCount,
	`{"page":"p"}`: CodeFieldCount,
	`{"page":"p","clicks":null,"minutes":null,"like":null}`: CodeFieldCount,
	"[1]": CodeFieldCount,

	"|1|1|1":                             CodePageEmpty,
	" \t|1|1|1":                          CodePageEmpty,
	"|||":                                CodePageEmpty,
	strings.Repeat("x", 1025) + "|1|1|1": CodePageTooLong,
	long + "é|1|1|1":                     CodePageTooLong,
	long + "\n|1|1|1":                    CodePageTooLong,
	"a\tb|1|1|1":                         CodePageCharacters,
	"a\x00|1|1|1":                        CodePageCharacters,
	"a\nb|1|1|1":                         CodePageCharacters,
	"\na|1|1|1":                          CodePageCharacters,
	"a\x7f|1|1|1":                        CodePageCharacters,
	"12345678\x7f|1|1|1":                 CodePageCharacters,
	"a\u0080|1|1|1":                      CodePageCharacters,
	"\u009f|1|1|1":                       CodePageCharacters,
	"日本\u0085語|x|y|z":                    CodePageCharacters,

	"p||1|1":                     CodeClicksNotANumber,
	"p|x|1|1":                    CodeClicksNotANumber,
	"p|5.5|1|1":                  CodeClicksNotANumber,
	"p|-0.5|1|1":                 CodeClicksNotANumber,
	"p|2000000.5|1|1":            CodeClicksNotANumber,
	"p|1e-1|1|1":                 CodeClicksNotANumber,
	"p|1e-999999999|1|1":         CodeClicksNotANumber,
	"p|0x5|1|1":                  CodeClicksNotANumber,
	"p|1_000|1|1":                CodeClicksNotANumber,
	"p|1,5|1|1":                  CodeClicksNotANumber,
	"p|1 5|1|1":                  CodeClicksNotANumber,
	"p|٣|1|1":                    CodeClicksNotANumber, // a digit, but no ASCII one
	"p|NaN|1|1":                  CodeClicksNotANumber,
	"p|Inf|1|1":                  CodeClicksNotANumber,
	"p|1000001|1|1":              CodeClicksOutOfRange,
	"p|-1|1|1":                   CodeClicksOutOfRange,
	"p|-1.0|x|y":                 CodeClicksOutOfRange,
	"p|1e999999999|1|1":          CodeClicksOutOfRange,
	"p|18446744073709551617|1|1": CodeClicksOutOfRange, // 1 modulo 2⁶⁴
	"p|4294967297|1|1":           CodeClicksOutOfRange, // 1 modulo 2³²

	"p|1||1":                       CodeMinutesNotANumber,
	"p|1|.|1":                      CodeMinutesNotANumber,
	"p|1|+|1":                      CodeMinutesNotANumber,
	"p|1|+-1|1":                    CodeMinutesNotANumber,
	"p|1|e5|1":                     CodeMinutesNotANumber,
	"p|1|.e5|1":                    CodeMinutesNotANumber,
	"p|1|1e|1":                     CodeMinutesNotANumber,
	"p|1|1e+|1":                    CodeMinutesNotANumber,
	"p|1|1e1.0|1":                  CodeMinutesNotANumber,
	"p|1|1.2.3|1":                  CodeMinutesNotANumber,
	"p|1|NaN|1":                    CodeMinutesNotANumber,
	"p|1|Infinity|1":               CodeMinutesNotANumber,
	"p|1|-inf|1":                   CodeMinutesNotANumber,
	"p|1|0x1p-2|1":                 CodeMinutesNotANumber,
	"p|1|1_0|1":                    CodeMinutesNotANumber,
	"p|1|1f|1":                     CodeMinutesNotANumber,
	"p|1|1440.0000000006|1":        CodeMinutesOutOfRange,
	"p|1|1440.00000000050000001|1": CodeMinutesOutOfRange,
	"p|1|1441|1":                   CodeMinutesOutOfRange,
	"p|1|-1e-12|1":                 CodeMinutesOutOfRange,
	"p|1|-1e-999999999|1":          CodeMinutesOutOfRange,
	"p|1|-0.5|x":                   CodeMinutesOutOfRange,
	"p|1|1e99999999999999999999|1": CodeMinutesOutOfRange,
	"p|1|18446744074.709551616|1":  CodeMinutesOutOfRange, // 1 modulo 2⁶⁴ units

	"p|1|1|":      CodeLikeNotANumber,
	"p|1|1|x":     CodeLikeNotANumber,
	"p|1|1|0.5":   CodeLikeNotANumber,
	"p|1|1|1\n\n": CodeLikeNotANumber, // one line ending, not two
	"p|1|1|1\n\r": CodeLikeNotANumber,
	"p|1|1|1\n ":  CodeLikeNotANumber,
	"p|1|1|true":  CodeLikeNotANumber,
	"p|1|1|2":     CodeLikeOutOfRange,
	"p|1|1|-2":    CodeLikeOutOfRange,
	"p|1|1|11":    CodeLikeOutOfRange,
	"p|1|1|1e30":  CodeLikeOutOfRange,
	"p|1|1|257":   CodeLikeOutOfRange,

	"{":                             CodeJSONSyntax,
	"{a|1|1|x":                      CodeJSONSyntax,
	"{}x":                           CodeJSONSyntax,
	"{}{}":                          CodeJSONSyntax,
	`{"page":"p",}`:                 CodeJSONSyntax,
	`{'page':'p'}`:                  CodeJSONSyntax,
	`{"page":"\x41"}`:               CodeJSONSyntax,
	`{"page":"\ud83d","clicks":1}`:  CodeJSONSyntax,
	"{\"page\":\"a\tb\"}":           CodeJSONSyntax,
	`{"page":"p","clicks":05}`:      CodeJSONSyntax,
	`{"page":"p","clicks":+5}`:      CodeJSONSyntax,
	`{"page":"p","clicks":.5}`:      CodeJSONSyntax,
	`{"page":"p","clicks":5.}`:      CodeJSONSyntax,
	`{"page":"p","clicks":NaN}`:     CodeJSONSyntax,
	`{"page":"p","x":[}`:            CodeJSONSyntax,
	strings.Repeat(`{"a":`, 13_000): CodeJSONSyntax,

	`{"page":5,"clicks":1,"minutes":1}`:                CodeJSONType,
	`{"page":null,"clicks":1,"minutes":1}`:             CodeJSONType,
	`{"page":["p"],"clicks":1,"minutes":1}`:            CodeJSONType,
	`{"page":"a|b","clicks":"1","minutes":1}`:          CodeJSONType,
	`{"page":"p","clicks":1,"minutes":"1.5"}`:          CodeJSONType,
	`{"page":"p","clicks":1,"minutes":{}}`:             CodeJSONType,
	" {\"page\":1}":                                    CodeJSONType,
	ByteOrderMark + " \xff":                            CodeNotUTF8,
	"{" + strings.Repeat(" ", MaxTextBytes) + "|1|1|1": CodeJSONSyntax,
	`{"page":"p","clicks":1,"minutes":1,"like":true}`:  CodeJSONType,

	`{"Page":"p","clicks":1,"minutes":1}`:             CodePageEmpty,
	`{"page":" \t","clicks":1,"minutes":1}`:           CodePageEmpty,
	`{"page":"` + long + `é","clicks":1,"minutes":1}`: CodePageTooLong,
	`{"page":"a|b","clicks":1,"minutes":1}`:           CodePageCharacters,
	`{"page":"a\u007cb","clicks":1,"minutes":1}`:      CodePageCharacters,
	`{"page":"a\nb","clicks":1,"minutes":1}`:          CodePageCharacters,
	`{"page":"\u0085","clicks":1,"minutes":1}`:        CodePageCharacters,
	`{"page":"p","clicks":1.5,"minutes":1}`:           CodeClicksNotANumber,
	`{"page":"p","clicks":-1,"minutes":1}`:            CodeClicksOutOfRange,
	`{"page":"p","clicks":1,"minutes":1e400}`:         CodeMinutesOutOfRange,
	`{"page":"p","clicks":1,"minutes":1,"like":0.5}`:  CodeLikeNotANumber,
	`{"page":"p","clicks":1,"minutes":1,"like":2}`:    CodeLikeOutOfRange,
}

func TestRefusedBehaviours(t *testing.T) {
	seen := map[Code]bool{}
	for msg, want := range refused {
		name := excerpt([]byte(msg))
		_, refusal := ParseBehaviour([]byte(msg), heat.DefaultLimits())
		if assert.NotNil(t, refusal, name) {
			assert.Equal(t, want, refusal.Code, name)
			assert.NotEmpty(t, refusal.Detail, name)
			assert.Less(t, len(refusal.Detail), 500, "%s: the detail is short", name)
			assert.Contains(t, refusal.Error(), string(want))
			seen[refusal.Code] = true
		}
	}
	for _, code := range Codes() {
		assert.True(t, seen[code], "no example is refused as %s", code)
	}
	assert.Len(t, Codes(), len(seen))

	_, refusal := ParseBehaviour(nil, heat.DefaultLimits())
	require.NotNil(t, refusal)
	assert.Equal(t, CodeEmpty, refusal.Code, "a null value")
}

func TestTheExamplesAgreeWithTheOracle(t *testing.T) {
	for msg, want := range accepted {
		b, code := oracle(msg, heat.DefaultLimits())
		assert.Empty(t, code, excerpt([]byte(msg)))
		assert.Equal(t, want, string(AppendBehaviour(nil, b)))
	}
	for msg, want := range refused {
		if strings.Contains(msg, `\ud83d"`) {
			continue // encoding/json makes U+FFFD of half a surrogate pair
		}
		_, code := oracle(msg, heat.DefaultLimits())
		assert.Equal(t, want, code, excerpt([]byte(msg)))
	}
}

func TestLimitsAreThoseGiven(t *testing.T) {
	l := heat.Limits{MaxClicks: 3, MaxMinutes: 2}
	for msg, want := range map[string]Code{
		"p|3|2|0":                             "",
		"p |3|2|0":                            "",
		"p|4|2|0":                             CodeClicksOutOfRange,
		"p|3|2.000000001|0":                   CodeMinutesOutOfRange,
		"p|3|2.0000000001|0":                  "",
		`{"page":"p","clicks":4,"minutes":2}`: CodeClicksOutOfRange,
		`{"page":"p","clicks":3,"minutes":3}`: CodeMinutesOutOfRange,
	} {
		_, refusal := ParseBehaviour([]byte(msg), l)
		if want == "" {
			assert.Nil(t, refusal, msg)
		} else if assert.NotNil(t, refusal, msg) {
			assert.Equal(t, want, refusal.Code, msg)
		}
	}
}

// numbers draws texts that are numbers or nearly.
func numbers() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[0-9]{1,7}`),
		rapid.StringMatching(`[0-9]{1,4}\.[0-9]{1,9}`),
		rapid.StringMatching(`0\.0{0,9}[0-9]{0,3}50{0,3}1?`),
		rapid.StringMatching(`[+-]?[0-9]{0,4}\.?[0-9]{0,25}([eE][+-]?[0-9]{1,3})?`),
		rapid.StringMatching(`(-1|0|1)`),
		rapid.StringMatching(`[0-9+.eEx_-]{0,8}`),
	)
}

func TestAnyTextIsReadAsTheOracleReadsIt(t *testing.T) {
	page := rapid.OneOf(rapid.StringMatching(`[ -~]{0,20}`), rapid.String(), rapid.StringMatching(`[^|]{1,12}`))
	blank := rapid.SampledFrom([]string{"", "", "", " ", "\t"})
	rapid.Check(t, func(t *rapid.T) {
		fields := []string{page.Draw(t, "page"), numbers().Draw(t, "clicks"), numbers().Draw(t, "minutes"), numbers().Draw(t, "like")}
		for i := range fields {
			fields[i] = blank.Draw(t, "before") + fields[i] + blank.Draw(t, "after")
		}
		msg := rapid.SampledFrom([]string{"", "", "", ByteOrderMark, " ", "\n"}).Draw(t, "start") + strings.Join(fields, "|") + rapid.SampledFrom([]string{"", "", "\n", "\r\n"}).Draw(t, "end")
		checkAgainstOracle(t, msg)
	})
}

func TestAnyJSONIsReadAsTheOracleReadsIt(t *testing.T) {
	value := rapid.OneOf(numbers(), rapid.SampledFrom([]string{`"p"`, `" a\u0062 "`, `"a|b"`, `null`, `{}`, `1`, `1.5`, `-1`, `[1,{"page":2}]`}))
	name := rapid.SampledFrom([]string{"page", "clicks", "minutes", "like", "Page", "other"})
	rapid.Check(t, func(t *rapid.T) {
		var members []string
		for range rapid.IntRange(0, 6).Draw(t, "members") {
			members = append(members, fmt.Sprintf("%q:%s", name.Draw(t, "name"), value.Draw(t, "value")))
		}
		start := rapid.SampledFrom([]string{"", "", "", ByteOrderMark, " ", "\r\n", ByteOrderMark + "\n"}).Draw(t, "start")
		checkAgainstOracle(t, start+"{"+strings.Join(members, ",")+"}")
	})
}

// checkAgainstOracle compares the parser with the oracle, and its two ways with
// each other.
func checkAgainstOracle(t require.TestingT, msg string) {
	l := heat.DefaultLimits()
	b, refusal := ParseBehaviour([]byte(msg), l)
	want, code := oracle(msg, l)
	if refusal != nil {
		// encoding/json accepts what is no Unicode: half a surrogate pair.
		if refusal.Code == CodeJSONSyntax && strings.Contains(strings.ToLower(msg), `\ud`) {
			return
		}
		require.Equal(t, code, refusal.Code, "%q: %v", msg, refusal)
		return
	}
	require.Empty(t, code, "%q was accepted as %v", msg, b)
	require.Equal(t, want, b, "%q", msg)
	general, refusal := parseAny(trimLineEnd([]byte(msg)), l, nil)
	require.Nil(t, refusal, "%q", msg)
	require.Equal(t, b, general, "%q", msg)

	// Canonical text says the same, and says it only one way.
	canonical := AppendBehaviour(nil, b)
	again, refusal := ParseBehaviour(canonical, l)
	require.Nil(t, refusal, "%q became %q", msg, canonical)
	require.Equal(t, b, again)
	require.Equal(t, canonical, AppendBehaviour(nil, again))
}

func TestTheUsualTextTakesTheQuickWay(t *testing.T) {
	for _, msg := range []string{"page37|5|1.5119122|-1", "page1|1|4.0|0", "/a b/ç"[:4] + "|0|0|1", "page100|5|0.123456789|1"} {
		_, ok := parsePlainText([]byte(msg), heat.DefaultLimits())
		assert.True(t, ok, msg)
	}
}

// Whatever the place of a byte, in the eight that are looked at together or after.
func TestPrintableASCII(t *testing.T) {
	assert.True(t, isPrintableASCII(nil))
	assert.False(t, isASCIIPage(""))
	assert.True(t, isASCIIPage(strings.Repeat("x", MaxPageBytes)))
	assert.False(t, isASCIIPage(strings.Repeat("x", MaxPageBytes+1)))
	for length := 1; length <= 20; length++ {
		for at := range length {
			for c := range 256 {
				s := []byte(strings.Repeat("x", length))
				s[at] = byte(c)
				require.Equal(t, c >= ' ' && c <= '~', isPrintableASCII(s), "%q", s)
				require.Equal(t, c >= ' ' && c <= '~' && c != '|', isASCIIPage(s), "%q", s)
				require.Equal(t, isASCIIPage(s), isASCIIPage(string(s)), "%q", s)
			}
		}
	}
}

func TestValidTextCostsNoAllocation(t *testing.T) {
	l := heat.DefaultLimits()
	for _, msg := range []string{"page37|5|1.5119122|-1", " é|5.0|7.152557E-6|+1\r\n"} {
		raw := []byte(msg)
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			if _, refusal := ParseBehaviour(raw, l); refusal != nil {
				t.Error(refusal)
			}
		}), msg)
	}
}

func TestThePageAliasesTheMessageAndCannotGrowIntoIt(t *testing.T) {
	for _, text := range []string{"page37|5|1.5|-1", "page37 |5|1.5|-1", "pagé37|5|1.5|-1"} {
		msg := []byte(text)
		b, refusal := ParseBehaviour(msg, heat.DefaultLimits())
		require.Nil(t, refusal)
		_ = append(b.Page, 'X')
		assert.Equal(t, text, string(msg))
		msg[0] = 'P'
		assert.Equal(t, byte('P'), b.Page[0])
	}
}
