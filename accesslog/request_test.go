package accesslog

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// want is a request as a text.
func want(client, at, method, target string, status int, agent string) string {
	return strings.Join([]string{client, at, method, target, strconv.Itoa(status), agent}, " ")
}

func shown(r Request) string {
	return want(string(r.Client), r.Time.UTC().Format(time.RFC3339Nano), string(r.Method), string(r.Target), r.Status, string(r.Agent))
}

// lines are those that can be read, by format.
func lines() map[Format]map[string]string {
	const at = "2026-01-02T02:04:05Z"
	const caddy = `{"level":"info","ts":1767319445.5241024,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"192.0.2.1","remote_port":"1","client_ip":"192.0.2.7","proto":"HTTP/2.0","method":"GET","host":"a.example","uri":"/a?b=c","headers":{"User-Agent":["curl/8"],"Accept":["*/*"]}},"bytes_read":0,"duration":0.1,"size":2,"status":200}`
	return map[Format]map[string]string{
		Common: {
			`192.0.2.1 - - [02/Jan/2026:03:04:05 +0100] "GET /a HTTP/1.1" 200 12`:            want("192.0.2.1", at, "GET", "/a", 200, ""),
			`2001:db8::1 - - [02/Jan/2026:02:04:05 +0000] "GET /a HTTP/2.0" 304 -`:           want("2001:db8::1", at, "GET", "/a", 304, ""),
			`host.example - Jo [x] Doe [02/Jan/2026:02:04:05 +0000] "POST / HTTP/1.1" 500 0`: want("host.example", at, "POST", "/", 500, ""),
			`192.0.2.1 - - [02/Jan/2026:02:04:05 +0000] "GET /old" 200 12`:                   want("192.0.2.1", at, "GET", "/old", 200, ""),
			`192.0.2.1 - - [02/Jan/2026:02:04:05 +0000] "GET /a b HTTP/1.1" 200 12`:          want("192.0.2.1", at, "GET", "/a b", 200, ""),
			`192.0.2.1 - - [02/Jan/2026:02:04:05 +0000] "-" 408 0`:                           want("192.0.2.1", at, "", "", 408, ""),
			`192.0.2.1 - - [02/Jan/2026:02:04:05 +0000] "" 400 0`:                            want("192.0.2.1", at, "", "", 400, ""),
			`192.0.2.1 - - [02/Jan/2026:02:04:05 +0000] "\x16\x03\x01 a" 400 0`:              want("192.0.2.1", at, "", "", 400, ""),
			`192.0.2.1 - - [02/Jan/2026:02:04:05 +0000] "GET /a HTTP/1.1" 000 0 "-" "x" y`:   want("192.0.2.1", at, "GET", "/a", 0, ""),
			`192.0.2.1 - - [02/Jan/2026:02:04:05 +0000] "GET /\"\\\x7C\xe6 HTTP/1.1" 200 12`: want("192.0.2.1", at, "GET", "/\"\\|\xe6", 200, ""),
			`192.0.2.1 - - [02/Jan/2026:02:04:05 +0000] "GET /\t\q\x1 HTTP/1.1" 200 12`:      want("192.0.2.1", at, "GET", "/\t\\q\\x1", 200, ""),
			// A user who sends a time, and a quotation mark, which servers escape.
			`192.0.2.1 - x [02/Jan/2020:02:04:05 +0000] \"GET /no HTTP/1.1\" 200 [02/Jan/2026:02:04:05 +0000] "GET /a HTTP/1.1" 200 12`: want("192.0.2.1", at, "GET", "/a", 200, ""),
		},
		Combined: {
			`192.0.2.1 - - [02/Jan/2026:02:04:05 +0000] "GET /a HTTP/1.1" 200 12 "-" "Mozilla/5.0 (\"x\")"`:            want("192.0.2.1", at, "GET", "/a", 200, `Mozilla/5.0 ("x")`),
			`192.0.2.1 - - [02/Jan/2026:02:04:05 +0000] "GET /a HTTP/1.1" 200 12 "http://a/\"b" "-" "192.0.2.9" 0.001`: want("192.0.2.1", at, "GET", "/a", 200, "-"),
			`192.0.2.1 - - [02/Jan/2026:02:04:05 +0000] "GET /a HTTP/1.1" 200 12 "-" ""`:                               want("192.0.2.1", at, "GET", "/a", 200, ""),
			// The line was cut off.
			`192.0.2.1 - - [02/Jan/2026:02:04:05 +0000] "GET /a HTTP/1.1" 200 12 "-" "Mozil`: want("192.0.2.1", at, "GET", "/a", 200, "Mozil"),
		},
		Caddy: {
			caddy: want("192.0.2.7", "2026-01-02T02:04:05.5241024Z", "GET", "/a?b=c", 200, "curl/8"),
			// Before Caddy 2.7 there was no client_ip.
			strings.Replace(caddy, `"client_ip":"192.0.2.7",`, "", 1):                         want("192.0.2.1", "2026-01-02T02:04:05.5241024Z", "GET", "/a?b=c", 200, "curl/8"),
			strings.Replace(caddy, `1767319445.5241024`, `1767319445524.1024`, 1):             want("192.0.2.7", "2026-01-02T02:04:05.5241024Z", "GET", "/a?b=c", 200, "curl/8"),
			strings.Replace(caddy, `1767319445.5241024`, `1767319445524102400`, 1):            want("192.0.2.7", "2026-01-02T02:04:05.5241024Z", "GET", "/a?b=c", 200, "curl/8"),
			strings.Replace(caddy, `1767319445.5241024`, `"2026-01-02T03:04:05.524+0100"`, 1): want("192.0.2.7", "2026-01-02T02:04:05.524Z", "GET", "/a?b=c", 200, "curl/8"),
			strings.Replace(caddy, `1767319445.5241024`, `"02/Jan/2026:03:04:05 +0100"`, 1):   want("192.0.2.7", at, "GET", "/a?b=c", 200, "curl/8"),
			strings.Replace(caddy, `"User-Agent":["curl/8"],`, ``, 1):                         want("192.0.2.7", "2026-01-02T02:04:05.5241024Z", "GET", "/a?b=c", 200, ""),
			`{"level":"info","ts":1767319445,"logger":"tls","msg":"cleaning storage"}`:        want("-", at, "", "", 0, ""),
		},
		NginxJSON: {
			`{"msec":"1767319445.524","remote_addr":"192.0.2.1","request_method":"GET","request_uri":"/a?b","status":"200","http_user_agent":"x"}`: want("192.0.2.1", "2026-01-02T02:04:05.524Z", "GET", "/a?b", 200, "x"),
			`{"msec":1767319445.524,"remote_addr":"192.0.2.1","request":"GET /a HTTP/1.1","status":200}`:                                           want("192.0.2.1", "2026-01-02T02:04:05.524Z", "GET", "/a", 200, ""),
			`{"msec":1767319445,"remote_addr":"192.0.2.1","request_uri":"/a","status":"400"}`:                                                      want("192.0.2.1", at, "", "", 400, ""),
			`{"msec":1767319445,"remote_addr":"192.0.2.1","request_method":"GET","request_uri":"","status":"400"}`:                                 want("192.0.2.1", at, "", "", 400, ""),
			`{"time_iso8601":"2026-01-02T03:04:05+01:00","remote_addr":"192.0.2.1","request":"","status":"400","bytes":7}`:                         want("192.0.2.1", at, "", "", 400, ""),
			`{"time_local":"02/Jan/2026:03:04:05 +0100","remote_addr":"192.0.2.1","request":"GET /\u00e6\"\t HTTP/1.1","status":"200"}`:            want("192.0.2.1", at, "GET", "/æ\"\t", 200, ""),
			"{\"msec\":\"1767319445\",\"remote_addr\":\"192.0.2.1\",\"request\":\"GET /\xe6 HTTP/1.1\",\"status\":\"200\"}":                        want("192.0.2.1", at, "GET", "/\ufffd", 200, ""),
		},
	}
}

