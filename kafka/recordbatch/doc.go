// Package recordbatch reads Kafka's record batches, as a fetch returns them,
// within a bound on memory, for any unpacked size of a batch and any length of a
// record. Clients usually decompress a batch
// as a whole and keep all of its records, so that one small message of a
// stranger may take a GiB.
//
// [Parse] takes a batch off the bytes of a fetch, an [Unpacker] opens it, and a
// [Reader] gives its records one by one, in the encoding that they have in the
// batch, so that nothing is allocated for a record. A record that is too long
// to be held comes truncated, with size and SHA-256 of its value.
package recordbatch
