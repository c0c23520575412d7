package codec

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/heat"
)

func TestTitles(t *testing.T) {
	for given, want := range map[string]string{
		"":                                    "",
		" \t\n\u00A0\u3000":                   "",
		"  How to\n\tbegin \r ":               "How to begin",
		"日本語 — \"é\" <b>&amp;":                "日本語 — \"é\" <b>&amp;",
		"a\u202Egnp.exe":                      "agnp.exe",
		"\x1b[31mred\x1b]0;x\a":               "[31mred]0;x",
		"a\u0085b\u009Bc":                     "a bc",
		"a\u2028b\u2066c\u200Fd\uFEFFe\u00AD": "a bcde",
		"👩\u200D💻 می\u200Cخواهم":              "👩\u200D💻 می\u200Cخواهم",
		"\u200D\u0301a":                       "a",
		"\u3164\u2800\uFFFD\uE000":            "",
		"e" + strings.Repeat("\u0301", 50):    "e" + strings.Repeat("\u0301", 4),
		strings.Repeat("x", 200) + "y":        strings.Repeat("x", 200),
		strings.Repeat("日", 300):              strings.Repeat("日", 200),
		strings.Repeat("x", 199) + " y":       strings.Repeat("x", 199),
		strings.Repeat("x", 198) + " yz":      strings.Repeat("x", 198) + " y",
		strings.Repeat(" ", 1<<20) + "late":   "",
	} {
		assert.Equal(t, Label{Title: want}, NewLabel(given, ""), "%.60q", given)
	}
	rapid.Check(t, func(t *rapid.T) {
		title := NewLabel(rapid.String().Draw(t, "text"), "").Title
		require.Equal(t, title, NewLabel(title, "").Title, "what was cleaned stays")
		require.True(t, title == "" || isTitle(title))
		require.LessOrEqual(t, utf8.RuneCountInString(title), MaxTitle)
	})
}

func TestURLs(t *testing.T) {
	for _, good := range []string{"/", "/a?b=c#d", "/日本語/é", "http://a", "https://forum.example:8443/t/1?x=%20", "HTTPS://forum.example/", "https://[::1]/",
		"/" + strings.Repeat("x", MaxURLBytes-1)} {
		assert.Equal(t, Label{URL: good}, NewLabel("", " "+good+"\n"), "%.60q", good)
	}
	for _, bad := range []string{"", "a", "//evil.example/", `/\evil.example/`, "javascript:alert(1)", "data:text/html,x", "ftp://a/", "https:a", "https://", "https:///x",
		"https://forum.example@evil.example/", "https://user:secret@a/", "/a b", "/a\nb", "/a\u202Eb", "/a\u200Bb", `/"onclick="x`, "/<b>", "/`", "/\xFF", "http://%zz/",
		"/" + strings.Repeat("x", MaxURLBytes)} {
		assert.Equal(t, Label{}, NewLabel("", bad), "%.60q", bad)
	}
	rapid.Check(t, func(t *rapid.T) {
		address := NewLabel("", "/"+rapid.String().Draw(t, "path")).URL
		require.Equal(t, address, NewLabel("", address).URL)
		require.True(t, address == "" || isURL(address))
	})
}

// TestWebAddresses: a link may lead to a whole address alone, and to nothing that a label would not have.
func TestWebAddresses(t *testing.T) {
	for _, good := range []string{"https://a.example/x", "HTTP://a.example", "https://a.example/日?q=%0A#f"} {
		assert.Equal(t, good, WebAddress(good))
	}
	for _, bad := range []string{"", "/t/42", "//a.example", "a.example", "javascript:alert(1)", "data:text/html,x", "ftp://a.example/",
		" https://a.example/", "https://a.example/\n", "https://a.example/\u202e", "https://a.example/\u200b", "https://me@a.example/",
		"https:///x", "https://a.example/\"", "https://a.example/" + strings.Repeat("x", MaxURLBytes)} {
		assert.Empty(t, WebAddress(bad), "%.60q", bad)
	}
	rapid.Check(t, func(t *rapid.T) {
		given := "https://a.example/" + rapid.String().Draw(t, "path")
		if address := WebAddress(given); address != "" {
			require.Equal(t, NewLabel("", given).URL, address)
		}
	})
}

func TestLabelledBehaviours(t *testing.T) {
	both := Label{Title: "A thread", URL: "/t/1"}
	for message, want := range map[string]Label{
		`{"page":"a","clicks":1,"title":"A thread","url":"/t/1"}`:                   both,
		`{"page":"a","clicks":1,"title":"no","title":"A \u0074hread","url":"/t/1"}`: both,
		`{"page":"a","clicks":1,"title":null,"url":"/t/1"}`:                         {URL: "/t/1"},
		`{"page":"a","clicks":1,"title":["A thread"],"url":7}`:                      {},
		`{"page":"a","clicks":1,"title":"A thread","url":"javascript:alert(1)"}`:    {Title: "A thread"},
		`{"page":"a","clicks":1}`:                                                   {},
		`a|1|0|0`:                                                                   {},
		`{"title":"x|1|0|0`:                                                         {},
	} {
		var label Label
		labelled, refusal := ParseLabelled([]byte(message), heat.DefaultLimits(), &label)
		require.Nil(t, refusal, message)
		assert.Equal(t, want, label, message)
		plain, refusal := ParseBehaviour([]byte(message), heat.DefaultLimits())
		require.Nil(t, refusal, message)
		assert.Equal(t, plain, labelled)
	}
	label := both
	_, refusal := ParseLabelled([]byte(`{"page":"a","clicks":-1,"title":"other"}`), heat.DefaultLimits(), &label)
	require.NotNil(t, refusal)
	assert.Equal(t, both, label, "nothing is taken from what is refused")

	rapid.Check(t, func(t *rapid.T) {
		b := heat.Behaviour{Page: []byte(rapid.StringMatching(`[^|\s\pC]{1,9}`).Draw(t, "page"))}
		b.Clicks, b.Minutes, b.Like = rapid.Uint32Range(0, 9).Draw(t, "clicks"), heat.Minutes(rapid.Int64Range(0, 1e12).Draw(t, "minutes")), rapid.Int8Range(-1, 1).Draw(t, "like")
		want := drawLabel(t, 0, 0).Label
		var got Label
		again, refusal := ParseLabelled(AppendLabelled(nil, b, &want), heat.DefaultLimits(), &got)
		require.Nil(t, refusal)
		require.Equal(t, b, again)
		require.Equal(t, want, got)
	})
}

// What is stored is refused if it could not have been cleaned, whoever wrote it.
func TestStoredLabelsAreChecked(t *testing.T) {
	for _, l := range []Label{{}, {Title: "\x1b[31m"}, {Title: "a\u202Eb"}, {Title: strings.Repeat("x", MaxTitle+1)}, {Title: "\xFF"},
		{URL: "javascript:alert(1)"}, {URL: "//evil.example"}, {URL: "/" + strings.Repeat("x", MaxURLBytes)}} {
		_, err := DecodePage(AppendPageLabelled(nil, &heat.Totals{}, &StampedLabel{Label: l}, 0))
		require.ErrorIs(t, err, ErrMalformed, "%q", l)
		_, err = DecodeLeaders(AppendLeaders(nil, &Leaders{Progress: Progress{Partitions: 1}, Labels: map[string]Label{"a": l}}))
		require.ErrorIs(t, err, ErrMalformed, "%q", l)
	}
}
