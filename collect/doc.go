// Package collect takes behaviours that do not come through Kafka, and writes them to the
// input topic.
//
//	body ──► Judge ──► Batch ──► Keep ──► Writer ──► input topic
//
// [Collector.Judge] splits one request and validates every behaviour with the pipeline's
// own code. [Collector.Keep] writes the canonical text, so that nothing else from a client
// gets into the topic; it returns once the [Writer] reports that Kafka keeps all of it. [Kafka] is the writer on franz-go. Who may
// send, and how much, is decided where requests come in, in package web.
package collect
