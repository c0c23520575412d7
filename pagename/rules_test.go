package pagename

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func rules(t require.TestingT, s Settings) *Rules {
	r, err := s.Rules()
	require.NoError(t, err)
	return r
}

func TestRules(t *testing.T) {
	for name, c := range map[string]struct {
		settings Settings
		want     map[string]string
	}{
		"none": {Settings{}, map[string]string{
			"/A/?b=c": "/A/?b=c", "/index.html": "/index.html", "": "", "/%c3%a9": "/%c3%a9", "x": "x",
		}},
		"decode": {Settings{Decode: true}, map[string]string{
			"/caf%C3%A9": "/café", "/a%2fb": "/a%2Fb", "/a%7cb": "/a%7Cb", "/%2525": "/%2525", "caf%C3%A9": "caf%C3%A9", "/a?%41": "/a?%41",
		}},
		"lower case": {Settings{LowerCase: true}, map[string]string{
			"/T/ÄB": "/t/äb", "/A%2FB%": "/a%2Fb%", "/%C3%A9/A%4": "/%C3%A9/a%4", "/%ZA": "/%za", "/A?B": "/a?B", "Page 37": "Page 37",
		}},
		"index": {Settings{Index: []string{"index.html", "index.php"}}, map[string]string{
			"/index.html": "/", "/a/index.php": "/a/", "/a/myindex.html": "/a/myindex.html", "/index.html/": "/index.html/",
			"/a/index.html?b": "/a/?b", "/a/Index.html": "/a/Index.html", "index.html": "index.html",
		}},
		"trailing slash": {Settings{StripTrailingSlash: true}, map[string]string{
			"/": "/", "//": "/", "/a/": "/a", "/a//": "/a", "//a": "//a", "/a": "/a", "/a/?b=/": "/a?b=/", "a/": "a/", "/a /": "/a%20",
		}},
		"index, in any case, without a slash": {Settings{Index: []string{"Index.html"}, LowerCase: true, StripTrailingSlash: true}, map[string]string{
			"/INDEX.HTML": "/", "/A/index.html/": "/a", "/a/index.html/index.html": "/a",
		}},
		"keep": {Settings{KeepParameters: []string{"id", "p*"}}, map[string]string{
			"/a?x=1&id=2": "/a?id=2", "/a?p2=b&id=7&p1": "/a?id=7&p1&p2=b", "/a?x": "/a", "/a?": "/a", "/a": "/a",
			"/a?%69d=1&ID=2": "/a?%69d=1", "/a?id=2&id=1": "/a?id=2&id=1", "/a?id=?": "/a?id=?", "What?x": "What?x", "/a?%zz&id": "/a?id",
		}},
		"drop": {Settings{DropParameters: []string{"utm_*", "ref"}}, map[string]string{
			"/a?utm_source=x&b=1&a=2&ref=y": "/a?a=2&b=1", "/a?ref": "/a", "/a?utm=1": "/a?utm=1", "/a?a&&b&": "/a?a&b",
		}},
		"drop all": {Settings{DropParameters: []string{"*"}}, map[string]string{"/a?b&c=d": "/a", "/a?=": "/a"}},
		"rewrite": {Settings{Rewrite: []string{`^/t/([0-9]{1,9})-.* -> /t/$1`, "^/old/ -> /new/", "x->y -> z", "secret ->  "}}, map[string]string{
			"/t/42-hello": "/t/42", "/old/t/1-a": "/new/t/1-a", "/a/old/": "/a/old/", "x->y": "z", "/secret": "/",
		}},
		"rewrite comes last": {Settings{LowerCase: true, StripTrailingSlash: true, Rewrite: []string{`^/b$ -> /C/`}}, map[string]string{"/B/": "/C/"}},
	} {
		r := rules(t, c.settings)
		for before, after := range c.want {
			assert.Equal(t, after, r.Apply(before), "%s: %s", name, before)
		}
	}
	assert.Equal(t, "/A/?b", (*Rules)(nil).Apply("/A/?b"))
	assert.False(t, (*Rules)(nil).Query())
}

