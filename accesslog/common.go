package accesslog

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// commonTime is the time of Common and Combined: that of strftime's %d/%b/%Y:%H:%M:%S %z.
const commonTime = "02/Jan/2006:15:04:05 -0700"

// parseCommon reads a line of [Common] or [Combined]:
//
//	client ident user [time] "request" status bytes "referrer" "agent"
//
// The user may contain spaces and brackets, so the time is found by its form; no quotation mark
// of a user is unescaped, so a user cannot forge what follows it.
func parseCommon(line []byte, combined bool) (r Request, err error) {
	client, rest, _ := bytes.Cut(line, []byte{' '})
	if hasPort(client) {
		return r, fmt.Errorf("it begins with a host and a port instead of the client's address: %s", excerpt(client))
	}
	r.Client = client
	if r.Time, rest, err = bracketed(rest); err != nil {
		return r, err
	}
	request, rest, ok := quoted(rest)
	if !ok {
		return r, fmt.Errorf("the request is not in quotation marks: %s", excerpt(rest))
	}
	r.Method, r.Target = requestLine(request)
	status, rest, _ := bytes.Cut(rest, []byte{' '})
	if r.Status, ok = statusCode(status); !ok {
		return r, fmt.Errorf("the status is not a number of three digits: %s", excerpt(status))
	}
	size, rest, _ := bytes.Cut(rest, []byte{' '})
	if !isSize(size) {
		return r, fmt.Errorf("the size is not a number: %s", excerpt(size))
	}
	if !combined {
		return r, nil
	}
	_, rest, ok = quoted(rest)
	if !ok || len(rest) == 0 || rest[0] != '"' {
		return r, errors.New("the referrer and the user agent are missing, is it the format common?")
	}
	if r.Agent, _, ok = quoted(rest); !ok {
		r.Agent = rest[1:] // on its way the line was cut off
	}
	return r, nil
}

// hasPort reports whether a client is an address or a host with a port, as some logs begin with
// the server's.
func hasPort(client []byte) bool {
	if !bytes.Contains(client, []byte{':'}) {
		return false
	}
	_, err := netip.ParseAddr(string(client))
	return err != nil
}

// bracketed returns the time in brackets, and what follows it and a space.
func bracketed(rest []byte) (at time.Time, after []byte, err error) {
	for from := 0; ; {
		i := bytes.IndexByte(rest[from:], '[')
		if i < 0 {
			return at, nil, errors.New("it has no time in brackets, as in [02/Jan/2006:15:04:05 -0700]")
		}
		from += i + 1
		end := from + len(commonTime)
		if !bytes.HasPrefix(rest[min(end, len(rest)):], []byte(`] "`)) {
			continue
		}
		at, err = time.Parse(commonTime, string(rest[from:end]))
		if err != nil {
			return at, nil, fmt.Errorf("the time is not like 02/Jan/2006:15:04:05 -0700: %s", excerpt(rest[from:end]))
		}
		return at, rest[end+2:], nil
	}
}

// quoted returns the text in quotation marks that rest begins with, without its escapes, and
// what follows it and a space.
func quoted(rest []byte) (text, after []byte, ok bool) {
	if len(rest) == 0 || rest[0] != '"' {
		return nil, rest, false
	}
	escaped := false
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			text = rest[1:i]
			if escaped {
				text = unescape(text)
			}
			return text, bytes.TrimPrefix(rest[i+1:], []byte{' '}), true
		}
	}
	return nil, rest, false
}

// unescape undoes the escapes of Apache httpd (\" \\ \n \r \t \b \f \v \xhh) and nginx (\xHH).
func unescape(text []byte) []byte {
	const letters, meant = `"\nrtbfv`, "\"\\\n\r\t\b\f\v"
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '\\' || i+1 == len(text) {
			out = append(out, c)
			continue
		}
		next := text[i+1]
		if at := strings.IndexByte(letters, next); at >= 0 {
			out = append(out, meant[at])
			i++
			continue
		}
		if next == 'x' && i+3 < len(text) {
			high, ok1 := hexDigit(text[i+2])
			low, ok2 := hexDigit(text[i+3])
			if ok1 && ok2 {
				out = append(out, high<<4|low)
				i += 3
				continue
			}
		}
		out = append(out, c)
	}
	return out
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// requestLine splits METHOD TARGET PROTOCOL. A target may contain spaces, and HTTP/0.9 has no
// protocol. A client that has sent something else has neither method nor target.
func requestLine(line []byte) (method, target []byte) {
	method, target, _ = bytes.Cut(line, []byte{' '})
	if last := bytes.LastIndexByte(target, ' '); last >= 0 && bytes.HasPrefix(target[last+1:], []byte("HTTP/")) {
		target = target[:last]
	}
	if len(method) == 0 || len(target) == 0 {
		return nil, nil
	}
	for _, c := range method {
		if c < 'A' || c > 'Z' {
			return nil, nil
		}
	}
	return method, target
}

// statusCode reads three digits; 000 is a request without an answer.
func statusCode(text []byte) (status int, ok bool) {
	if len(text) != 3 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		status = status*10 + int(c-'0')
	}
	return status, true
}

func isSize(text []byte) bool {
	if string(text) == "-" {
		return true
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) > 0
}
