// Package hostile does to pageheat, on Apache Kafka, what one message, one stranger or
// one operator may do: messages that are huge once unpacked, garbage and well-formed
// nonsense in topics of pageheat's own, settings of topics that refuse what is
// written, more partitions, two instances with one id, a wiped cluster. Either
// everything goes on and is exact, or the instance ends with exit code 1, names what
// is wrong and says what to do. It never hangs, and never publishes what is not so.
package hostile
