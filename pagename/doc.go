// Package pagename changes names of pages by an operator's rules, so that addresses of one page
// count as one: /t/42 and /t/42/, /docs and /docs/index.html. It is pure.
//
// The collector and the reader of access logs apply the rules before a behaviour is written to
// the input. The pipeline does not: what is in the input is counted as it is, so that an
// audit, a second instance or another program comes to the same totals without the rules.
package pagename
