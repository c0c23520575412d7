// Package chaos tests pageheat under faults, on Apache Kafka: instances that are
// killed, frozen, stopped and started at any moment, brokers that are killed while
// they lead or coordinate, connections that are cut, delayed and reset. Input flows
// meanwhile at a known rate, from a producer that keeps account of what was
// acknowledged.
//
// Every run ends with an exact comparison: the program's own audit, and a recount
// of the input by package harness against the board and every page. It is printed
// as a row of a table: the faults, the messages, how many of them were lost or
// counted twice, and the longest time without a new board.
//
// Another run takes topics and rights away, on a broker that checks rights, and gives
// them back: everything goes on by itself, or an instance ends with exit code 1 and
// says what a person has to do, and it is exact when that was done. Whatever is
// missing, every instance ends on SIGTERM within 10 s. PAGEHEAT_CHAOS_ROUNDS says how
// many rounds of it (1, and 30 in "make chaos"); PAGEHEAT_CHAOS_FAULTS, a regular
// expression, which faults are run one by one.
//
// The tests take some minutes. "make chaos" goes on for longer, in rounds, each
// with faults of all kinds: PAGEHEAT_CHAOS says how long (30m), PAGEHEAT_CHAOS_SEED
// repeats the schedule of a round. The schedule of a seed is always the same; what
// the processes do at its moments is not.
package chaos
