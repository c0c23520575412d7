package codec

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/heat"
)

// The browser tests of package site say the same of the script.
func TestReadablePath(t *testing.T) {
	for path, want := range map[string]string{
		"":                         "",
		"/t/42":                    "/t/42",
		"page37":                   "page37",
		"/%e6%97%a5":               "/日",
		"/%E6%97%A5%E6%9C%AC":      "/日本",
		"/日 x":                     "/日 x",
		"/caf%e9/%e6%97%a5/%ff%C3": "/caf%E9/日/%FF%C3",
		"/%C3%BC%bc":               "/%C3%BC%BC",
		"/%C3%28":                  "/%C3(",
		"/a%7cb|c%0a%00%7f%c2%85":  "/a%7Cb%7Cc%0A%00%7F%C2%85",
		"/a%2fb%3fc%23d%5ce%20":    "/a%2Fb%3Fc%23d%5Ce%20",
		"/a%20b":                   "/a b",
		"/100%25/%2541/%25%34%31":  "/100%/%2541/%2541",
		"/100%":                    "/100%",
		"/%zz%4":                   "/%zz%4",
		"/%E2%80%AEx":              "/\u202ex",
	} {
		assert.Equal(t, want, ReadablePath(path), path)
	}
}

// Whatever an address is, its page can be counted.
func TestReadablePathIsAName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path := rapid.StringMatching(`/([a%|é /?]|%[0-9a-fA-F]{2}|%25|%[cCeE][0-9a-f](%[89ab][0-9a-f]){1,2})*`).Draw(t, "path")
		b, refusal := ParseBehaviour([]byte(ReadablePath(path)+"|1|0|0"), heat.DefaultLimits())
		require.Nil(t, refusal)
		assert.Equal(t, ReadablePath(path), string(b.Page))
	})
}