func TestAddresses(t *testing.T) {
	plain, keep := rules(t, Settings{}), rules(t, Settings{KeepParameters: []string{"id"}, StripTrailingSlash: true})
	for address, want := range map[string][2]string{
		"https://a.example/caf%C3%A9/?id=1&b#c": {"/café/", "/café?id=1"},
		"http://a.example":                      {"/", "/"},
		"HTTPS://a.example/x":                   {"/x", "/x"},
		"/x/?id=1&b":                            {"/x/?id=1&b", "/x?id=1"},
		"https:":                                {"https:", "https:"},
		"https://a.example/%zz":                 {"https://a.example/%zz", "https://a.example/%zz"},
		"ftp://a.example/x":                     {"ftp://a.example/x", "ftp://a.example/x"},
	} {
		assert.Equal(t, want[0], plain.OfAddress(address))
		assert.Equal(t, want[1], keep.OfAddress(address))
	}
}

func TestSettingsThatAreNone(t *testing.T) {
	for says, s := range map[string]Settings{
		"--page-index: \"\"":                         {Index: []string{""}},
		"--page-index: \"a/b\"":                      {Index: []string{"a/b"}},
		"--page-drop-parameters":                     {KeepParameters: []string{"a"}, DropParameters: []string{"b"}},
		"--page-keep-parameters: a parameter has no": {KeepParameters: []string{""}},
		"--page-drop-parameters: a parameter has no": {DropParameters: []string{"a", ""}},
		"--page-rewrite: \"/a /b\": must be":         {Rewrite: []string{"/a /b"}},
		"--page-rewrite: \"( -> b\": error parsing":  {Rewrite: []string{"( -> b"}},
	} {
		_, err := s.Rules()
		assert.ErrorContains(t, err, says)
	}
}

// drawn are any rules but rewrites, which may do whatever they are told.
func drawn(t *rapid.T) Settings {
	s := Settings{
		Decode:             rapid.Bool().Draw(t, "decode"),
		LowerCase:          rapid.Bool().Draw(t, "lower case"),
		StripTrailingSlash: rapid.Bool().Draw(t, "slash"),
		Index:              rapid.SampledFrom([][]string{nil, {"index.html"}, {"A", "é", "%41"}}).Draw(t, "index"),
	}
	switch rapid.IntRange(0, 2).Draw(t, "query") {
	case 1:
		s.KeepParameters = []string{"a", "b*"}
	case 2:
		s.DropParameters = []string{"a", "b*"}
	}
	return s
}

// TestRulesAreIdempotent: what has been changed stays as it is, so it does not matter who applies them first.
func TestRulesAreIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rules(t, drawn(t))
		parts := rapid.SliceOf(rapid.SampledFrom([]string{"/", "A", "a", "index.html", "%", "25", "41", "%41", "%2f", "%C3%A9", "É", "?", "&", "=", "b", " ", "İ", "|"}))
		name := ""
		for _, p := range parts.Draw(t, "name") {
			name += p
		}
		if rapid.Bool().Draw(t, "path") {
			name = "/" + name
		}
		once := r.Apply(name)
		require.Equal(t, once, r.Apply(once), "%q", name)
	})
}

// FuzzRules: the same of any text, and a path stays one.
func FuzzRules(f *testing.F) {
	f.Add("/A/index.html?b=1&a", true, true, true, uint8(1))
	f.Add("/%2541%c3É/", true, true, false, uint8(2))
	f.Fuzz(func(t *testing.T, name string, decode, lowerCase, strip bool, query uint8) {
		if !utf8.ValidString(name) {
			return
		}
		s := Settings{Decode: decode, LowerCase: lowerCase, StripTrailingSlash: strip, Index: []string{"index.html"}}
		switch query % 3 {
		case 1:
			s.KeepParameters = []string{"a"}
		case 2:
			s.DropParameters = []string{"a*"}
		}
		r := rules(t, s)
		once := r.Apply(name)
		require.Equal(t, once, r.Apply(once))
		if name != "" && name[0] == '/' {
			require.NotEmpty(t, once)
			require.Equal(t, byte('/'), once[0])
		} else {
			require.Equal(t, name, once)
		}
		require.True(t, utf8.ValidString(once))
		_ = r.OfAddress(name)
	})
}
