package topology

import (
	"strconv"
	"time"
)

// MaxMessageBytes is the maximum batch size of the output and of all of pageheat's own topics
// (max.message.bytes). It is the maximum that a producer may send at once and that a consumer
// must be able to fetch. It fits
//
//   - the leaders of a partition and a board of 1,000 pages with names of the maximum length of
//     1,024 bytes (at most 6 MiB, if every character of a name must be escaped in JSON);
//   - a range over 65,536 behaviours of different pages with names of 80 bytes; with longer
//     names ingest ends the range earlier.
//
// It is well below socket.request.max.bytes (100 MiB), which topics cannot override.
const MaxMessageBytes = 8 << 20

// DeadLetterOverhead is the size that a dead letter adds to its message, in bytes: headers and
// batch, rounded up. The dead-letter topic must accept the input's largest message plus this.
const DeadLetterOverhead = 16 << 10

// DefaultInputPartitions is the number of partitions of the input if pageheat creates it.
const DefaultInputPartitions = 3

// MinCompactionLag is how long the heat table keeps every record (min.compaction.lag.ms). It is
// the maximum time for a reader that needs the state at one offset (audit, a view that is
// catching up) from its first record to its last.
const MinCompactionLag = time.Hour

// MaxNameAge is about how long topics keep records that have the name of a page after others took their place
// (max.compaction.lag.ms, segment.ms): the name of a page that is forgotten has to leave.
const MaxNameAge = 24 * time.Hour

// TopicSpec has the requirements of a topic.
type TopicSpec struct {
	// Name is the topic's name.
	Name string
	// Holds describes its content in a few words.
	Holds string
	// Partitions is the exact number of partitions; 0: any.
	Partitions int
	// Replication is the number of replicas at creation.
	Replication int
	// CleanupPolicy is delete, compact, or empty for the broker's default.
	CleanupPolicy string
	// Config has the topic's settings by Kafka's names, including cleanup.policy.
	Config map[string]string
}

// The Kafka names of the topic settings that operators see.
const (
	SettingCleanupPolicy = "cleanup.policy"
	SettingMinInsync     = "min.insync.replicas"
)

// The names of the other settings.
const (
	retentionMs      = "retention.ms"
	retentionBytes   = "retention.bytes"
	segmentBytes     = "segment.bytes"
	segmentMs        = "segment.ms"
	maxMessageBytes  = "max.message.bytes"
	minCompactionLag = "min.compaction.lag.ms"
	maxCompactionLag = "max.compaction.lag.ms"
	uncleanElection  = "unclean.leader.election.enable"

	policyDelete  = "delete"
	policyCompact = "compact"
	unlimited     = "-1"
)

// Specs says how to set up the topics of pageheat's own and the output, in the
// order in which behaviours pass them. Behavior, HeatTable and Forget get that many
// partitions (above 0; fixed ever after, since a page's partition follows from
// their number); every topic gets a given number of replicas (above 0). The input is not
// among them, see [Topology.InputSpec].
func (t *Topology) Specs(partitions, replication int) []TopicSpec {
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	kib := func(n int) string { return strconv.Itoa(n << 10) }

	spec := func(name string, partitions int, policy string, config map[string]string) TopicSpec {
		config[SettingCleanupPolicy] = policy
		config[maxMessageBytes] = strconv.Itoa(MaxMessageBytes)
		config[SettingMinInsync] = strconv.Itoa(insync(replication))
		// A replica that lacks acknowledged records must never lead: counted behaviours would
		// be lost.
		config[uncleanElection] = "false"
		return TopicSpec{
			Name: name, Holds: t.holds(name), Partitions: partitions, Replication: replication,
			CleanupPolicy: policy, Config: config,
		}
	}
	specs := []TopicSpec{
		// Kept until it is applied and committed: only the owner of the table's partition
		// deletes the records, not retention. Kafka frees whole segments, so they are small.
		spec(t.Behavior, partitions, policyDelete, map[string]string{
			retentionMs:    unlimited,
			retentionBytes: unlimited,
			segmentMs:      ms(MaxNameAge), // its end bounds how long names stay
			segmentBytes:   kib(64 << 10),
		}),
		// Only closed segments are compacted, and a restore reads the whole log, so segments
		// are small.
		spec(t.HeatTable, partitions, policyCompact, map[string]string{
			minCompactionLag: ms(MinCompactionLag),
			maxCompactionLag: ms(MaxNameAge),
			segmentBytes:     kib(64 << 10),
		}),
		// Leaders are sent at least once a second, so an hour is only for people who look.
		spec(t.Leaders, 1, policyDelete, map[string]string{
			retentionMs:  ms(time.Hour),
			segmentMs:    ms(10 * time.Minute),
			segmentBytes: kib(16 << 10),
		}),
		// A request has the name of its page until compaction replaces it by what was taken in. The broker
		// closes a segment and compacts it in time for the maximum.
		spec(t.Forget, partitions, policyCompact, map[string]string{
			maxCompactionLag: ms(MaxNameAge),
			segmentBytes:     kib(16 << 10),
		}),
		spec(t.RankTable, 1, policyCompact, map[string]string{
			segmentMs:    ms(time.Hour),
			segmentBytes: kib(16 << 10),
		}),
		// Up to a hundred boards a second, and only the newest counts.
		spec(t.Output, 1, policyCompact, map[string]string{
			maxCompactionLag: ms(MaxNameAge),
			segmentMs:        ms(time.Hour),
			segmentBytes:     kib(64 << 10),
		}),
		spec(t.DeadLetter, 1, policyDelete, map[string]string{
			retentionMs:    unlimited,
			retentionBytes: unlimited,
		}),
	}
	if !t.HasEvents {
		return specs
	}
	return append(specs,
		spec(t.AlertTable, 1, policyCompact, map[string]string{
			segmentMs:    ms(time.Hour),
			segmentBytes: kib(16 << 10),
		}),
		// Readers that were away for longer have the boards.
		spec(t.Events, 1, policyDelete, map[string]string{
			retentionMs: ms(7 * 24 * time.Hour),
		}),
	)
}

// InputSpec says how to create the input where it does not exist, with that many
// replicas. How it is set up is its owner's business: pageheat only refuses one
// that is compacted, see [CheckInput].
func (t *Topology) InputSpec(replication int) TopicSpec {
	return TopicSpec{
		Name: t.Input, Holds: t.holds(t.Input),
		Partitions: DefaultInputPartitions, Replication: replication,
		Config: map[string]string{},
	}
}

// insync returns min.insync.replicas: one of three replicas may be missing, and an acknowledged
// record is on at least two machines.
func insync(replication int) int {
	if replication >= 3 {
		return 2
	}
	return 1
}
