// Package web is all that pageheat serves over HTTP.
//
//	Config ──► Routes ──► handlerOf ──► Server
//
// [Routes] is the table of all addresses and what answers there. The answers are in files
// by their subject: boards, events, pages, health, overview, and collect for behaviours that
// browsers send. Each knows only a small interface of the rest of the program, in [Config].
// handlerOf makes a handler of a table: it sets security headers, requires the token for
// routes that are not public, and answers unknown routes with a problem (RFC 9457) that has a
// hint. [Server] serves it on one address, or the public routes on an address of their own;
// it bounds what clients may take, and ends its streams when it stops.
//
// What browsers load as it is, the dashboard and the scripts for other sites, is in package
// site. openapi.yaml describes the interface; a test requests every route and
// compares.
package web
