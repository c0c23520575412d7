// Package views keeps in memory what pageheat shows: the boards, and the totals of single
// pages.
//
//	page-popularity-top10 ──► Boards ──┐
//	                                   ├──► the server
//	pageheat-heat-table   ──► Pages  ──┘
//
// [Boards] and [Pages] each follow one topic with a goka view. Both are long-lived: they answer
// from memory, even while their view is disconnected, and their Run is restarted after an
// error. [PageHeat] describes one page.
//
// A view has no consumer group: every instance that serves reads the whole topics into its own
// memory. The boards are a few kilobytes; the pages take about 150 bytes each, so a table of a
// million pages takes about 150 MB.
package views
