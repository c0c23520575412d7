package overview

import (
	"fmt"
	"slices"
	"strings"

	"pageheat/topology"
)

// The states of a consumer group that owns its partitions, and of one without members.
const (
	groupStable = "Stable"
	groupEmpty  = "Empty"
	groupDead   = "Dead"
)

// Problems returns what is wrong, a sentence each, the causes first. Lag alone is no problem, and
// neither are refused messages; see [State.Stalled].
func (s *State) Problems() []string {
	out := slices.Clone(s.Unknown)
	for _, b := range s.Brokers {
		if !b.Up {
			out = append(out, fmt.Sprintf("broker %d %s is down", b.ID, b.Address))
		}
	}
	if n := s.Replicas.Leaderless; n > 0 {
		out = append(out, fmt.Sprintf("%d partitions have no leader", n))
	}
	if n := s.Replicas.UnderReplicated; n > 0 {
		out = append(out, fmt.Sprintf("%d partitions are under-replicated", n))
	}
	for _, n := range s.Flow {
		out = append(out, n.problems()...)
	}
	for _, b := range s.Boards {
		if why := ofPartitions(b.Differ, "they define it in another way than the others, or do not have it"); why != "" {
			out = append(out, fmt.Sprintf("board %s is not updated: heat %s", b.Name, why))
		}
	}
	if why := s.DeadLetters.Unknown; why != "" {
		out = append(out, "dead letters: "+why)
	}
	if s.Lost != nil && *s.Lost > 0 {
		out = append(out, fmt.Sprintf("lost: up to %d messages of the input were deleted by retention before they were counted", *s.Lost))
	}
	return out
}

// Settling reports whether everything that is wrong may pass by itself within seconds, as after the start
// of instances: groups with members rebalance, or have not reported their progress yet.
func (s *State) Settling() bool {
	if len(s.Problems()) == 0 {
		return false
	}
	rest := *s
	rest.Flow = slices.DeleteFunc(slices.Clone(s.Flow), Node.settling)
	return len(rest.Problems()) == 0
}

// settling reports whether what is wrong with a topic or group may pass by itself. Of a topic that is a
// progress that is not known yet; whether somebody will report it, its group says.
func (n Node) settling() bool {
	if n.Kind == string(topology.Group) {
		return n.GroupState != "" && len(n.Members) > 0
	}
	return n.Unknown != "" && n.Records != nil
}

// problems of a topic or group.
func (n *Node) problems() []string {
	if n.Kind == string(topology.Group) {
		switch n.GroupState {
		case groupStable, "": // an unknown one has a reason
		case groupEmpty, groupDead:
			return []string{fmt.Sprintf("group %s has no members: no instance runs its role", n.Name)}
		default:
			return []string{fmt.Sprintf("group %s is rebalancing: %s", n.Name, n.GroupState)}
		}
		var free []int32
		for _, p := range n.Partitions {
			if p.Owner == "" && n.GroupState == groupStable {
				free = append(free, p.Partition)
			}
		}
		if why := ofPartitions(free, "no member owns them"); why != "" {
			return []string{fmt.Sprintf("group %s: %s", n.Name, why)}
		}
	}
	if n.Unknown != "" {
		return []string{n.Name + ": " + strings.TrimPrefix(n.Unknown, "group "+n.Name+": ")}
	}
	return nil
}

// Stalled returns a sentence for each partition of the input whose messages wait: between the
// two states the board did not advance, although there are messages that it does not include.
func (s *State) Stalled(before *State) []string {
	was := before.waiting()
	var out []string
	for partition, now := range s.waiting() {
		if then, known := was[partition]; known && then.board == now.board {
			out = append(out, fmt.Sprintf("partition %d of the input: %d messages are not on the board, and it does not advance", partition, now.messages))
		}
	}
	slices.Sort(out)
	return out
}

// Waits reports whether messages of the input are not on the board.
func (s *State) Waits() bool { return len(s.waiting()) > 0 }

// waiting has what is not on the board of a partition.
type waiting struct {
	messages int64
	board    int64 // the offset below which everything is on it
}

// waiting has the partitions of the input that are known to have messages which are not on the
// board.
func (s *State) waiting() map[int32]waiting {
	board := map[int32]int64{}
	var input string
	for _, n := range s.Flow {
		for _, p := range n.Behind {
			input, board[p.Partition] = p.Topic, *p.Committed
		}
	}
	out := map[int32]waiting{}
	for _, n := range s.Flow {
		if n.Name != input {
			continue
		}
		for _, p := range n.Partitions {
			if at, known := board[p.Partition]; known && p.Lag != nil && *p.Lag > 0 {
				out[p.Partition] = waiting{*p.Lag, at}
			}
		}
	}
	return out
}
