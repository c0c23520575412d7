// Package traffic makes behaviours to try the pipeline with: a [Simulator] whose
// messages are those of the article that pageheat goes back to, [Visitors], who
// read a site as people do, and [Lines], the lines of a file. A [Pacer] says when the next one is due. Where they are sent
// is the caller's business: it knows nothing of Kafka.
//
// The article's producer sends, every 5 seconds ([Pause]), from 0 to 50 messages
// ([Simulator.Batch]) about page1 to page100, each with 1 to 5 clicks, a dwell time
// of 0 to 4 whole minutes and a fraction, and a like of -1, 0 or 1, all uniform.
// With [Options] the pages can be more, and some hotter than others.
package traffic
