// Package rights says which rights on Kafka's resources each role and each command needs, and
// prints them for the tools that give them to a user.
//
// [Of] is the only place where they are declared. [Watch] compares them with what brokers say
// that the user has.
package rights

import (
	"fmt"
	"slices"
	"strings"

	"pageheat/kafka"
	"pageheat/topology"
)

// Need is a right that a role or command needs.
type Need struct {
	kafka.Right
	// Without is what happens without an optional right; empty for one that is required.
	Without string
}

// Optional reports whether the role or command works without the right.
func (n Need) Optional() bool { return n.Without != "" }

// What a role or command is without an optional right.
const (
	unchecked   = "its settings are not checked"
	unforgotten = "no page can be forgotten"
	unmeasured  = "the overview does not show it"
)

// list collects the needs of one role or command.
type list []Need

func (l *list) add(right kafka.Right, without string) { *l = append(*l, Need{right, without}) }

// topic adds rights on a topic, which are required.
func (l *list) topic(name string, operations ...kafka.Operation) {
	for _, o := range operations {
		l.add(kafka.OnTopic(o, name), "")
	}
}

// role adds rights on a topic for a role, which also checks the topic's settings.
func (l *list) role(name string, operations ...kafka.Operation) {
	l.topic(name, operations...)
	l.add(kafka.OnTopic(kafka.DescribeConfigs, name), unchecked)
}

// subject is a role or a command.
type subject struct {
	name  string
	needs list
}

