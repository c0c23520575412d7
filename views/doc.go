// Package views reads from Kafka into memory what pageheat shows: the boards, and the totals
// of single pages.
//
//	page-popularity-top10 ──► Boards ──┐
//	                                   ├──► the server
//	pageheat-heat-table   ──► Pages  ──┘
//
// [Boards] and [Pages] each follow one topic with a goka view. Both are long
// lived: they answer from memory, also while their view is away from the
// brokers, and their Run is restarted after an error. [PageHeat] is the description of one
// page.
//
// A view has no consumer group: every instance that serves reads the whole
// topics into its own memory. The boards are a few kilobytes; the pages take
// some 150 bytes each, a table of a million pages thus about 150 MB.
package views
