package topology

import (
	"errors"
	"fmt"
	"strings"

	"pageheat/failure"
)

// The default names.
const (
	DefaultPrefix = "pageheat"
	DefaultInput  = "user-behavior-topic"
	DefaultOutput = "page-popularity-top10"
)

// Config has the operator's choices of names. Empty fields mean the default.
type Config struct {
	// Prefix is the prefix of the names of pageheat's own topics, groups and transactional IDs
	// that are not set below, so that several deployments can share a cluster.
	Prefix string `help:"Prefix of pageheat's own topics and consumer groups."`
	// Input is the topic with the behaviours.
	Input string `help:"Topic with the behaviours."`
	// Output is the topic for the boards.
	Output string `help:"Topic for the boards."`

	// Events is whether there are events of boards: their topic, group and table.
	Events bool `negatable:"" help:"Write what happens on boards to a topic: pages that enter, leave, take rank 1 or rise."`

	// BehaviorTopic, LeadersTopic, ForgetTopic, EventsTopic and DeadLetterTopic are names of topics.
	BehaviorTopic   string `help:"Topic for behaviours by page. Default: PREFIX-behavior."`
	LeadersTopic    string `help:"Topic for the hottest pages of each partition. Default: PREFIX-leaders."`
	ForgetTopic     string `help:"Topic for requests to forget pages. Default: PREFIX-forget."`
	DeadLetterTopic string `help:"Topic for refused messages. Default: PREFIX-dead-letter."`

	EventsTopic string `help:"Topic for events of boards, with --events. Default: PREFIX-events."`

	// IngestGroup, HeatGroup, RankGroup and AlertGroup are names of consumer groups. The names of a group's
	// table (by goka) and of its transactional IDs are derived from it.
	IngestGroup string `placeholder:"GROUP" help:"Consumer group of the role ingest. Default: PREFIX-ingest."`
	HeatGroup   string `placeholder:"GROUP" help:"Consumer group of the role heat; its table is the topic GROUP-table. Default: PREFIX-heat."`
	RankGroup   string `placeholder:"GROUP" help:"Consumer group of the role rank; its table is the topic GROUP-table. Default: PREFIX-rank."`
	AlertGroup  string `placeholder:"GROUP" help:"Consumer group that reads boards for --events; its table is the topic GROUP-table. Default: PREFIX-alert."`
}

// DefaultConfig returns the default names. Those derived from the prefix are empty.
func DefaultConfig() Config {
	return Config{Prefix: DefaultPrefix, Input: DefaultInput, Output: DefaultOutput}
}

