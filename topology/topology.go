// Package topology says how pageheat is laid out in Kafka: which topics, tables
// and consumer groups there are and what they are called, how each topic has to
// be set up, how they hang together, and to which partition a page belongs.
//
// It does no I/O. A [Topology] is made from a [Config] by [New], which refuses
// names that Kafka would refuse and a graph that does not fit together, so that
// a mistake shows before the first connection. From there:
//
//   - the names are fields of [Topology];
//   - [Topology.Specs] and [Topology.InputSpec] say how each topic is created,
//     and [TopicSpec.Differences] what is wrong with one that exists;
//   - [Topology.Graph] is the graph as data, [Topology.Print] draws it;
//   - [Hasher] and [Partition] place a page.
package topology

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"pageheat/failure"
)

// The names used where nothing else is configured.
const (
	DefaultPrefix = "pageheat"
	DefaultInput  = "user-behavior-topic"
	DefaultOutput = "page-popularity-top10"
)

// Config is what an operator may choose about the names. Empty fields mean the
// default.
type Config struct {
	// Prefix begins the name of every topic, group and transaction of
	// pageheat's own, so that several can share a cluster.
	Prefix string `help:"Prefix of pageheat's own topics and consumer groups."`
	// Input is the topic that holds the behaviours.
	Input string `help:"Topic with the behaviours."`
	// Output is the topic that the boards are published to.
	Output string `help:"Topic for the boards."`
}

// DefaultConfig has the names used where nothing else is configured.
func DefaultConfig() Config { return Config{}.withDefaults() }

// Complete returns a [failure.Setting] of the first field that is empty.
func (c Config) Complete() error {
	for _, s := range []struct{ setting, name string }{{"prefix", c.Prefix}, {"input", c.Input}, {"output", c.Output}} {
		if s.name == "" {
			return failure.BadSetting(s.setting, "must not be empty")
		}
	}
	return nil
}

// withDefaults fills the empty fields.
func (c Config) withDefaults() Config {
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	if c.Input == "" {
		c.Input = DefaultInput
	}
	if c.Output == "" {
		c.Output = DefaultOutput
	}
	return c
}

// Validate reports every name that Kafka would refuse and every name used twice.
// The error names the setting as the command line knows it (prefix, input, output).
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	for _, s := range []struct{ setting, name string }{
		// The prefix is judged by the longest name made from it.
		{"prefix", c.Prefix + longestSuffix},
		{"input", c.Input},
		{"output", c.Output},
	} {
		if err := validTopicName(s.name); err != nil {
			errs = append(errs, fmt.Errorf("%s: topic name %q %w", s.setting, s.name, err))
		}
	}
	own := map[string]string{} // name as metrics show it -> what uses it
	for _, t := range []struct{ setting, name string }{
		{"prefix", c.Prefix + suffixBehavior},
		{"prefix", c.Prefix + suffixHeat + suffixTable},
		{"prefix", c.Prefix + suffixLeaders},
		{"prefix", c.Prefix + suffixRank + suffixTable},
		{"prefix", c.Prefix + suffixDeadLetter},
		{"input", c.Input},
		{"output", c.Output},
	} {
		// Kafka refuses two topics that differ only in '.' and '_', since
		// the names of its metrics would be the same.
		key := strings.ReplaceAll(t.name, ".", "_")
		if other, taken := own[key]; taken {
			errs = append(errs, fmt.Errorf("%s: topic name %q is already used by %s: choose another", t.setting, t.name, other))
			continue
		}
		own[key] = t.setting
	}
	return errors.Join(errs...)
}

// MaxNameBytes is the longest topic name that Kafka takes.
const MaxNameBytes = 249

// validTopicName checks a name against the rules of
// org.apache.kafka.common.internals.Topic.
func validTopicName(name string) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case name == "." || name == "..":
		return errors.New("may be neither . nor .. alone")
	case len(name) > MaxNameBytes:
		return fmt.Errorf("is %d bytes long, Kafka takes at most %d", len(name), MaxNameBytes)
	}
	for _, r := range name {
		ok := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-'
		if !ok {
			return fmt.Errorf("holds %q, Kafka takes only letters, digits, '.', '_' and '-'", r)
		}
	}
	return nil
}

const (
	suffixIngest     = "-ingest"
	suffixHeat       = "-heat"
	suffixRank       = "-rank"
	suffixTable      = "-table" // goka's, see goka.GroupTable
	suffixBehavior   = "-behavior"
	suffixLeaders    = "-leaders"
	suffixDeadLetter = "-dead-letter"
	suffixReplay     = "-replay"
	longestSuffix    = suffixDeadLetter
)

// Topology holds the names. Make it with [New]; after that it is only read, and
// may be shared between goroutines.
type Topology struct {
	// Prefix begins every name below but Input and Output.
	Prefix string

	// Input holds the behaviours as their producers sent them.
	Input string
	// Behavior holds the behaviours by page: sums per page over ranges of input offsets.
	Behavior string
	// HeatTable is the group table of HeatGroup: the totals of every page.
	HeatTable string
	// Leaders holds the hottest pages of each partition of HeatTable.
	Leaders string
	// RankTable is the group table of RankGroup.
	RankTable string
	// Output holds the boards.
	Output string
	// DeadLetter holds what was refused.
	DeadLetter string

	// IngestGroup reads Input and writes Behavior and DeadLetter.
	IngestGroup string
	// HeatGroup reads Behavior and writes HeatTable and Leaders.
	HeatGroup string
	// RankGroup reads Leaders and writes RankTable and Output.
	RankGroup string
	// ReplayGroup remembers how far DeadLetter was replayed.
	ReplayGroup string
}

// Topics are the names of all topics, in the order in which behaviours pass them.
func (t *Topology) Topics() []string {
	return []string{t.Input, t.Behavior, t.HeatTable, t.Leaders, t.RankTable, t.Output, t.DeadLetter}
}

// New names everything. Empty fields of c mean the default. The error is that of
// [Config.Validate], or says what does not fit together in the graph.
func New(c Config) (*Topology, error) {
	c = c.withDefaults()
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("name the topics: %w", err)
	}
	t := &Topology{
		Prefix:      c.Prefix,
		Input:       c.Input,
		Behavior:    c.Prefix + suffixBehavior,
		HeatTable:   c.Prefix + suffixHeat + suffixTable,
		Leaders:     c.Prefix + suffixLeaders,
		RankTable:   c.Prefix + suffixRank + suffixTable,
		Output:      c.Output,
		DeadLetter:  c.Prefix + suffixDeadLetter,
		IngestGroup: c.Prefix + suffixIngest,
		HeatGroup:   c.Prefix + suffixHeat,
		RankGroup:   c.Prefix + suffixRank,
		ReplayGroup: c.Prefix + suffixDeadLetter + suffixReplay,
	}
	if err := t.Graph().Validate(); err != nil {
		return nil, fmt.Errorf("check the graph: %w", err)
	}
	return t, nil
}

// HeatTransactionalID is the transactional.id that owns one partition of
// HeatTable. Whoever takes it over fences the owner before.
func (t *Topology) HeatTransactionalID(partition int32) string {
	return t.HeatTransactionalIDs() + strconv.FormatInt(int64(partition), 10)
}

// HeatTransactionalIDs is how the transactional.ids of all partitions of HeatTable begin.
func (t *Topology) HeatTransactionalIDs() string { return t.HeatGroup + "-" }

// RankTransactionalID is the transactional.id that owns RankTable.
func (t *Topology) RankTransactionalID() string { return t.RankGroup }
