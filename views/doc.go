// Package views is what people and other programs see of pageheat: the boards
// and the heat of single pages, read from Kafka into memory, and served over
// HTTP together with a dashboard.
//
//	page-popularity-top10 ──► Boards ──┐
//	                                   ├──► Routes ──► webserver
//	pageheat-heat-table   ──► Pages  ──┘
//
// [Boards] and [Pages] each follow one topic with a goka view. Both are long
// lived: they answer from memory, also while their view is away from the
// brokers, and their Run is started again after an error. [NewHandler] makes
// the HTTP API of them and serves the dashboard, a page without any outside
// asset that is embedded from the folder web; [Routes] are the same to be served
// beside other things, by package webserver.
//
// A view has no consumer group: every instance that serves reads the whole
// topics into its own memory. The boards are a few kilobytes; the pages take
// some 150 bytes each, a table of a million pages thus about 150 MB.
package views
