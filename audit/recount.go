package audit

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/snapshot"
	"pageheat/topology"
)

// pair has the totals of one page in the table and in the input.
type pair struct {
	table, recount   heat.Totals
	inTable, inInput bool

	day codec.Day // in the table

	forgotten *codec.Forgotten // nil if the page was never forgotten
	sweeps    snapshot.Sweeps  // that may have dropped it
	lives     *snapshot.Lives  // if there are any: recount is known at the end
	looked    bool             // whether these are known
}

// tallyShards is the number of locks of a tally, because input partitions are recounted
// concurrently.
const tallyShards = 16

// tally holds the pages of one table partition. Its methods are safe for concurrent use. Only
// tallies grow with the number of pages.
type tally struct {
	seed   maphash.Seed
	shards [tallyShards]shard

	// input and forgotten are known before behaviours are counted.
	input     codec.TopicID
	forgotten *snapshot.Forgotten
}

type shard struct {
	mu    sync.Mutex
	pages map[string]*pair
}

func newTally() *tally {
	t := &tally{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].pages = make(map[string]*pair)
	}
	return t
}

// locked returns the pair of a page and its shard, locked.
func (t *tally) locked(page []byte) (*pair, *shard) {
	s := &t.shards[maphash.Bytes(t.seed, page)%tallyShards]
	s.mu.Lock()
	p := s.pages[string(page)]
	if p == nil {
		p = new(pair)
		s.pages[string(page)] = p
	}
	return p, s
}

// hold sets the totals in the table; nil if the table no longer has the page.
func (t *tally) hold(page []byte, state *codec.PageState) {
	p, s := t.locked(page)
	defer s.mu.Unlock()
	if p.inTable = state != nil; p.inTable {
		p.table, p.day = state.Totals, state.Day
	}
}

// settle sets what was counted since the last sweep that dropped a page, and returns how many behaviours that were before
// it do not count.
func (t *tally) settle() (before uint64) {
	t.each(func(_ string, p *pair) {
		if p.lives == nil {
			return
		}
		last, dropped := p.lives.Last(p.sweeps)
		p.recount, p.inInput, p.lives = last, last.Behaviours > 0, nil
		before += dropped.Behaviours
	})
	return before
}

// count counts one behaviour of the input, of a day, unless its page was forgotten after it. It reports whether
// it counts; settle says how many do not.
func (t *tally) count(b heat.Behaviour, input int32, offset int64, day codec.Day) bool {
	p, s := t.locked(b.Page)
	defer s.mu.Unlock()
	if !p.looked && t.forgotten != nil {
		p.forgotten, p.sweeps, p.looked = t.forgotten.Of(b.Page), t.forgotten.SweepsOf(b.Page, t.input), true
	}
	if p.forgotten != nil && !p.forgotten.Counts(t.input, input, offset) {
		return false
	}
	if len(p.sweeps) > 0 {
		if p.lives == nil {
			p.lives = new(snapshot.Lives)
		}
		p.lives.Count(p.sweeps, input, offset, day, &b)
		return true
	}
	p.recount.Count(b)
	p.inInput = true
	return true
}

// each calls f for every page, in no particular order. Do not call it concurrently with other
// methods.
func (t *tally) each(f func(page string, p *pair)) {
	for i := range t.shards {
		for page, p := range t.shards[i].pages {
			f(page, p)
		}
	}
}

// recount counts the input again.
type recount struct {
	cluster *kafka.Cluster
	input   snapshot.Topic
	limits  heat.Limits
	tallies []*tally         // by table partition
	states  []snapshot.State // by table partition; only read
	letters *deadLetters     // nil: do not check invalid messages
	differ  *differences
	read    func(offsets int)
}

// sums is the result of the recount of one input partition.
type sums struct {
	messages, invalid uint64   // as far as any progress covers them
	counted           []uint64 // valid behaviours by table partition
	forgotten         uint64   // valid behaviours that do not count because their pages were forgotten
	behind            uint64   // messages that their page's partition has not applied
}

// partition recounts one input partition at offsets in [from, to). Each message costs a parse
// and one lookup, and no memory unless its page is new.
func (c *recount) partition(ctx context.Context, input int, from, to int64) (sums, error) {
	got := sums{counted: make([]uint64, len(c.tallies))}
	covers, furthest := make([]int64, len(c.states)), int64(-1)
	for i := range c.states {
		covers[i] = c.states[i].Covers(input)
		furthest = max(furthest, covers[i])
	}
	each := func(r *kafka.Record, behaviour heat.Behaviour, refusal *codec.Refusal) {
		covered := r.Offset <= furthest
		if covered {
			got.messages++
		}
		if refusal != nil {
			if !covered {
				got.behind++
				return
			}
			got.invalid++
			if c.letters != nil && !c.letters.holds(r.Partition, r.Offset, r.Key, r.Value) {
				c.differ.add(Difference{
					Kind: KindDeadLetter, Topic: c.input.Name, Partition: r.Partition, Offset: r.Offset,
					Detail: fmt.Sprintf("refused (%v), but it has no dead letter", refusal),
				})
			}
			return
		}
		p := topology.Partition(behaviour.Page, len(c.tallies))
		switch {
		case r.Offset > covers[p]:
			got.behind++
		case c.tallies[p].count(behaviour, r.Partition, r.Offset, codec.DayOf(boards.MinuteOfMillis(r.Timestamp.UnixMilli()))):
			got.counted[p]++
		default:
			got.forgotten++
		}
	}
	err := snapshot.EachMessage(ctx, c.cluster, c.input, int32(input), from, to, c.limits, each, c.read)
	return got, err
}
