// Package overview is what those who operate pageheat see of Kafka: how much is in each
// topic, how far each group has come and who owns what, and what was refused lately.
//
// [Overview] asks the cluster when somebody asks it, and at most once in a while,
// however many ask; nobody who does not look costs anything. It only reads, and
// it knows of progress what groups commit: those that keep theirs in a table, heat and rank,
// commit none. How far all of them have come, the board says by its offsets.
package overview
