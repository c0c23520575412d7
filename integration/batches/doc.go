// Package batches makes record batches of every shape that a producer may send, down
// to the bytes: all codecs, up to 16,384 records, from nothing to hundreds of MiB
// unpacked, wild keys, headers and timestamps, some broken in ways that a broker
// refuses. Nearly all messages are no behaviours. What each message is, a behaviour
// or which kind of refusal, is known by how it was made, so that a test can recount
// without the program's own parser.
//
// The tests send them through a pipeline of two instances: ten seconds of them, and
// PAGEHEAT_BATCHES (10m) of them in "make chaos". PAGEHEAT_CHAOS_SEED repeats a run.
package batches
