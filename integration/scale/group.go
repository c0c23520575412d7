package scale

import (
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// owner drives the stage of one partition.
type owner interface {
	// act does what can be done now, and reports whether the owner has come to its end.
	act() (ended bool)
	// end tells it that its session ends.
	end()
	// counts reports whether it has taken over.
	counts() bool
}

// members is a consumer group with eager rebalances: all owners give up everything, and then
// partitions are assigned by the strategy that production uses.
type members struct {
	w          *world
	role       string
	holders    []owner
	by         []*instance // who held a partition last
	began      time.Time   // of the rebalance; zero if there is none
	ending     bool        // the owners give up everything
	dead       time.Time   // when the group notices that a member is gone; zero if none is
	generation int32
}

func newMembers(w *world, role string, partitions int) *members {
	return &members{w: w, role: role, holders: make([]owner, partitions), by: make([]*instance, partitions), began: w.now, ending: true}
}

// crash ends an instance without a word.
func (w *world) crash(on *instance) {
	on.alive = false
	for _, g := range w.groups {
		for p, by := range g.by {
			if by == on && g.holders[p] != nil {
				g.holders[p] = nil
				g.by[p] = nil
				g.dead = w.now.Add(session)
			}
		}
	}
	for _, p := range w.tables {
		if p.by == on {
			p.abort()
		}
	}
}

// join starts an instance.
func (w *world) join(on *instance) {
	on.start()
	for _, g := range w.groups {
		g.rebalance()
	}
}

func (g *members) rebalance() {
	if g.began.IsZero() {
		g.began = g.w.now
	}
	g.ending = true
	for _, h := range g.holders {
		if h != nil {
			h.end()
		}
	}
}

// settled reports whether every partition has an owner that counts.
func (g *members) settled() bool {
	return g.began.IsZero() && g.dead.IsZero()
}

func (g *members) owned(on *instance) (partitions []int32) {
	for p, by := range g.by {
		if by == on {
			partitions = append(partitions, int32(p))
		}
	}
	return partitions
}

func (g *members) act() {
	w := g.w
	if !g.dead.IsZero() && !w.now.Before(g.dead) {
		g.dead = time.Time{}
		g.rebalance()
	}
	held, counting := 0, 0
	for p, h := range g.holders {
		if h == nil {
			continue
		}
		if held++; h.act() {
			g.holders[p] = nil
			held--
		} else if h.counts() {
			counting++
		}
		w.measure(Other)
	}
	switch {
	case g.began.IsZero():
	case g.ending && held == 0:
		g.ending = false
		g.assign()
	case !g.ending && counting == len(g.holders) && g.dead.IsZero():
		if g.generation > 1 {
			w.result.Rebalances++
			w.result.LongestRebalance = max(w.result.LongestRebalance, w.now.Sub(g.began))
		}
		g.began = time.Time{}
	}
}

// assign plans as the leader of the group does.
func (g *members) assign() {
	w := g.w
	w.measure(Plan)
	w.result.Plans++
	strategy := sarama.NewBalanceStrategySticky()
	joined := make(map[string]sarama.ConsumerGroupMemberMetadata)
	byName := make(map[string]*instance)
	for _, on := range w.instances {
		if !on.alive {
			continue
		}
		data, err := strategy.AssignmentData(on.name, map[string][]int32{g.role: g.owned(on)}, g.generation)
		if err != nil {
			w.fail("assigning: %w", err)
		}
		joined[on.name] = sarama.ConsumerGroupMemberMetadata{Topics: []string{g.role}, UserData: data}
		byName[on.name] = on
	}
	all := make([]int32, len(g.holders))
	for p := range all {
		all[p] = int32(p)
	}
	plan, err := strategy.Plan(joined, map[string][]int32{g.role: all})
	if err != nil {
		w.fail("assigning: %w", err)
		return
	}
	w.measure(Other)
	g.generation++
	for _, name := range slices.Sorted(maps.Keys(plan)) {
		on, owned := byName[name], plan[name][g.role]
		if g.role == "heat" {
			on.stores.Begin(owned)
		}
		for _, p := range owned {
			g.by[p] = on
			switch g.role {
			case "ingest":
				g.holders[p] = newIngest(w, on, int(p))
			case "heat":
				g.holders[p] = newHeat(w, on, int(p))
			default:
				g.holders[p] = newRank(w, on)
			}
		}
	}
}
