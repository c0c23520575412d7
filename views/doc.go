// Package views is what pageheat shows: boards and single pages.
//
// [Boards] follow the output topic with a goka view. They are long-lived: they answer from memory,
// even while their view is disconnected, and their Run is restarted after an error. A view has no
// consumer group: every instance that serves reads the whole topic into its own memory, a few
// kilobytes. [Output] reads a single board for a command. [PageHeat] describes one page, whose
// totals come from the stores of package pipeline.
package views
