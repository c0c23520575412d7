// Package batches makes record batches of every shape that a producer can send, byte by byte:
// all codecs, up to 16,384 records, from nothing to hundreds of MiB uncompressed, arbitrary
// keys, headers and timestamps, and some that are broken in ways that brokers refuse. Most
// messages are not behaviours. The generator knows what each message is, a behaviour or a kind
// of refusal, so a test can recount without the program's own parser.
//
// The tests send the batches through a pipeline of two instances: for ten seconds, and for
// PAGEHEAT_BATCHES (10m) in "make chaos". PAGEHEAT_CHAOS_SEED repeats a run.
package batches
