package rights

import (
	"pageheat/kafka"
	"pageheat/topology"
)

func createTopics(t *topology.Topology) (l list) {
	for _, topic := range t.Topics() {
		l.role(topic, kafka.Create, kafka.Describe)
	}
	return l
}

func checkTopics(t *topology.Topology) (l list) {
	for _, topic := range t.Topics() {
		l.topic(topic, kafka.Describe, kafka.DescribeConfigs)
	}
	return l
}

func produce(t *topology.Topology) (l list) {
	l.topic(t.Input, kafka.Write)
	l.want(kafka.OnTopic(kafka.DescribeConfigs, t.Input), "the retention of the input is not compared with the age of access logs")
	return l
}

func top(t *topology.Topology) (l list) {
	l.topic(t.Output, kafka.Read)
	return l
}

func listBoards(t *topology.Topology) (l list) {
	l.topic(t.Output, kafka.Read)
	l.topic(t.Leaders, kafka.Read)
	return l
}

func page(t *topology.Topology) (l list) {
	l.topic(t.HeatTable, kafka.Read)
	return l
}

func audit(t *topology.Topology) (l list) {
	l.topic(t.Input, kafka.Read)
	l.topic(t.HeatTable, kafka.Read)
	l.topic(t.Behavior, kafka.Describe)
	l.topic(t.DeadLetter, kafka.Read) // unless --no-dead-letters
	return l
}

func recount(t *topology.Topology) (l list) {
	l.topic(t.Input, kafka.Read)
	l.topic(t.HeatTable, kafka.Read) // which pages are forgotten
	return l
}

func recountCompare(t *topology.Topology) list {
	l := recount(t)
	l.topic(t.Output, kafka.Read)
	l.topic(t.Leaders, kafka.Read)
	return l
}

func recountPublish(t *topology.Topology) list {
	l := recount(t)
	l.topic(t.Output, kafka.Read)
	l.topic(t.Leaders, kafka.Write)
	return l
}

func listDeadLetters(t *topology.Topology) (l list) {
	l.topic(t.DeadLetter, kafka.Read)
	return l
}

func replayDeadLetters(t *topology.Topology) (l list) {
	l.topic(t.DeadLetter, kafka.Read)
	l.need(kafka.OnGroup(kafka.Read, t.ReplayGroup))
	l.topic(t.Input, kafka.Write)
	l.want(kafka.OnTopic(kafka.DescribeConfigs, t.Input), "messages of more than 1 MB are left out")
	return l
}

func status(t *topology.Topology) (l list) {
	for _, topic := range t.Topics() {
		l.topic(topic, kafka.Describe)
	}
	for _, topic := range []string{t.Input, t.Leaders, t.Output, t.DeadLetter} {
		l.topic(topic, kafka.Read)
	}
	groups := pipelineGroups(t)
	if t.HasEvents {
		groups = append(groups, t.AlertGroup)
	}
	for _, group := range groups {
		l.need(kafka.OnGroup(kafka.Describe, group))
	}
	return l
}

func reset(t *topology.Topology) (l list) {
	for _, topic := range t.OwnTopics() {
		l.topic(topic, kafka.Delete)
	}
	l.topic(t.Output, kafka.Read)    // whose boards it has
	l.topic(t.RankTable, kafka.Read) // whether it was handed over
	for _, group := range t.Groups() {
		l.need(kafka.OnGroup(kafka.Delete, group))
	}
	return l
}

func resetKeepingTotals(t *topology.Topology) (l list) {
	for _, topic := range []string{t.Behavior, t.Leaders, t.Output} {
		l.topic(topic, kafka.Delete)
	}
	l.topic(t.HeatTable, kafka.Read, kafka.Write)
	l.topic(t.RankTable, kafka.Read)
	l.want(kafka.OnTopic(kafka.Delete, t.RankTable), "the table of a ranking that published to another output must be deleted otherwise")
	l.topic(t.Input, kafka.Read)
	for _, group := range pipelineGroups(t) {
		l.need(kafka.OnGroup(kafka.Delete, group))
	}
	return l
}

func forget(t *topology.Topology) (l list) {
	l.topic(t.Forget, kafka.Write)
	l.topic(t.HeatTable, kafka.Read)
	return l
}

func exportPages(t *topology.Topology) (l list) {
	l.topic(t.HeatTable, kafka.Read)
	l.want(kafka.OnTopic(kafka.Read, t.Input), "all instances must be stopped before, with SIGTERM")
	return l
}

func importPages(t *topology.Topology) (l list) {
	l.topic(t.HeatTable, kafka.Read, kafka.Write)
	l.need(kafka.OnTransactions(kafka.Write, t.ImportTransactionalID()))
	l.topic(t.Behavior, kafka.Describe)
	l.topic(t.Input, kafka.Read) // to commit its offsets
	l.need(kafka.OnGroup(kafka.Read, t.IngestGroup))
	l.need(kafka.OnGroup(kafka.Describe, t.HeatGroup))
	l.need(kafka.OnGroup(kafka.Describe, t.RankGroup))
	return l
}

func switchFrom(t *topology.Topology) (l list) {
	l.topic(t.RankTable, kafka.Read, kafka.Write)
	l.need(kafka.OnTransactions(kafka.Write, t.RankTransactionalID()))
	l.topic(t.Output, kafka.Read, kafka.Write)
	l.topic(t.Leaders, kafka.Write)
	l.need(kafka.OnGroup(kafka.Describe, t.RankGroup))
	return l
}

func switchTo(t *topology.Topology) (l list) {
	l.topic(t.RankTable, kafka.Read)
	l.topic(t.Leaders, kafka.Read, kafka.Write)
	l.need(kafka.OnGroup(kafka.Describe, t.RankGroup))
	l.topic(t.HeatTable, kafka.Describe)
	return l
}