func TestParse(t *testing.T) {
	for format, all := range lines() {
		for line, expected := range all {
			r, err := format.Parse([]byte(line))
			require.NoError(t, err, "%s", line)
			assert.Equal(t, expected, shown(r), "%s", line)
		}
	}
	// A combined line is a common one with more fields.
	for line := range lines()[Combined] {
		_, err := Common.Parse([]byte(line))
		assert.NoError(t, err, line)
	}
}

func TestParseRefuses(t *testing.T) {
	const good = `192.0.2.1 - - [02/Jan/2026:02:04:05 +0000] "GET /a HTTP/1.1" 200 12`
	for what, c := range map[string]struct {
		format Format
		line   string
		says   string
	}{
		"another text":       {Common, "Jan  2 03:04:05 host kernel: x", "no time in brackets"},
		"no client":          {Common, " - - [02/Jan/2026:02:04:05 +0000] \"GET / HTTP/1.1\" 200 1", "client"},
		"a long client":      {Common, strings.Repeat("a", 256) + good[len("192.0.2.1"):], "255 bytes"},
		"a virtual host":     {Common, "a.example:443 " + good, "host and a port"},
		"a day that is none": {Common, strings.Replace(good, "02/Jan", "31/Feb", 1), "the time is not like"},
		"a time before 1970": {Common, strings.Replace(good, "2026", "1926", 1), "before 1970"},
		"no request":         {Common, strings.Replace(good, `"GET /a HTTP/1.1"`, `"GET /a`, 1), "quotation marks"},
		"no status":          {Common, strings.Replace(good, " 200", " -", 1), "the status"},
		"a long status":      {Common, strings.Replace(good, " 200", " 2000", 1), "the status"},
		"no size":            {Common, strings.Replace(good, " 12", "", 1), "the size"},
		"a size of letters":  {Common, strings.Replace(good, " 12", " a", 1), "the size"},
		"common":             {Combined, good, "format common"},
		"common and more":    {Combined, good + " 0.12", "format common"},
		"no JSON":            {Caddy, good, "not one JSON object"},
		"an array":           {Caddy, "[1]", "not one JSON object"},
		"another member":     {Caddy, `{"ts":1,"status":"200"}`, `"/status"`},
		"no ts":              {Caddy, `{"status":200}`, "ts"},
		"no client in JSON":  {Caddy, `{"ts":1,"status":200,"request":{"method":"GET"}}`, "client"},
		"two objects":        {NginxJSON, `{} {}`, "not one JSON object"},
		"no time":            {NginxJSON, `{}`, "none of msec"},
		"a time of words":    {NginxJSON, `{"msec":"now"}`, "the time is neither"},
		"a status of words":  {NginxJSON, `{"msec":1,"status":"ok"}`, "status"},
		"no format":          {"w3c", good, "no format"},
	} {
		_, err := c.format.Parse([]byte(c.line))
		if assert.Error(t, err, what) {
			assert.Contains(t, err.Error(), c.says, what)
			assert.Less(t, len(err.Error()), 250, what)
		}
	}
}

