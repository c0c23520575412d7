package rights

import (
	"pageheat/kafka"
	"pageheat/topology"
)

// What a role is without an optional right.
const (
	unchecked   = "its settings are not checked"
	unforgotten = "no page can be forgotten"
	unmeasured  = "the overview does not show it"
	uncompared  = "the partitions of the newest board are not compared with those of the topics at the start"
)

// pipelineGroups are the consumer groups of ingest, heat and ranking.
func pipelineGroups(t *topology.Topology) []string {
	return []string{t.IngestGroup, t.HeatGroup, t.RankGroup}
}

func ingest(t *topology.Topology) (l list) {
	l.role(t.Input, kafka.Read)
	l.need(kafka.OnGroup(kafka.Read, t.IngestGroup))
	l.role(t.Behavior, kafka.Write)
	l.want(kafka.OnTopic(kafka.Read, t.Behavior), "after a crash, input that was sent already is sent again")
	l.role(t.DeadLetter, kafka.Write)
	l.want(kafka.OnTopic(kafka.Read, t.Output), uncompared)
	return l
}

func heat(t *topology.Topology) (l list) {
	l.role(t.Behavior, kafka.Read)
	l.need(kafka.OnGroup(kafka.Read, t.HeatGroup))
	l.want(kafka.OnTopic(kafka.Delete, t.Behavior), "what was applied is not deleted, and the topic grows")
	l.role(t.HeatTable, kafka.Read, kafka.Write)
	l.need(kafka.Right{Operation: kafka.Write, Resource: kafka.TransactionalResource, Name: t.HeatTransactionalIDs(), Prefixed: true})
	l.role(t.Leaders, kafka.Write)
	l.want(kafka.OnTopic(kafka.Read, t.Forget), unforgotten)
	l.want(kafka.OnTopic(kafka.Write, t.Forget), unforgotten)
	l.role(t.Input, kafka.Read) // of a range that overlaps with what was counted
	l.want(kafka.OnTopic(kafka.Read, t.Output), uncompared)
	return l
}

func rank(t *topology.Topology) (l list) {
	l.role(t.Leaders, kafka.Read)
	l.need(kafka.OnGroup(kafka.Read, t.RankGroup))
	l.role(t.RankTable, kafka.Read, kafka.Write)
	l.need(kafka.OnTransactions(kafka.Write, t.RankTransactionalID()))
	l.role(t.Output, kafka.Read, kafka.Write)
	l.role(t.Behavior, kafka.Describe)
	l.role(t.HeatTable, kafka.Describe)
	l.want(kafka.OnTopic(kafka.Read, t.Forget), "final boards keep forgotten pages")
	if t.HasEvents {
		l.need(kafka.OnGroup(kafka.Read, t.AlertGroup))
		l.role(t.AlertTable, kafka.Read, kafka.Write)
		l.need(kafka.OnTransactions(kafka.Write, t.AlertTransactionalID()))
		l.role(t.Events, kafka.Write)
	}
	return l
}

func serve(t *topology.Topology) (l list) {
	l.role(t.HeatTable, kafka.Read)
	l.role(t.Output, kafka.Read)
	l.want(kafka.OnTopic(kafka.Read, t.Leaders), "the overview does not show how far heat and the board are behind")
	l.want(kafka.OnTopic(kafka.Read, t.DeadLetter), "the overview does not show refused messages")
	l.want(kafka.OnTopic(kafka.Read, t.Input), "the overview does not show how far the board is behind the input")
	topics, groups := []string{t.Behavior, t.Forget, t.RankTable}, pipelineGroups(t)
	if t.HasEvents {
		topics, groups = append(topics, t.AlertTable, t.Events), append(groups, t.AlertGroup)
	}
	for _, topic := range topics {
		l.want(kafka.OnTopic(kafka.Describe, topic), unmeasured)
	}
	for _, group := range groups {
		l.want(kafka.OnGroup(kafka.Describe, group), unmeasured)
	}
	return l
}

func collect(t *topology.Topology) (l list) {
	l.role(t.Input, kafka.Write)
	return l
}
