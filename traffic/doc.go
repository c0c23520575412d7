// Package traffic generates behaviours for trying the pipeline: a [Simulator] whose messages
// are those of the article that pageheat is based on, [Visitors], who read a site as people do,
// and [Lines], the lines of a file. A [Pacer] controls the rate. The package does not send
// anything and knows nothing about Kafka.
//
// The article's producer sends, every 5 seconds ([Pause]), from 0 to 50 messages
// ([Simulator.Batch]) about page1 to page100, each with 1 to 5 clicks, a dwell time of 0 to 4
// whole minutes plus a fraction, and a like of -1, 0 or 1, all uniform. With [Options] there
// can be more pages, and some hotter than others.
package traffic
