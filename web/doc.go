// Package web is everything that pageheat serves over HTTP.
//
//	Config ──► Routes ──► handlerOf ──► Server
//
// [Routes] is the table of all routes. The handlers are in files by subject: boards, events,
// pages, health, overview, and collect for behaviours from browsers. Each handler uses only a
// small interface of the rest of the program, see [Config]. handlerOf makes a handler from a
// table: it sets security headers, requires the token for routes that are not public, and
// answers unknown routes with a problem (RFC 9457) that has a hint. [Server] serves it on one
// address, or the public routes on a second address. It limits what clients may use, and ends
// its streams when it stops.
//
// Static files for browsers, the dashboard and the scripts for other sites, are in package
// site. openapi.yaml describes the interface; a test requests every route and compares.
package web
