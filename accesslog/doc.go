// Package accesslog turns the access logs of web servers into behaviours. It is pure: lines go
// in, behaviours come out, and package logfile reads the files.
//
//	lines ──► Entries ──► Merge ──► Views ──► Visits ──► behaviours
//	          parse       by time   rules     dwell time
//
// # Rules
//
// A page view is a GET request with a status of 2xx or 3xx for anything but an image, a style
// sheet, a script or a font, which the extension tells. The name of the page is the request's
// path without the query; `|`, control characters and bytes that are not UTF-8 are
// percent-encoded. [Views] has these rules, and those of package pagename, which are off by default.
//
// Each view is a behaviour with one click. Its minutes are the time until the next view of the
// same client, at most [MaxMinutes], and [LastMinutes] if there is none. Its like is 1 if the
// client has viewed the page before, and 0 otherwise. A client is the address of the log. [Visits]
// has these rules. Views count in the order of their times, and in that of the log if they are
// equal.
//
// # Memory
//
// A view waits until the client's next view decides its minutes, and all later views wait
// behind it, because behaviours keep the order of the views. At most [MaxWaiting] bytes wait:
// beyond that, the oldest view is taken for the client's last one. [Visits] remembers at least
// the last [Remembered] pairs of client and page for likes.
package accesslog
