package failure

// The parts of several hints.
const (
	startOver  = "start over with `pageheat reset` and `pageheat topics create`, which counts what the input still has"
	keepTotals = "stop all instances, and run `pageheat reset --keep-totals` and `pageheat topics create`, which keeps the totals"
)

// What to do: commands in backquotes, and the section of docs/operations.md that explains them.
const (
	Recreated    = startOver + "; or, to keep the totals, use `pageheat reset --keep-totals` instead; see \"A topic was recreated\" in docs/operations.md"
	StartOver    = startOver + "; see \"A topic was recreated\" in docs/operations.md"
	Missing      = "the table cannot become right by itself: " + keepTotals + "; see \"A range is missing\" in docs/operations.md"
	Gone         = keepTotals + "; see \"A range is missing\" in docs/operations.md"
	Damaged      = startOver + "; see \"The changelog is damaged\" in docs/operations.md"
	Malformed    = "was it written by a newer version of pageheat? Then upgrade this instance first (`pageheat version` names its version); otherwise " + keepTotals + "; see \"A record does not decode\" in docs/operations.md"
	TooLarge     = "`pageheat topics check` compares the topic's settings; see \"A message is too large\" in docs/operations.md"
	Instance     = "another process has joined the consumer group with the same --instance-id: give each process its own (`pageheat run --instance-id NAME`), and stop all but one of those that share one; see \"Another process has the same --instance-id\" in docs/operations.md"
	Settings     = "`pageheat topics check` compares the topics' settings, and `pageheat config show` prints those of pageheat; see \"The cluster refuses what pageheat needs\" in docs/operations.md"
	Rights       = "`pageheat topics acls --principal User:NAME --roles ROLES` prints the commands for all rights that roles and commands need; see \"A right is missing\" in docs/operations.md"
	Partitions   = "the pages of the table belong to the partitions that it had: " + startOver + "; see \"The number of partitions has changed\" in docs/operations.md"
	Version      = "upgrade this instance: another version of pageheat wrote it, which the log line \"started\" of the other instances names (`pageheat version` names this one); if pageheat did not write it, see \"A record does not decode\" in docs/operations.md"
	Deleted      = "forget each of these pages with `pageheat forget PAGE`, and the partition continues without what was counted of it; or " + startOver + "; see \"Somebody has deleted pages from the table\" in docs/operations.md"
	Tombstone    = "revoke the right to write to the topic; see \"Somebody has deleted pages from the table\" in docs/operations.md"
	Output       = "give each deployment names of its own (`pageheat run --prefix NAME --output NAME`); if `pageheat switch --from PREFIX --to PREFIX` handed the output over, stop this one; see \"Prefixes and outputs are mixed up\" in docs/operations.md"
	WentBack     = "nothing of it was counted: start the instance again with `pageheat run`, and compare the totals with `pageheat audit`; see \"The input went back\" in docs/operations.md"
	Foreign      = "somebody else writes to this topic: revoke the right, and " + keepTotals + "; see \"A record does not decode\" in docs/operations.md"
	ShowSettings = "`pageheat config show` prints the settings that are used and where each comes from"
	Clock        = "correct the clock, and start the instance again with `pageheat run`; see \"Records are refused by their time\" in docs/operations.md"
	Members      = "`pageheat status` shows the members; static members leave after --session-timeout"
)
