// Package collect accepts behaviours that arrive outside of Kafka, and writes them to the input
// topic.
//
//	body ──► Judge ──► Batch ──► Keep ──► Writer ──► input topic
//
// [Collector.Judge] splits one request and validates every behaviour with the pipeline's own
// code. [Collector.Keep] writes the canonical text, so that nothing else from a client reaches
// the topic. It returns when the [Writer] reports that Kafka has acknowledged all of it.
// [Kafka] is the writer, on franz-go. Package web decides who may send, and how much.
package collect
