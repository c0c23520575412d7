// Package site holds what browsers load of pageheat.
//
// [Script] returns the scripts that a web site embeds: pageheat.js, which reports what
// visitors do, and widget.js, a custom element that shows the board. Both stand alone,
// in files of their own, and say at their beginning how they are used. [Dashboard]
// gives the files of the dashboard, a page for operators without any outside asset.
// Each is a [File], which package web serves under an address.
package site
