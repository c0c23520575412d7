package topology

import (
	"strconv"
	"time"
)

// MaxMessageBytes is the largest batch that every topic of pageheat's own and the
// output take (max.message.bytes), and so the most that a producer may send at
// once and a consumer must be ready to fetch. It fits
//
//   - the leaders of a partition and a board of 1,000 pages whose names are
//     1,024 bytes long, the longest there are (at most 6 MiB, where every
//     character of a name has to be escaped in JSON);
//   - a range over 65,536 behaviours of different pages with names of 80 bytes;
//     with longer names ingest ends the range earlier.
//
// It stays well below socket.request.max.bytes (100 MiB), which no topic can raise.
const MaxMessageBytes = 8 << 20

// DeadLetterOverhead is what a dead letter adds to the message it holds: the
// headers, and the batch around it, in bytes, rounded up generously. The dead-letter
// topic must take the input's largest message and this.
const DeadLetterOverhead = 16 << 10

// DefaultInputPartitions is how many partitions the input gets where it does not exist.
const DefaultInputPartitions = 3

// MinCompactionLag is how long the table of heats keeps every record
// (min.compaction.lag.ms). A reader that needs the state at one offset (audit, a
// view that is catching up) may take as long as this from its first record to its last.
const MinCompactionLag = time.Hour

// TopicSpec is how a topic has to be set up.
type TopicSpec struct {
	// Name is the topic's name.
	Name string
	// Holds says in a few words what is in it.
	Holds string
	// Partitions is the exact number of partitions; 0: as it exists.
	Partitions int
	// Replication is the number of replicas that it is created with.
	Replication int
	// CleanupPolicy is delete, compact, or empty for the broker's default.
	CleanupPolicy string
	// Config holds the topic's settings by Kafka's names, cleanup.policy among them.
	Config map[string]string
}

// The names of the topic settings of Kafka's that operators are shown.
const (
	SettingCleanupPolicy = "cleanup.policy"
	SettingMinInsync     = "min.insync.replicas"
)

// The names of the others that are used here.
const (
	retentionMs      = "retention.ms"
	retentionBytes   = "retention.bytes"
	segmentBytes     = "segment.bytes"
	segmentMs        = "segment.ms"
	maxMessageBytes  = "max.message.bytes"
	minCompactionLag = "min.compaction.lag.ms"
	uncleanElection  = "unclean.leader.election.enable"

	policyDelete  = "delete"
	policyCompact = "compact"
	unlimited     = "-1"
)

// Specs says how to set up the topics of pageheat's own and the output, in the
// order in which behaviours pass them. Behavior and HeatTable get that many
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
		// A replica that lacks acknowledged records must never lead: what
		// was counted would be gone.
		config[uncleanElection] = "false"
		return TopicSpec{
			Name: name, Holds: t.holds(name), Partitions: partitions, Replication: replication,
			CleanupPolicy: policy, Config: config,
		}
	}
	return []TopicSpec{
		// Kept until it is applied and committed: the owner of the table's
		// partition deletes the records, never the clock. Whole segments
		// are freed, hence small ones.
		spec(t.Behavior, partitions, policyDelete, map[string]string{
			retentionMs:    unlimited,
			retentionBytes: unlimited,
			segmentBytes:   kib(64 << 10),
		}),
		// Only closed segments are compacted, and a restore reads the whole
		// log: hence small segments.
		spec(t.HeatTable, partitions, policyCompact, map[string]string{
			minCompactionLag: ms(MinCompactionLag),
			segmentBytes:     kib(64 << 10),
		}),
		// Sent again at least once a second, so an hour is for people who look.
		spec(t.Leaders, 1, policyDelete, map[string]string{
			retentionMs:  ms(time.Hour),
			segmentMs:    ms(10 * time.Minute),
			segmentBytes: kib(16 << 10),
		}),
		spec(t.RankTable, 1, policyCompact, map[string]string{
			segmentMs:    ms(time.Hour),
			segmentBytes: kib(16 << 10),
		}),
		// Up to a hundred boards a second, of which only the newest counts.
		spec(t.Output, 1, policyCompact, map[string]string{
			segmentMs:    ms(time.Hour),
			segmentBytes: kib(64 << 10),
		}),
		spec(t.DeadLetter, 1, policyDelete, map[string]string{
			retentionMs:    unlimited,
			retentionBytes: unlimited,
		}),
	}
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

// insync is min.insync.replicas: one replica may be missing where there are three,
// and an acknowledged record is on at least two machines.
func insync(replication int) int {
	if replication >= 3 {
		return 2
	}
	return 1
}
