// Package webserver is what everything that pageheat serves over HTTP has in
// common, whatever it is about.
//
//	[]Route ──► Handler ──► Server
//
// A [Route] is one address and what answers there. [Handler] makes one handler of
// routes: it sets the headers that keep a browser from doing with an answer what
// it is not for, asks for the token where a route is not public, and answers with
// a [Problem] where there is no route. [Server] serves a handler with limits for
// slow clients and ends its streams when it is told to stop. [Asset] is an embedded
// file, [Origins] says pages of which sites may ask from a browser.
package webserver
