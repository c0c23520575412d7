// Package site is what a web site embeds, and a sample of such a site.
//
// [Routes] are the script /pageheat.js, which tells what visitors do, and the custom
// element of /widget.js, which shows the board. Both stand alone, in files of their
// own, and say at their beginning how they are used. [Forum] is a small made-up forum
// that uses both, for the demo: its [Threads] are the pages that the simulator visits.
package site
