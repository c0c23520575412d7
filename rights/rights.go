// Package rights says which rights on Kafka's resources each role and each command needs, and
// prints them for the tools that give them to a user.
//
// They are declared here alone, a function for each role and command; [Of] puts them together. [Watch] compares them with what brokers say
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

// list collects the needs of one role or command.
type list []Need

// need adds a right that is required.
func (l *list) need(right kafka.Right) { *l = append(*l, Need{Right: right}) }

// want adds a right that is optional, and says what happens without it.
func (l *list) want(right kafka.Right, without string) { *l = append(*l, Need{right, without}) }

// topic adds rights on a topic, which are required.
func (l *list) topic(name string, operations ...kafka.Operation) {
	for _, o := range operations {
		l.need(kafka.OnTopic(o, name))
	}
}

// role adds rights on a topic for a role, which also checks the topic's settings.
func (l *list) role(name string, operations ...kafka.Operation) {
	l.topic(name, operations...)
	l.want(kafka.OnTopic(kafka.DescribeConfigs, name), unchecked)
}

// subject is a role or a command.
type subject struct {
	name  string
	needs func(*topology.Topology) list
}

// subjects are all roles and commands with their needs.
func subjects() []subject {
	return []subject{
		{"ingest", ingest}, {"heat", heat}, {"rank", rank}, {"serve", serve}, {"collect", collect},
		{"topics-create", createTopics}, {"topics-check", checkTopics},
		{"produce", produce}, {"top", top}, {"boards", listBoards}, {"page", page},
		{"audit", audit}, {"recount", recount}, {"recount-compare", recountCompare}, {"recount-publish", recountPublish},
		{"dead-letters-list", listDeadLetters}, {"dead-letters-replay", replayDeadLetters},
		{"status", status}, {"reset", reset}, {"reset-keep-totals", resetKeepingTotals},
		{"forget", forget}, {"export", exportPages}, {"import", importPages}, {"switch-from", switchFrom}, {"switch-to", switchTo},
	}
}

// Names are the roles and commands that Of knows.
func Names() []string {
	var names []string
	for _, s := range subjects() {
		names = append(names, s.name)
	}
	return names
}

// Of returns the rights that the named roles and commands need together, each once. A right to
// describe is left out beside one that implies it. The error names what is unknown.
func Of(t *topology.Topology, names ...string) ([]Need, error) {
	all := subjects()
	var needs []Need
	for _, name := range names {
		at := slices.IndexFunc(all, func(s subject) bool { return s.name == name })
		if at < 0 {
			return nil, fmt.Errorf("%q: choose among %s", name, strings.Join(Names(), ", "))
		}
		for _, n := range all[at].needs(t) {
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