// subjects are all roles and commands with their needs.
func subjects(t *topology.Topology) []subject {
	var ingest, heat, rank, serve, collect, audit, recount, compare, past, top, listed, page, produce, letters, replay, create, check, status, reset, keep, export, fill, forget, giver, taker list

	ingest.role(t.Input, kafka.Read)
	ingest.add(kafka.OnGroup(kafka.Read, t.IngestGroup), "")
	ingest.role(t.Behavior, kafka.Write)
	ingest.add(kafka.OnTopic(kafka.Read, t.Behavior), "after a crash, input that was sent already is sent again")
	ingest.role(t.DeadLetter, kafka.Write)

	heat.role(t.Behavior, kafka.Read)
	heat.add(kafka.OnGroup(kafka.Read, t.HeatGroup), "")
	heat.add(kafka.OnTopic(kafka.Delete, t.Behavior), "what was applied is not deleted, and the topic grows")
	heat.role(t.HeatTable, kafka.Read, kafka.Write)
	heat.add(kafka.Right{Operation: kafka.Write, Resource: kafka.TransactionalResource, Name: t.HeatTransactionalIDs(), Prefixed: true}, "")
	heat.role(t.Leaders, kafka.Write)
	for _, operation := range []kafka.Operation{kafka.Read, kafka.Write} {
		heat.add(kafka.OnTopic(operation, t.Forget), unforgotten)
	}
	heat.role(t.Input, kafka.Read) // of a range that overlaps with what was counted

	rank.role(t.Leaders, kafka.Read)
	rank.add(kafka.OnGroup(kafka.Read, t.RankGroup), "")
	rank.role(t.RankTable, kafka.Read, kafka.Write)
	rank.add(kafka.OnTransactions(kafka.Write, t.RankTransactionalID()), "")
	rank.role(t.Output, kafka.Read, kafka.Write)
	rank.role(t.Behavior, kafka.Describe)
	rank.role(t.HeatTable, kafka.Describe)
	rank.add(kafka.OnTopic(kafka.Read, t.Forget), "final boards keep forgotten pages")
	if t.HasEvents {
		rank.add(kafka.OnGroup(kafka.Read, t.AlertGroup), "")
		rank.role(t.AlertTable, kafka.Read, kafka.Write)
		rank.add(kafka.OnTransactions(kafka.Write, t.AlertTransactionalID()), "")
		rank.role(t.Events, kafka.Write)
	}

	serve.role(t.HeatTable, kafka.Read)
	serve.role(t.Output, kafka.Read)
	serve.add(kafka.OnTopic(kafka.Read, t.Leaders), "the overview does not show how far heat and the board are behind")
	serve.add(kafka.OnTopic(kafka.Read, t.DeadLetter), "the overview does not show refused messages")
	serve.add(kafka.OnTopic(kafka.Read, t.Input), "the overview does not show how far the board is behind the input")
	for _, topic := range []string{t.Behavior, t.Forget, t.RankTable} {
		serve.add(kafka.OnTopic(kafka.Describe, topic), unmeasured)
	}
	for _, group := range []string{t.IngestGroup, t.HeatGroup, t.RankGroup} {
		serve.add(kafka.OnGroup(kafka.Describe, group), unmeasured)
	}

	if t.HasEvents {
		for _, topic := range []string{t.AlertTable, t.Events} {
			serve.add(kafka.OnTopic(kafka.Describe, topic), unmeasured)
		}
		serve.add(kafka.OnGroup(kafka.Describe, t.AlertGroup), unmeasured)
		status.add(kafka.OnGroup(kafka.Describe, t.AlertGroup), "")
	}

	collect.role(t.Input, kafka.Write)

	for _, l := range []*list{&ingest, &heat} {
		l.add(kafka.OnTopic(kafka.Read, t.Output), "the partitions of the newest board are not compared with those of the topics at the start")
	}

	audit.topic(t.Input, kafka.Read)
	audit.topic(t.HeatTable, kafka.Read)
	audit.topic(t.Behavior, kafka.Describe)
	audit.topic(t.DeadLetter, kafka.Read) // unless --no-dead-letters

	for _, l := range []*list{&recount, &compare, &past} {
		l.topic(t.Input, kafka.Read)
		l.topic(t.HeatTable, kafka.Read) // which pages are forgotten
	}
	compare.topic(t.Output, kafka.Read)
	compare.topic(t.Leaders, kafka.Read)

	past.topic(t.Output, kafka.Read)
	past.topic(t.Leaders, kafka.Write)

	top.topic(t.Output, kafka.Read)
	listed.topic(t.Output, kafka.Read)
	listed.topic(t.Leaders, kafka.Read)
	page.topic(t.HeatTable, kafka.Read)
	produce.topic(t.Input, kafka.Write)
	produce.add(kafka.OnTopic(kafka.DescribeConfigs, t.Input), "the retention of the input is not compared with the age of access logs")

	letters.topic(t.DeadLetter, kafka.Read)
	replay.topic(t.DeadLetter, kafka.Read)
	replay.add(kafka.OnGroup(kafka.Read, t.ReplayGroup), "")
	replay.topic(t.Input, kafka.Write)
	replay.add(kafka.OnTopic(kafka.DescribeConfigs, t.Input), "messages of more than 1 MB are left out")

	for _, topic := range t.Topics() {
		create.role(topic, kafka.Create, kafka.Describe)
		check.topic(topic, kafka.Describe, kafka.DescribeConfigs)
		status.topic(topic, kafka.Describe)
	}
	for _, topic := range []string{t.Input, t.Leaders, t.Output, t.DeadLetter} {
		status.topic(topic, kafka.Read)
	}
	for _, group := range []string{t.IngestGroup, t.HeatGroup, t.RankGroup} {
		status.add(kafka.OnGroup(kafka.Describe, group), "")
	}

	for _, topic := range t.OwnTopics() {
		reset.topic(topic, kafka.Delete)
	}
	reset.topic(t.Output, kafka.Read)    // whose boards it has
	reset.topic(t.RankTable, kafka.Read) // whether it was handed over
	for _, group := range t.Groups() {
		reset.add(kafka.OnGroup(kafka.Delete, group), "")
	}

	for _, topic := range []string{t.Behavior, t.Leaders, t.Output} {
		keep.topic(topic, kafka.Delete)
	}
	keep.topic(t.HeatTable, kafka.Read, kafka.Write)
	keep.topic(t.RankTable, kafka.Read)
	keep.add(kafka.OnTopic(kafka.Delete, t.RankTable), "the table of a ranking that published to another output must be deleted otherwise")
	keep.topic(t.Input, kafka.Read)
	for _, group := range []string{t.IngestGroup, t.HeatGroup, t.RankGroup} {
		keep.add(kafka.OnGroup(kafka.Delete, group), "")
	}

	forget.topic(t.Forget, kafka.Write)
	forget.topic(t.HeatTable, kafka.Read)

	export.topic(t.HeatTable, kafka.Read)
	export.add(kafka.OnTopic(kafka.Read, t.Input), "all instances must be stopped before, with SIGTERM")

	fill.topic(t.HeatTable, kafka.Read, kafka.Write)
	fill.add(kafka.OnTransactions(kafka.Write, t.ImportTransactionalID()), "")
	fill.topic(t.Behavior, kafka.Describe)
	fill.topic(t.Input, kafka.Read) // to commit its offsets
	fill.add(kafka.OnGroup(kafka.Read, t.IngestGroup), "")
	for _, group := range []string{t.HeatGroup, t.RankGroup} {
		fill.add(kafka.OnGroup(kafka.Describe, group), "")
	}

	giver.topic(t.RankTable, kafka.Read, kafka.Write)
	giver.add(kafka.OnTransactions(kafka.Write, t.RankTransactionalID()), "")
	giver.topic(t.Output, kafka.Read, kafka.Write)
	giver.topic(t.Leaders, kafka.Write)
	giver.add(kafka.OnGroup(kafka.Describe, t.RankGroup), "")

	taker.topic(t.RankTable, kafka.Read)
	taker.topic(t.Leaders, kafka.Read, kafka.Write)
	taker.add(kafka.OnGroup(kafka.Describe, t.RankGroup), "")
	taker.topic(t.HeatTable, kafka.Describe)

	return []subject{
		{"ingest", ingest}, {"heat", heat}, {"rank", rank}, {"serve", serve}, {"collect", collect},
		{"topics-create", create}, {"topics-check", check}, {"produce", produce}, {"top", top}, {"boards", listed}, {"page", page},
		{"audit", audit}, {"recount", recount}, {"recount-compare", compare}, {"recount-publish", past}, {"dead-letters-list", letters}, {"dead-letters-replay", replay}, {"status", status}, {"reset", reset}, {"reset-keep-totals", keep},
		{"forget", forget}, {"export", export}, {"import", fill}, {"switch-from", giver}, {"switch-to", taker},
	}
}

