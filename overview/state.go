package overview

import "time"

// State is the overview at one time. Offsets only grow, so two of them give rates.
// Unknown values are nil, with a reason beside them.
type State struct {
	// At is when the cluster was asked.
	At time.Time `json:"at"`
	// Unknown names the failed requests and the reasons; empty if there are none.
	Unknown []string `json:"unknown"`
	// Brokers are those of the cluster, and those that hold replicas and are down.
	Brokers []Broker `json:"brokers"`
	// Replicas are those of the topics in Flow.
	Replicas Replicas `json:"replicas"`
	// Flow are topics and groups in the order in which a behaviour passes them.
	Flow []Node `json:"flow"`
	// Edges are the ways that records go between these nodes, and from and to what
	// stands outside.
	Edges []Edge `json:"edges"`
	// DeadLetters are the last ones.
	DeadLetters DeadLetters `json:"dead_letters"`
}

// Broker is one broker of the cluster.
type Broker struct {
	// ID is its number.
	ID int32 `json:"id"`
	// Address is where it is; empty if it has been down since this instance began.
	Address string `json:"address"`
	// Up says that the cluster counts on it.
	Up bool `json:"up"`
}

// Replicas says how many partitions miss some.
type Replicas struct {
	// UnderReplicated is how many partitions have fewer replicas in sync than they
	// have replicas.
	UnderReplicated int `json:"under_replicated"`
	// Leaderless is how many partitions have no leader: none of these can be
	// read or written.
	Leaderless int `json:"leaderless"`
}

// Node is a topic or a group.
type Node struct {
	// Name is its name.
	Name string `json:"name"`
	// Kind is stream, table or group.
	Kind string `json:"kind"`
	// Does says in a few words what it holds or does.
	Does string `json:"does"`
	// From are the nodes that write to it, or that it reads.
	From []string `json:"from"`
	// Records is the sum of the end offsets of a topic, or of those that a group has
	// committed; nil if one of them is unknown.
	Records *int64 `json:"records"`
	// Lag is the sum of the lags of its partitions, of rank that of Behind; nil where
	// one of them is not known, and where there is none.
	Lag *int64 `json:"lag"`
	// Unknown says why something of it is not known; empty if all is.
	Unknown string `json:"unknown,omitempty"`
	// Beside says that it is off the path of a behaviour: a table, or a topic that the
	// pipeline does not read.
	Beside bool `json:"beside,omitempty"`
	// GroupState is the state of a group, such as Stable; empty if it is not known.
	GroupState string `json:"group_state,omitempty"`
	// Members are those of a group.
	Members []Member `json:"members,omitempty"`
	// Partitions are those of a topic, or those that a group reads.
	Partitions []Partition `json:"partitions"`
	// Behind is, of the group rank, how far the board is behind the heat table, by
	// partition of the input: its End is the offset below which all heat partitions
	// have applied every message, its Committed that of the board.
	Behind []Partition `json:"behind,omitempty"`
}

// Edge is a way that records go.
type Edge struct {
	// From and To are names of nodes, or the words for what is outside.
	From string `json:"from"`
	To   string `json:"to"`
	// Records is how many have gone this way since the topic began; nil if it is not
	// known. Transactions count a little too: each leaves a marker in its partition.
	Records *int64 `json:"records"`
}

// Member is an instance in a group.
type Member struct {
	// ID is its member ID, or its instance ID where it has one.
	ID string `json:"id"`
	// Host is where it connects from.
	Host string `json:"host"`
	// Partitions are the numbers of those that it owns.
	Partitions []int32 `json:"partitions"`
}

// Partition is a partition of a topic, and how far a group has read it.
type Partition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// End is the offset after the last record; nil if it is not known.
	End *int64 `json:"end"`
	// Committed is the progress of a group: for ingest what it has committed, for heat
	// what it has applied in memory, by its leaders; nil if it has not begun, is unknown,
	// and for topics.
	Committed *int64 `json:"committed"`
	// Lag is the number of readable offsets that are not processed, up to the last
	// committed record: of the input, those that are not on the board; of ingest
	// and heat, those from Committed on. It is 0 if only control records and
	// aborted records are left, and nil if it is unknown.
	Lag *int64 `json:"lag"`
	// WaitsAt is where an open transaction begins, behind which nothing is read until
	// it ends; nil if there is none.
	WaitsAt *int64 `json:"waits_at,omitempty"`
	// Owner is the ID of the member that reads it; empty if there is none.
	Owner string `json:"owner,omitempty"`
}

// DeadLetters are the last messages that were refused.
type DeadLetters struct {
	// Total is how many there are in the topic; nil if it is not known.
	Total *int64 `json:"total"`
	// Unknown says why something of them is not known; empty if all is.
	Unknown string `json:"unknown,omitempty"`
	// Reasons counts the last ones, at most maxDeadLetters, by reason.
	Reasons map[string]int `json:"reasons"`
	// Samples are the newest ones, the newest first.
	Samples []DeadLetter `json:"samples"`
}

// DeadLetter is one of them.
type DeadLetter struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Detail string    `json:"detail"`
	// Message is the beginning of what was refused, as text.
	Message string `json:"message"`
}
