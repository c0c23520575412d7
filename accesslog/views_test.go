package accesslog

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/pagename"
)

// asked is a request for a page.
func asked(method, target string, status int) Request {
	return Request{Client: []byte("a"), Time: at(0), Method: []byte(method), Target: []byte(target), Status: status}
}

func TestViews(t *testing.T) {
	for _, c := range []struct {
		method, target string
		status         int
		page           string // empty if it is no view
	}{
		{"GET", "/a", 200, "/a"},
		{"GET", "/a", 206, "/a"},
		{"GET", "/a", 304, "/a"},
		{"GET", "/a", 404, ""},
		{"GET", "/a", 500, ""},
		{"GET", "/a", 0, ""},
		{"POST", "/a", 200, ""},
		{"HEAD", "/a", 200, ""},
		{"", "", 400, ""},
		{"GET", "/a?b=c&d", 200, "/a"},
		{"GET", "/a?b=/x.png", 200, "/a"},
		{"GET", "/", 200, "/"},
		{"GET", "/A/", 200, "/A/"},
		{"GET", "/logo.PNG?v=1", 200, ""},
		{"GET", "/fonts/a.woff2", 200, ""},
		{"GET", "/a.css", 304, ""},
		{"GET", "/a.js", 200, ""},
		{"GET", "/a.json", 200, "/a.json"},
		{"GET", "/a.png/b", 200, "/a.png/b"},
		{"GET", "/.png", 200, ""},
		{"GET", "/robots.txt", 200, "/robots.txt"},
		{"GET", "/caf%C3%A9", 200, "/caf%C3%A9"},
		{"GET", "/café", 200, "/café"},
		{"GET", "/a|b\tc\x7f", 200, "/a%7Cb%09c%7F"},
		{"GET", "/\xff\xc3\u0085", 200, "/%FF%C3%C2%85"},
		{"GET", " a b ", 200, "%20a b%20"},
		{"GET", "http://a.example/b", 200, "http://a.example/b"},
	} {
		v, ok, err := (&Views{}).Of(asked(c.method, c.target, c.status))
		require.NoError(t, err, "%+v", c)
		assert.Equal(t, c.page != "", ok, "%+v", c)
		assert.Equal(t, c.page, v.Page, "%+v", c)
	}
}

func TestNamesThatCannotBeCounted(t *testing.T) {
	for target, says := range map[string]string{
		"/" + strings.Repeat("a", 1024): "1025 bytes",
		"?a":                            "no name",
	} {
		_, ok, err := (&Views{}).Of(asked("GET", target, 200))
		assert.False(t, ok)
		assert.ErrorContains(t, err, says)
	}
}

func TestViewsSince(t *testing.T) {
	v := &Views{Since: at(0)}
	r := asked("GET", "/a", 200)
	_, ok, _ := v.Of(r)
	assert.True(t, ok)
	r.Time = at(-1)
	_, ok, _ = v.Of(r)
	assert.False(t, ok)
}

func TestBots(t *testing.T) {
	bots, err := NewBots()
	require.NoError(t, err)
	for agent, is := range map[string]bool{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":                                true,
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)":  true,
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)": true,
		"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)":                                 true,
		"curl/8.5.0":                        true,
		"Wget/1.21.4":                       true,
		"python-requests/2.31.0":            true,
		"Feedbin feed-id:1 - 1 subscribers": true,
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36":                         false,
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:133.0) Gecko/20100101 Firefox/133.0":                                                    false,
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1": false,
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0":            false,
		"":  false,
		"-": false,
	} {
		for range 2 { // the second one is remembered
			assert.Equal(t, is, bots.Has([]byte(agent)), agent)
		}
	}
	v := &Views{Bots: bots}
	r := asked("GET", "/a", 200)
	r.Agent = []byte("curl/8.5.0")
	_, ok, err := v.Of(r)
	require.NoError(t, err)
	assert.False(t, ok)
	_, _, _ = v.Of(asked("GET", "/a.png", 200))
	assert.EqualValues(t, 1, v.Dropped)
	_, err = readBots("# a comment\n(\n")
	assert.ErrorContains(t, err, "list of bots")
}

// FuzzViews: each view is a behaviour as the pipeline reads it.
func FuzzViews(f *testing.F) {
	f.Add([]byte("/a|b?c"), int64(1))
	f.Add([]byte(" \xff\u0085{"), int64(7))
	f.Fuzz(func(t *testing.T, target []byte, ns int64) {
		r := asked("GET", string(target), 200)
		v, ok, err := (&Views{}).Of(r)
		if err != nil || !ok {
			return
		}
		b := Behaviour{Page: v.Page, Time: v.Time, Minutes: minutesOf(time.Duration(max(0, ns))), Like: 1}
		got, refusal := codec.ParseBehaviour(b.Append(nil), heat.DefaultLimits())
		require.Nil(t, refusal)
		require.Equal(t, v.Page, string(got.Page))
		require.Equal(t, b.Minutes, got.Minutes)
		require.EqualValues(t, 1, got.Clicks)
	})
}

func TestViewsByTheRulesForNames(t *testing.T) {
	rules, err := pagename.Settings{Decode: true, StripTrailingSlash: true, KeepParameters: []string{"id"}, Rewrite: []string{"^/gone$ -> "}}.Rules()
	require.NoError(t, err)
	v := &Views{PageNames: rules}
	for target, page := range map[string]string{
		"/caf%C3%A9/?x=1&id=2": "/café?id=2",
		"/a?id=b|c":            "/a?id=b%7Cc",
		"/logo.png?id=1":       "",
	} {
		got, _, err := v.Of(asked("GET", target, 200))
		require.NoError(t, err)
		assert.Equal(t, page, got.Page, target)
	}
	_, _, err = v.Of(asked("GET", "/gone", 200))
	assert.ErrorContains(t, err, "no name")
}
