// Package collect takes behaviours over HTTP, from the browsers of visitors or
// from a site's own servers, and writes them to the input topic.
//
//	POST ──► who asks, how often ──► messages ──► valid behaviours ──► Writer ──► 202
//	            403, 429               413            400               503
//
// [New] makes the handler. It judges every behaviour with the code that the
// pipeline judges it with, and what it writes is the canonical text, so that nothing
// else that a client sends gets into the topic. It answers 202 only once the
// [Writer] has said that Kafka keeps all of it; [Kafka] is the writer on franz-go.
//
// Everything that strangers can make grow is bounded: the bytes of a request, the
// requests of a client and of all, the clients that are remembered, and what waits
// for Kafka. Beyond a bound the answer is a refusal that says when to try again,
// and never a queue.
package collect
