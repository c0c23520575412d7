package failure

// What to do, by sections of docs/operations.md.
const (
	Recreated  = `see "A topic was recreated" in docs/operations.md`
	Missing    = `the table cannot become right by itself; see "A range is missing" in docs/operations.md`
	Gone       = `see "A range is missing" in docs/operations.md`
	Damaged    = `see "The changelog is damaged" in docs/operations.md`
	Malformed  = `was it written by a newer version of pageheat? Then upgrade this instance first; otherwise see "A record does not decode" in docs/operations.md`
	TooLarge   = `see "A message is too large" in docs/operations.md`
	Instance   = "another process has joined the consumer group with the same --instance-id: give each process its own, and stop all but one of those that share one; see \"Another process has the same --instance-id\" in docs/operations.md"
	Settings   = `see "The cluster refuses what pageheat needs" in docs/operations.md`
	Rights     = `see "A right is missing" in docs/operations.md`
	Partitions = `the pages of the table belong to the partitions that it had; see "The number of partitions has changed" in docs/operations.md`
	Version    = `run the version of pageheat that wrote it: the log line "started" of the other instances, and "pageheat version", name it; if pageheat did not write it, see "A record does not decode" in docs/operations.md`
	Deleted    = `see "Somebody has deleted pages from the table" in docs/operations.md`
	Output     = `see "Prefixes and outputs are mixed up" in docs/operations.md`
	WentBack   = `nothing of it was counted; see "The input went back" in docs/operations.md`
	Foreign    = `somebody else writes to this topic: give pageheat an output of its own; see "A record does not decode" in docs/operations.md`
)