// reference is another reader of common and combined lines, by a pattern.
var reference = regexp.MustCompile(`(?s)^([^ ]+) .*?\[(\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "((?:[^"\\]|\\.)*)" ?(\d{3}) (?:\d+|-)(?: (.*))?$`)

// FuzzParse: no line makes a panic, and what a simpler reader takes is taken in the same way.
func FuzzParse(f *testing.F) {
	for _, all := range lines() {
		for line := range all {
			f.Add([]byte(line))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, format := range []Format{Common, Combined, Caddy, NginxJSON} {
			before := bytes.Clone(line)
			r, err := format.Parse(line)
			require.Equal(t, before, line, "the line stays as it is")
			if err != nil {
				require.Less(t, len(err.Error()), 500)
				require.Empty(t, r)
				continue
			}
			require.NotEmpty(t, r.Client)
			require.LessOrEqual(t, len(r.Client), maxClient)
			require.Equal(t, len(r.Method) == 0, len(r.Target) == 0)
			if format != Common {
				continue
			}
			m := reference.FindSubmatch(line)
			require.NotNil(t, m, "%q", line)
			require.Equal(t, string(m[1]), string(r.Client))
			at, err := time.Parse(commonTime, string(m[2]))
			require.NoError(t, err)
			require.True(t, at.Equal(r.Time))
			require.Equal(t, string(m[4]), strconv.Itoa(1000 + r.Status)[1:])
		}
	})
}

// FuzzUnescape: what Apache httpd and nginx make of a target is undone.
func FuzzUnescape(f *testing.F) {
	f.Add([]byte("/a\"b\\c\td\x00é\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var apache, nginx []byte
		for _, c := range text {
			switch {
			case c == '"' || c == '\\':
				apache = append(apache, '\\', c)
			case c == '\t':
				apache = append(apache, `\t`...)
			case c < ' ' || c > '~':
				apache = append(apache, `\x`+string("0123456789abcdef"[c>>4])+string("0123456789abcdef"[c&15])...)
			default:
				apache = append(apache, c)
			}
			if c == '"' || c == '\\' || c < ' ' || c > '~' {
				nginx = append(nginx, `\x`+string("0123456789ABCDEF"[c>>4])+string("0123456789ABCDEF"[c&15])...)
			} else {
				nginx = append(nginx, c)
			}
		}
		for _, escaped := range [][]byte{apache, nginx} {
			got, rest, ok := quoted(bytes.Join([][]byte{{'"'}, escaped, []byte(`" 200`)}, nil))
			require.True(t, ok)
			require.Equal(t, "200", string(rest))
			require.Equal(t, string(text), string(got))
		}
	})
}
