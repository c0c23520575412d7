// Package collect takes behaviours that come another way than through Kafka, and writes
// them to the input topic.
//
//	body ──► Judge ──► Batch ──► Keep ──► Writer ──► input topic
//
// [Collector.Judge] splits what one request brings and judges every behaviour with the
// code that the pipeline judges it with. What [Collector.Keep] writes is the canonical
// text, so that nothing else that a client sends gets into the topic; it returns once the
// [Writer] has said that Kafka keeps all of it. [Kafka] is the writer on franz-go. Who may
// send, and how much, is decided where requests come in, in package web.
package collect
