// Package harness runs pageheat as users do, as the built program in separate processes, and
// checks it from the outside.
//
//   - [Build] builds the program, once for all tests of a package.
//   - An [Installation] is a program, brokers, and names of topics and groups. It runs commands
//     and starts instances of "pageheat run". The benchmark uses it directly; a [Site] is the
//     installation of one test, with unique names.
//   - An [Instance] can be stopped, killed, frozen and thawed. Tests can wait for lines of its
//     log.
//   - [Boards] follows the output topic as any other program would, and records violations of
//     the public formats: a version or a count that goes back.
//   - [Recount] computes the expected board and pages from the messages that were sent. It
//     shares no code with the program, and compares decimals digit for digit.
//
// Nothing here sleeps for luck: tests wait for a record, a log line, an HTTP response or the
// end of a process. The error names what did not arrive.
package harness
