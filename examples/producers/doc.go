// Package producers has examples that send behaviours to pageheat over HTTP, from PHP, Python,
// JavaScript and Java. They need nothing but the language. Each reads behaviours from standard
// input, one per line, and sends them in batches; it waits when pageheat asks it to, and reports
// refused behaviours.
//
// A behaviour may be counted twice if an answer is lost, as with any producer that repeats.
package producers
