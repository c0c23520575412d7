// Package overview is the operators' view of Kafka: the size of each topic, the progress of
// each group and its owners, and the latest refused messages.
//
// [Overview.State] asks the cluster on demand, at a bounded rate for any number of callers,
// and costs nothing without callers. It only reads. The progress of ingest is what ingest
// commits; heat and rank commit nothing, and report theirs with the leaders, at least once a
// second, and with the board.
package overview
