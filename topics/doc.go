// Package topics compares existing topics with those that the topology needs, and creates
// missing topics. [Read] reads the existing topics. A [Layout] has the operator's choices.
package topics
