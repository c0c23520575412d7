package topology

import (
	"fmt"
	"slices"
	"strconv"
)

// TopicState is the state of a topic in the cluster.
type TopicState struct {
	// Name is the topic's name.
	Name string
	// Partitions is the number of partitions.
	Partitions int
	// Replication is the lowest number of replicas of any partition.
	Replication int
	// Config has the effective settings by Kafka's names. A setting that is missing here is not
	// compared.
	Config map[string]string
}

// rule is how an effective setting is compared with the required one.
type rule int

const (
	equal   rule = iota // any other value is wrong
	atLeast             // more is fine; -1 is unlimited
	atMost              // less is fine
	advice              // only set at creation, never compared: it only costs disk or time
)

func ruleOf(setting string) rule {
	switch setting {
	case SettingCleanupPolicy, uncleanElection:
		return equal
	case segmentBytes, segmentMs:
		return advice
	case maxCompactionLag:
		return atMost
	default:
		return atLeast
	}
}

// Differences compares a topic with its requirements. It returns one sentence for each
// difference, with the problem and the remedy; none if there are none. A nil state is a topic
// that does not exist.
func (s TopicSpec) Differences(have *TopicState) []string {
	if have == nil {
		return []string{fmt.Sprintf("topic %s does not exist: run `pageheat topics create`", s.Name)}
	}
	var out []string
	if s.Partitions != 0 && have.Partitions != s.Partitions {
		out = append(out, fmt.Sprintf("topic %s has %s, %d needed: %s",
			s.Name, plural(have.Partitions, "partition"), s.Partitions, partitionsHint(s)))
	}
	if have.Replication < s.Replication {
		out = append(out, fmt.Sprintf("topic %s has %s, %d needed: add some with kafka-reassign-partitions, or set --replication %d",
			s.Name, plural(have.Replication, "replica"), s.Replication, have.Replication))
	}
	settings := make([]string, 0, len(s.Config))
	for name := range s.Config {
		settings = append(settings, name)
	}
	slices.Sort(settings)
	for _, name := range settings {
		want := s.Config[name]
		got, known := have.Config[name]
		if !known || fits(ruleOf(name), got, want) {
			continue
		}
		word := "is needed"
		switch {
		case ruleOf(name) == atLeast && want != unlimited:
			word = "or more is needed"
		case ruleOf(name) == atMost:
			word = "or less is needed"
		}
		out = append(out, fmt.Sprintf("topic %s has %s=%s, %s %s: run `kafka-configs --alter --topic %s --add-config %s=%s`",
			s.Name, name, got, want, word, s.Name, name, want))
	}
	return out
}

func partitionsHint(s TopicSpec) string {
	if s.Partitions == 1 {
		return "delete the topic while nothing runs, then run `pageheat topics create`"
	}
	return "the number is fixed once there is data: set --partitions to the number that it has, or start over with another --prefix"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// fits reports whether an effective setting meets the requirement. An invalid number counts as
// different.
func fits(r rule, got, want string) bool {
	if got == want || r == advice {
		return true
	}
	if r == equal {
		return false
	}
	g, errG := strconv.ParseInt(got, 10, 64)
	w, errW := strconv.ParseInt(want, 10, 64)
	if errG != nil || errW != nil {
		return false
	}
	if r == atMost {
		return g <= w
	}
	return g == -1 || w != -1 && g >= w
}

// CheckInput checks the input, with results like [TopicSpec.Differences]: it must exist, must
// not be compacted, and must not accept larger messages than the dead-letter topic (nil: does
// not exist, not compared).
func (t *Topology) CheckInput(input, deadLetter *TopicState) []string {
	if input == nil {
		return []string{fmt.Sprintf("topic %s does not exist: create it, or run `pageheat topics create`", t.Input)}
	}
	var out []string
	if policy := input.Config[SettingCleanupPolicy]; policy != "" && policy != policyDelete {
		out = append(out, fmt.Sprintf(
			"topic %s has cleanup.policy=%s, which deletes behaviours that were not counted: run `kafka-configs --alter --topic %s --add-config cleanup.policy=delete`",
			t.Input, policy, t.Input))
	}
	if deadLetter != nil {
		in, errIn := strconv.ParseInt(input.Config[maxMessageBytes], 10, 64)
		dead, errDead := strconv.ParseInt(deadLetter.Config[maxMessageBytes], 10, 64)
		if errIn == nil && errDead == nil && dead < in+DeadLetterOverhead {
			out = append(out, fmt.Sprintf(
				"topic %s has max.message.bytes=%d, but %s takes messages of %d, and each must fit as a dead letter: run `kafka-configs --alter --topic %s --add-config max.message.bytes=%d`",
				t.DeadLetter, dead, t.Input, in, t.DeadLetter, in+DeadLetterOverhead))
		}
	}
	return out
}
