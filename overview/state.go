package overview

import "time"

// State is the overview at one time. Offsets only grow, so two states give rates. Unknown
// values are nil, with a reason.
type State struct {
	// At is the time of the requests.
	At time.Time `json:"at"`
	// Unknown names the failed requests and the reasons; empty if there are none.
	Unknown []string `json:"unknown"`
	// Brokers are the cluster's brokers, and missing ones that hold replicas.
	Brokers []Broker `json:"brokers"`
	// Replicas are those of the topics in Flow.
	Replicas Replicas `json:"replicas"`
	// Flow are topics and groups in the order in which a behaviour passes them.
	Flow []Node `json:"flow"`
	// Edges are the paths of records between these nodes and the outside.
	Edges []Edge `json:"edges"`
	// DeadLetters are the latest ones.
	DeadLetters DeadLetters `json:"dead_letters"`
	// Lost is the maximum number of messages of the input that retention deleted before they
	// were counted; nil if it is unknown.
	Lost *int64 `json:"lost"`
	// ForgetRequests is the number of requests to forget pages that were taken in, and of days on which a heat partition has
	// dropped pages; nil if it is unknown.
	ForgetRequests *int64 `json:"forget_requests"`
	// Boards are those beside the board of all time, by name, as the heat partitions count them: those of which
	// leaders are known.
	Boards []Board `json:"boards"`
}

// Board is a board beside that of all time.
type Board struct {
	// Name is its name.
	Name string `json:"name"`
	// AsOf is the time that all heat partitions with the board have counted it as of.
	AsOf time.Time `json:"as_of"`
	// Differ are the heat partitions that do not have it, or define it in another way than most. The board is not
	// updated until there are none.
	Differ []int32 `json:"differ"`
}

// Broker is one broker of the cluster.
type Broker struct {
	// ID is its number.
	ID int32 `json:"id"`
	// Address is its address; empty if it has been down since this instance started.
	Address string `json:"address"`
	// Up reports whether the cluster considers it alive.
	Up bool `json:"up"`
}

// Replicas counts partitions with missing replicas.
type Replicas struct {
	// UnderReplicated is the number of partitions with fewer in-sync replicas than replicas.
	UnderReplicated int `json:"under_replicated"`
	// Leaderless is the number of partitions without a leader. These cannot be read or written.
	Leaderless int `json:"leaderless"`
}

// Node is a topic or a group.
type Node struct {
	// Name is its name.
	Name string `json:"name"`
	// Kind is stream, table or group.
	Kind string `json:"kind"`
	// Does describes in a few words what it holds or does.
	Does string `json:"does"`
	// From are the nodes that write to it, or that it reads.
	From []string `json:"from"`
	// Records is the sum of the end offsets of a topic, or of those that a group has
	// committed; nil if one of them is unknown.
	Records *int64 `json:"records"`
	// Lag is the sum of the lags of its partitions, for rank that of Behind; nil if one of them
	// is unknown, or there is none.
	Lag *int64 `json:"lag"`
	// Unknown is the reason for unknown values; empty if all are known.
	Unknown string `json:"unknown,omitempty"`
	// Beside reports that it is off the path of a behaviour: a table, or a topic that the
	// pipeline does not read.
	Beside bool `json:"beside,omitempty"`
	// GroupState is the state of a group, such as Stable; empty if it is not known.
	GroupState string `json:"group_state,omitempty"`
	// Members are the members of a group.
	Members []Member `json:"members,omitempty"`
	// Partitions are those of a topic, or those that a group reads.
	Partitions []Partition `json:"partitions"`
	// Behind is, of the group rank, how far the board is behind the heat table, by
	// partition of the input: its End is the offset below which all heat partitions
	// have applied every message, its Committed that of the board.
	Behind []Partition `json:"behind,omitempty"`
}

// Edge is a path of records.
type Edge struct {
	// From and To are names of nodes or of the outside.
	From string `json:"from"`
	To   string `json:"to"`
	// Records is the number of records that passed since the topic was created; nil if unknown.
	// Transaction markers are included.
	Records *int64 `json:"records"`
}

// Member is an instance in a group.
type Member struct {
	// ID is its member ID, or its instance ID where it has one.
	ID string `json:"id"`
	// Host is the address that it connects from.
	Host string `json:"host"`
	// Partitions are the partitions that it owns.
	Partitions []int32 `json:"partitions"`
}

// Partition is a partition of a topic, with the progress of a group.
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
	// WaitsAt is the start of an open transaction that blocks reading; nil if there is none.
	WaitsAt *int64 `json:"waits_at,omitempty"`
	// Owner is the ID of the member that reads it; empty if there is none.
	Owner string `json:"owner,omitempty"`
}

// DeadLetters are the latest refused messages.
type DeadLetters struct {
	// Total is the number in the topic; nil if unknown.
	Total *int64 `json:"total"`
	// Unknown is the reason for unknown values; empty if all are known.
	Unknown string `json:"unknown,omitempty"`
	// Reasons counts the latest maxDeadLetters by reason.
	Reasons map[string]int `json:"reasons"`
	// Samples are the newest ones, newest first.
	Samples []DeadLetter `json:"samples"`
}

// DeadLetter is a refused message.
type DeadLetter struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Detail string    `json:"detail"`
	// Message is the start of the message, as text.
	Message string `json:"message"`
}
