// Package chaos tests pageheat under faults, on Apache Kafka: instances that are killed,
// frozen, stopped and started at any moment, brokers that are killed while they lead or
// coordinate, and connections that are cut, delayed and reset. Meanwhile a producer sends input
// at a known rate and tracks what was acknowledged.
//
// Every run ends with an exact comparison: the program's own audit, and a recount of the input
// by package harness against the board and every page. The result is printed as a row of a
// table: the faults, the messages, the number of messages lost or counted twice, and the
// longest time without a new board.
//
// Another run removes topics and rights, on a broker that checks rights, and restores them.
// Either everything recovers by itself, or an instance exits with code 1 and says what an
// operator has to do, and is exact afterwards. In all cases every instance exits within 10 s of
// SIGTERM. PAGEHEAT_CHAOS_ROUNDS is the number of its rounds (1, and 30 in "make chaos").
// PAGEHEAT_CHAOS_FAULTS, a regular expression, selects the faults that run one by one.
//
// The tests take some minutes. "make chaos" runs longer, in rounds with faults of all kinds:
// PAGEHEAT_CHAOS is the duration (30m), PAGEHEAT_CHAOS_SEED repeats the schedule of a round. A
// seed always gives the same schedule; the timing of the processes varies.
package chaos
