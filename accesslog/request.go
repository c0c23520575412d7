package accesslog

import (
	"errors"
	"fmt"
	"time"
)

// Format is the format of a log.
type Format string

// The formats of logs.
const (
	// Common is the Common Log Format of Apache httpd; more fields may follow.
	Common Format = "common"
	// Combined is Common with the referrer and the user agent: the default of nginx, and what
	// Apache httpd calls combined. More fields may follow.
	Combined Format = "combined"
	// Caddy is the JSON of Caddy's access logs.
	Caddy Format = "caddy"
	// NginxJSON is JSON whose members have the names of nginx's variables.
	NginxJSON Format = "nginx-json"
)

// Request is one line of a log. Its bytes are only valid as long as the line.
type Request struct {
	// Client is the address or the host name of the client.
	Client []byte
	// Time is that of the log.
	Time time.Time
	// Method and Target are those of the request, without the log's escapes. Both are empty
	// if the client has sent no valid request line.
	Method, Target []byte
	// Status is that of the answer, 0 if the log has none.
	Status int
	// Agent is the client's User-Agent, empty if it is not known.
	Agent []byte
}

// maxClient is the longest address or host name of a client, in bytes. Host names have at most
// 253.
const maxClient = 255

// errClient is the error of a line without a client.
var errClient = errors.New("the client's address is missing or longer than 255 bytes")

// errTime is the error of a time that no record can have.
var errTime = errors.New("the time is before 1970")

// Parse reads a line. A line that is no access log line of the format is an error, which quotes
// at most a few bytes of it. A line that a server has written for another event has no method.
func (f Format) Parse(line []byte) (Request, error) {
	var r Request
	var err error
	switch f {
	case Common, Combined:
		r, err = parseCommon(line, f == Combined)
	case Caddy:
		r, err = parseCaddy(line)
	case NginxJSON:
		r, err = parseNginx(line)
	default:
		return Request{}, fmt.Errorf("there is no format %q", string(f))
	}
	if err != nil {
		return Request{}, err
	}
	if n := len(r.Client); n == 0 || n > maxClient {
		return Request{}, errClient
	}
	if r.Time.Before(time.Unix(0, 0)) {
		return Request{}, errTime
	}
	if len(r.Method) == 0 || len(r.Target) == 0 {
		r.Method, r.Target = nil, nil
	}
	return r, nil
}

// excerpt quotes the beginning of a field.
func excerpt[T string | []byte](field T) string {
	const most = 40
	if len(field) > most {
		return fmt.Sprintf("%q...", string(field[:most]))
	}
	return fmt.Sprintf("%q", string(field))
}
