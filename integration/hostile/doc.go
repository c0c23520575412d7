// Package hostile tests pageheat on Apache Kafka against mistakes and attacks by a single
// message, stranger or operator: messages that expand to a huge size, garbage and well-formed
// nonsense in pageheat's own topics, topic settings that reject writes, added partitions, two
// instances with one ID, a wiped cluster. Either everything continues and is exact, or the
// instance exits with code 1, names the problem and says what to do. It never hangs, and never
// publishes wrong data.
package hostile