// Names are the roles and commands that Of knows.
func Names() []string {
	var names []string
	for _, s := range subjects(&topology.Topology{}) {
		names = append(names, s.name)
	}
	return names
}

// Of returns the rights that the named roles and commands need together, each once. A right to
// describe is left out beside one that implies it. The error names what is unknown.
func Of(t *topology.Topology, names ...string) ([]Need, error) {
	of := map[string]list{}
	for _, s := range subjects(t) {
		of[s.name] = s.needs
	}
	var needs []Need
	for _, name := range names {
		more, known := of[name]
		if !known {
			return nil, fmt.Errorf("%q: choose among %s", name, strings.Join(Names(), ", "))
		}
		for _, n := range more {
			needs = merge(needs, n)
		}
	}
	return slices.DeleteFunc(slices.Clone(needs), func(n Need) bool {
		return slices.ContainsFunc(needs, func(other Need) bool {
			return other.Operation != n.Operation && other.covers(n)
		})
	}), nil
}

// covers reports whether a need makes another one superfluous.
func (n Need) covers(other Need) bool {
	return n.Resource == other.Resource && n.Name == other.Name && n.Prefixed == other.Prefixed &&
		n.Operation.Implies(other.Operation) && (!n.Optional() || other.Optional())
}

// merge adds a need. What one role requires is optional for none.
func merge(needs []Need, n Need) []Need {
	for i := range needs {
		if needs[i].Right == n.Right {
			if !n.Optional() {
				needs[i].Without = ""
			}
			return needs
		}
	}
	return append(needs, n)
}

// Required are the needs that are not optional.
func Required(needs []Need) []Need {
	return slices.DeleteFunc(slices.Clone(needs), Need.Optional)
}

// Topics are the topics of which at least one right is required, each once.
func Topics(needs []Need) []string {
	var topics []string
	for _, n := range Required(needs) {
		if n.Resource == kafka.TopicResource && !slices.Contains(topics, n.Name) {
			topics = append(topics, n.Name)
		}
	}
	return topics
}
