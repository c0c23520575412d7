// Package web is all that pageheat serves over HTTP.
//
//	Config ──► Routes ──► handlerOf ──► Server
//
// [Routes] is the table of all addresses and what answers there. The answers are in files
// by their subject: boards, events, pages, health, overview, and collect for behaviours that
// browsers send. Each knows of the rest of the program no more than the small interface in
// [Config] that it asks. handlerOf makes one handler of a table: it sets the headers that
// keep a browser from doing with an answer what it is not for, asks for the token where a
// route is not public, and answers with a problem (RFC 9457) that says what to do where
// there is no route. [Server] serves it on one address, or what is for everybody on one of
// its own; it bounds what clients may take of it, and ends its streams when it is told to
// stop.
//
// What browsers load as it is, the dashboard and the scripts for other sites, is in package
// site. openapi.yaml describes the interface; a test asks for everything in every way and
// compares.
package web
