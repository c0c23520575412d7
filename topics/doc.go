// Package topics compares the topics that exist with those that the topology needs, and
// creates those that are missing. [Read] reads what exists, a [Layout] is what an operator
// may choose.
package topics
