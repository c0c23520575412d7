package accesslog

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// caddyEntry has the members of Caddy's log that matter.
type caddyEntry struct {
	Time    jsontext.Value `json:"ts"`
	Request *struct {
		RemoteIP string `json:"remote_ip"`
		// ClientIP is the visitor's address behind trusted proxies.
		ClientIP string `json:"client_ip"`
		Method   string `json:"method"`
		URI      string `json:"uri"`
		Headers  struct {
			Agent []string `json:"User-Agent"`
		} `json:"headers"`
	} `json:"request"`
	Status int `json:"status"`
}

// parseCaddy reads a line of [Caddy]. A line without a request is another event of the server.
func parseCaddy(line []byte) (r Request, err error) {
	var e caddyEntry
	if err := decode(line, &e); err != nil {
		return r, err
	}
	if r.Time, err = anyTime(e.Time); err != nil {
		return r, fmt.Errorf("ts: %w", err)
	}
	if e.Request == nil {
		r.Client = []byte{'-'}
		return r, nil
	}
	r.Client = []byte(e.Request.ClientIP)
	if len(r.Client) == 0 {
		r.Client = []byte(e.Request.RemoteIP)
	}
	r.Method, r.Target, r.Status = []byte(e.Request.Method), []byte(e.Request.URI), e.Status
	if agents := e.Request.Headers.Agent; len(agents) > 0 {
		r.Agent = []byte(agents[0])
	}
	return r, nil
}

// nginxEntry has the variables of nginx that matter. nginx writes each as a text, unless the
// log format leaves the quotation marks out.
type nginxEntry struct {
	Seconds jsontext.Value `json:"msec"`
	ISO8601 jsontext.Value `json:"time_iso8601"`
	Local   jsontext.Value `json:"time_local"`
	Client  string         `json:"remote_addr"`
	Request string         `json:"request"`
	Method  string         `json:"request_method"`
	URI     string         `json:"request_uri"`
	Status  jsontext.Value `json:"status"`
	Agent   string         `json:"http_user_agent"`
}

// parseNginx reads a line of [NginxJSON].
func parseNginx(line []byte) (r Request, err error) {
	var e nginxEntry
	if err := decode(line, &e); err != nil {
		return r, err
	}
	at := e.Seconds
	if at == nil {
		at = e.ISO8601
	}
	if at == nil {
		at = e.Local
	}
	if at == nil {
		return r, errors.New("it has none of msec, time_iso8601 and time_local")
	}
	if r.Time, err = anyTime(at); err != nil {
		return r, err
	}
	r.Client, r.Agent = []byte(e.Client), []byte(e.Agent)
	switch {
	case e.URI != "":
		r.Method, r.Target = []byte(e.Method), []byte(e.URI)
	case e.Request != "":
		r.Method, r.Target = requestLine([]byte(e.Request))
	}
	if e.Status != nil {
		var ok bool
		if r.Status, ok = statusCode([]byte(plain(e.Status))); !ok {
			return r, fmt.Errorf("status is not a number of three digits: %s", excerpt(plain(e.Status)))
		}
	}
	return r, nil
}

// decode reads a line of JSON as servers write it: nginx repeats bytes of the request that are
// no UTF-8.
func decode(line []byte, into any) error {
	err := json.Unmarshal(line, into, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok && wrong.JSONPointer != "" {
		return fmt.Errorf("member %s has another type than in this format", excerpt(string(wrong.JSONPointer)))
	}
	return fmt.Errorf("it is not one JSON object: %s", excerpt(line))
}

// plain is a JSON text without its quotation marks and escapes, and any other value as it is.
func plain(v jsontext.Value) string {
	if v.Kind() != '"' {
		return string(v)
	}
	text, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return string(v)
	}
	return string(text)
}

// anyTime reads a time as servers write it in JSON: in seconds, milliseconds or nanoseconds since
// 1970, in ISO 8601, or like [Common].
func anyTime(v jsontext.Value) (time.Time, error) {
	text := plain(v)
	if at, ok := unixTime(text); ok {
		return at, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", commonTime} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("the time is neither in seconds since 1970 nor like 2006-01-02T15:04:05Z: %s", excerpt(text))
}

// The magnitudes of times since 1970, from 1973 to 5138: seconds, milliseconds and nanoseconds
// have no numbers in common.
const (
	mostSeconds      = 1e11
	mostMilliseconds = 1e14
	leastNanoseconds = 1e17
)

// unixTime reads a decimal exactly, to nanoseconds.
func unixTime(text string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseUint(whole, 10, 63)
	if err != nil {
		return time.Time{}, false
	}
	// The digits of a fraction, up to those of a nanosecond.
	digits := func(most int) (uint64, bool) {
		f := fraction
		if len(f) > most {
			f = f[:most]
		}
		if f == "" {
			return 0, true
		}
		v, err := strconv.ParseUint(f, 10, 63)
		return v * uint64(math.Pow10(most-len(f))), err == nil
	}
	switch {
	case n < mostSeconds:
		ns, ok := digits(9)
		return time.Unix(int64(n), int64(ns)), ok
	case n < mostMilliseconds:
		ns, ok := digits(6)
		return time.Unix(int64(n/1000), int64(n%1000*1e6+ns)), ok
	case n >= leastNanoseconds:
		return time.Unix(0, int64(n)), true
	}
	return time.Time{}, false
}
