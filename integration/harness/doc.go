// Package harness runs pageheat as its users do, the built program in processes
// of its own, and judges from outside what it does.
//
//   - [Build] builds the program, once for all tests of a package.
//   - An [Installation] is a program, brokers, and names of topics and groups. It runs
//     commands and starts instances of "pageheat run". The benchmark uses it as it is; a
//     [Site] is that of one test, with names that no other test has.
//   - An [Instance] can be stopped, killed, frozen and thawed, and its log can be waited
//     on.
//   - [Boards] follows the output topic as any other program would, and takes
//     note of whatever the contract excludes: a version or a count that goes back.
//   - [Recount] is what the board and every page have to be, from the messages
//     that were sent. It shares no code with the program, and compares the
//     decimals of the answers digit for digit.
//
// Nothing here sleeps for luck: whatever a test waits for is a record, a line of a
// log, an answer over HTTP or the end of a process, and the error says what did
// not come.
package harness