// Complete returns a [failure.Setting] of the first field that must not be empty.
func (c Config) Complete() error {
	for _, s := range []struct{ setting, name string }{{"prefix", c.Prefix}, {"input", c.Input}, {"output", c.Output}} {
		if s.name == "" {
			return failure.BadSetting(s.setting, "must not be empty")
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
	suffixForget     = "-forget"
	suffixDeadLetter = "-dead-letter"
	suffixReplay     = "-replay"
	suffixEvents     = "-events"
	suffixAlert      = "-alert"
)

// named is a name with the setting that it comes from, as on the command line.
type named struct{ name, setting string }

// of returns the name if the setting was given, else the one derived from the prefix.
func (c Config) of(given, setting, suffix string) named {
	if given != "" {
		return named{given, setting}
	}
	return named{c.Prefix + suffix, "prefix"}
}

// names has all names of a configuration.
type names struct {
	input, behavior, heatTable, leaders, forget, rankTable, output, deadLetter, events, alertTable named
	ingestGroup, heatGroup, rankGroup, alertGroup                                                  named
}

// names completes the configuration.
func (c Config) names() names {
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	n := names{
		input:       named{c.Input, "input"},
		output:      named{c.Output, "output"},
		behavior:    c.of(c.BehaviorTopic, "behavior-topic", suffixBehavior),
		leaders:     c.of(c.LeadersTopic, "leaders-topic", suffixLeaders),
		forget:      c.of(c.ForgetTopic, "forget-topic", suffixForget),
		deadLetter:  c.of(c.DeadLetterTopic, "dead-letter-topic", suffixDeadLetter),
		ingestGroup: c.of(c.IngestGroup, "ingest-group", suffixIngest),
		heatGroup:   c.of(c.HeatGroup, "heat-group", suffixHeat),
		rankGroup:   c.of(c.RankGroup, "rank-group", suffixRank),
		events:      c.of(c.EventsTopic, "events-topic", suffixEvents),
		alertGroup:  c.of(c.AlertGroup, "alert-group", suffixAlert),
	}
	if c.Input == "" {
		n.input.name = DefaultInput
	}
	if c.Output == "" {
		n.output.name = DefaultOutput
	}
	n.heatTable = named{n.heatGroup.name + suffixTable, n.heatGroup.setting}
	n.rankTable = named{n.rankGroup.name + suffixTable, n.rankGroup.setting}
	n.alertTable = named{n.alertGroup.name + suffixTable, n.alertGroup.setting}
	return n
}

// Validate reports every name that Kafka would refuse and every name used twice. The error
// names the setting as on the command line.
func (c Config) Validate() error {
	n := c.names()
	topics := []named{n.behavior, n.heatTable, n.leaders, n.forget, n.rankTable, n.deadLetter, n.input, n.output}
	groups := []named{n.ingestGroup, n.heatGroup, n.rankGroup}
	if c.Events {
		topics = append(topics, n.events, n.alertTable)
		groups = append(groups, n.alertGroup)
	}
	var errs []error
	refused := map[named]bool{}
	for _, t := range topics {
		if err := validTopicName(t.name); err != nil {
			errs = append(errs, fmt.Errorf("%s: topic name %q %w", t.setting, t.name, err))
			refused[t] = true
		}
	}
	// Kafka accepts any group name, but ours are also topic names, with a suffix.
	if err := validTopicName(n.ingestGroup.name); err != nil {
		errs = append(errs, fmt.Errorf("%s: group name %q %w", n.ingestGroup.setting, n.ingestGroup.name, err))
	}
	errs = append(errs, twice("topic", topics, refused), twice("group", groups, nil))
	for _, g := range groups[2:] { // whose transactional ids are their names
		if number, ok := strings.CutPrefix(g.name, n.heatGroup.name+"-"); ok && isNumber(number) {
			errs = append(errs, fmt.Errorf("%s: group name %q is also a transactional id of the group %s: choose another",
				g.setting, g.name, n.heatGroup.name))
		}
	}
	return errors.Join(errs...)
}

func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// twice reports every name that is used twice.
func twice(kind string, all []named, except map[named]bool) error {
	var errs []error
	own := map[string]string{} // name as shown in metrics -> its use
	for _, t := range all {
		// Kafka refuses two topics that differ only in '.' and '_', because their metrics would
		// have the same name.
		key := strings.ReplaceAll(t.name, ".", "_")
		if other, taken := own[key]; taken && !except[t] {
			errs = append(errs, fmt.Errorf("%s: %s name %q is already used by %s: choose another", t.setting, kind, t.name, other))
			continue
		}
		own[key] = t.setting
	}
	return errors.Join(errs...)
}

// MaxNameBytes is the maximum length of a topic name in Kafka.
const MaxNameBytes = 249

// validTopicName checks a name against the rules of
// org.apache.kafka.common.internals.Topic.
func validTopicName(name string) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case name == "." || name == "..":
		return errors.New(`must not be "." or ".."`)
	case len(name) > MaxNameBytes:
		return fmt.Errorf("is %d bytes long; Kafka allows at most %d", len(name), MaxNameBytes)
	}
	for _, r := range name {
		ok := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-'
		if !ok {
			return fmt.Errorf("contains %q; Kafka only allows letters, digits, '.', '_' and '-'", r)
		}
	}
	return nil
}
