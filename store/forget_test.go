package store_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/store"
)

func forgetTopic() codec.TopicID { return codec.TopicID{9} }

// forgetRequest is a request to forget a page.
func forgetRequest(number byte, page string, block bool) *codec.Forget {
	return &codec.Forget{ID: codec.RequestID{number}, Hash: codec.HashPage(page), Page: page, Block: block, RequestedAt: 7, Placed: 5}
}

// restoreOwn restores records of which all tombstones are pageheat's.
func restoreOwn(t require.TestingT, p *store.Partition, records ...record) {
	for _, r := range records {
		if r.value == nil {
			require.NoError(t, p.Remove(r.key))
		} else {
			require.NoError(t, p.Set(r.key, r.value))
		}
	}
	require.NoError(t, p.MarkRecovered())
}

// known is what a partition says of a page: how many behaviours it has, 0 if it is not known.
func known(t require.TestingT, p *store.Partition, page string) uint64 {
	totals, ok, err := p.Totals(page)
	require.NoError(t, err)
	require.Equal(t, ok, totals.Behaviours > 0)
	return totals.Behaviours
}

func TestAForgottenPageIsGoneAndStartsAtZero(t *testing.T) {
	onBoth(t, testAForgottenPageIsGoneAndStartsAtZero)
}

func testAForgottenPageIsGoneAndStartsAtZero(t *testing.T, s kind) {
	p := s.partition(t)
	p.Begin(behavior(), 0)
	to := int64(-1)
	apply(t, p, &to, map[string]uint64{"a": 3, "b": 2})
	require.ErrorContains(t, func() error {
		q := s.partition(t)
		q.Begin(behavior(), 0)
		at := int64(-1)
		apply(t, q, &at, map[string]uint64{"a": 1})
		require.NotNil(t, q.Checkpoint())
		return q.Forget(forgetRequest(1, "a", false), forgetTopic(), 4)
	}(), "while a checkpoint is open")

	drain(t, p.Checkpoint(), 0)
	require.NoError(t, p.Forget(forgetRequest(1, "a", false), forgetTopic(), 4))
	require.Zero(t, known(t, p, "a"))
	require.Equal(t, 1, p.Len())
	progress, _ := p.Progress()
	require.EqualValues(t, 2, progress.Counted)
	require.Equal(t, codec.ForgetProgress{Topic: forgetTopic(), Next: 5, Taken: 1}, progress.Forget)
	var l codec.Leaders
	p.Leaders(&l)
	require.Equal(t, []codec.Leader{{Page: "b", Totals: totals(2)}}, l.Pages)

	c := p.Checkpoint()
	require.Equal(t, []*codec.Forget{forgetRequest(1, "a", false).Taken(1)}, c.Forgets())
	apply(t, p, &to, map[string]uint64{"a": 1}) // while the checkpoint is written
	var written []record
	for key, value, more := c.Next(nil); more; key, value, more = c.Next(nil) {
		written = append(written, record{key, value})
	}
	require.Len(t, written, 3)
	require.Equal(t, record{"a", nil}, written[0], "a tombstone")
	require.Equal(t, codec.ForgottenKey(codec.HashPage("a")), written[1].key)
	f, err := codec.DecodeForgotten(written[1].value)
	require.NoError(t, err)
	require.Equal(t, &codec.Forgotten{ID: codec.RequestID{1}, Number: 1, Placed: 5, RequestedAt: 7, Input: input(), To: []int64{9}}, f)
	require.Equal(t, codec.ProgressKey(part), written[2].key)
	c.Committed(9)
	require.EqualValues(t, 1, known(t, p, "a"), "what comes later starts at zero")
	require.Equal(t, 2, p.Len())

	// The same request again, from a topic that was copied, changes nothing more.
	drain(t, p.Checkpoint(), 9)
	require.NoError(t, p.Forget(forgetRequest(1, "a", false), codec.TopicID{10}, 0))
	require.EqualValues(t, 1, known(t, p, "a"))
	c = p.Checkpoint()
	require.Equal(t, []*codec.Forget{forgetRequest(1, "a", false).Taken(1)}, c.Forgets())
	progress, _ = p.Progress()
	require.Equal(t, codec.ForgetProgress{Topic: codec.TopicID{10}, Next: 1, Taken: 1}, progress.Forget)
}

func TestABlockedPageIsNotCounted(t *testing.T) { onBoth(t, testABlockedPageIsNotCounted) }

func testABlockedPageIsNotCounted(t *testing.T, s kind) {
	p := s.partition(t)
	p.Begin(behavior(), 0)
	to := int64(-1)
	require.NoError(t, p.Forget(forgetRequest(1, "a", true), forgetTopic(), 0), "of a page that is not known")
	apply(t, p, &to, map[string]uint64{"a": 3, "b": 2})
	require.Zero(t, known(t, p, "a"))
	require.EqualValues(t, 3, p.Applied().Blocked)
	require.EqualValues(t, 2, p.Applied().Counted)
	takeAll(t, p.Checkpoint())

	require.NoError(t, p.Forget(forgetRequest(2, "a", false), forgetTopic(), 1), "the newest request wins")
	apply(t, p, &to, map[string]uint64{"a": 1})
	require.EqualValues(t, 1, known(t, p, "a"))
	require.Zero(t, p.Applied().Blocked)
	require.NoError(t, p.Check())
}

// forgetWorld is a partition, its changelog, a follower of it, and what it should hold.
type forgetWorld struct {
	kind
	p, follower *store.Partition
	held        held
	next        int64 // request

	open      *store.Checkpoint
	atOpen    held
	records   []record
	committed held
	log       []record
}

// held is what there is at some time.
type held struct {
	to      int64
	pages   map[string]uint64
	blocked map[string]bool
}

func (h held) clone() held { return held{h.to, maps.Clone(h.pages), maps.Clone(h.blocked)} }

func (w *forgetWorld) restore(t *rapid.T) {
	w.open, w.records = nil, nil
	w.p = w.partition(t)
	restoreOwn(t, w.p, w.log...)
	require.NoError(t, w.p.Check())
	w.p.Begin(behavior(), 0)
	w.held = w.committed.clone()
}

func (w *forgetWorld) apply(t *rapid.T) {
	pages := rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "c", "d"}), rapid.Uint64Range(1, 3)).Draw(t, "pages")
	applyLong(t, w.p, &w.held.to, 20, pages)
	for page, n := range pages {
		if !w.held.blocked[page] {
			w.held.pages[page] += n
		}
	}
}

func (w *forgetWorld) forget(t *rapid.T) {
	if w.open != nil {
		return
	}
	page := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "page")
	r := forgetRequest(byte(w.next), page, rapid.Bool().Draw(t, "block"))
	if rapid.IntRange(0, 3).Draw(t, "by hash") == 0 {
		r.Page = ""
	}
	w.next++
	require.NoError(t, w.p.Forget(r, forgetTopic(), w.next))
	delete(w.held.pages, page)
	if w.held.blocked[page] = r.Block; !r.Block {
		delete(w.held.blocked, page)
	}
}

// write hands out a record of a checkpoint, or all of them.
func (w *forgetWorld) write(t *rapid.T, all bool) {
	if w.open == nil {
		w.atOpen = w.held.clone()
		if w.open = w.p.Checkpoint(); w.open == nil {
			return
		}
	}
	for {
		key, value, more := w.open.Next(nil)
		if more {
			w.records = append(w.records, record{key, value})
		}
		if !more {
			break
		}
		if !all {
			return
		}
	}
	w.log = append(w.log, w.records...)
	w.open.Committed(int64(len(w.log)) - 1)
	restoreOn(t, w.follower, w.records...)
	w.open, w.records, w.committed = nil, nil, w.atOpen
	same(t, w.follower, w.committed)
	if len(w.log) > 20 && rapid.Bool().Draw(t, "compact") {
		w.compact()
	}
}

// compact keeps the last record of each key, tombstones among them.
func (w *forgetWorld) compact() {
	last := map[string]int{}
	for i, r := range w.log {
		last[r.key] = i
	}
	var kept []record
	for i, r := range w.log {
		if last[r.key] == i {
			kept = append(kept, r)
		}
	}
	w.log = kept
}

// restoreOn has a partition that follows the changelog take records.
func restoreOn(t require.TestingT, p *store.Partition, records ...record) {
	p.Resume()
	restoreOwn(t, p, records...)
	require.NoError(t, p.Check())
}

// same compares a partition with what it should hold.
func same(t require.TestingT, p *store.Partition, want held) {
	total := uint64(0)
	for _, page := range []string{"a", "b", "c", "d"} {
		require.Equal(t, want.pages[page], known(t, p, page), page)
		total += want.pages[page]
	}
	require.Equal(t, len(want.pages), p.Len())
	progress, _ := p.Progress()
	require.Equal(t, total, progress.Counted)
	var l codec.Leaders
	p.Leaders(&l)
	got := map[string]uint64{}
	for _, leader := range l.Pages {
		got[leader.Page] = leader.Totals.Behaviours
	}
	require.Equal(t, want.pages, got)
}

// A partition, one restored from any checkpoint, and a follower hold what the rule says, in memory and on disk,
// whatever is forgotten, blocked and counted again in between, and whenever the changelog is compacted.
func TestForgettingIsExact(t *testing.T) { onBoth(t, testForgettingIsExact) }

func testForgettingIsExact(t *testing.T, s kind) {
	rapid.Check(t, func(t *rapid.T) {
		w := &forgetWorld{kind: s, committed: held{-1, map[string]uint64{}, map[string]bool{}}}
		w.follower = w.partition(t)
		w.restore(t)
		t.Repeat(map[string]func(*rapid.T){
			"apply":          w.apply,
			"forget":         w.forget,
			"write a record": func(t *rapid.T) { w.write(t, false) },
			"commit":         func(t *rapid.T) { w.write(t, true) },
			"crash":          w.restore,
			"":               func(t *rapid.T) { same(t, w.p, w.held) },
		})
	})
}

// What another program deletes of what is kept of a forgotten page is written again.
func TestADeletedRecordOfAForgottenPageIsMended(t *testing.T) {
	p := store.New(config(10))
	p.Begin(behavior(), 0)
	require.NoError(t, p.Forget(forgetRequest(1, "a", true), forgetTopic(), 0))
	records := takeAll(t, p.Checkpoint())
	q := store.New(config(10))
	restoreOwn(t, q, records...)
	q.Resume()
	require.NoError(t, q.Delete(codec.ForgottenKey(codec.HashPage("a"))))
	require.NoError(t, q.Check())
	require.Equal(t, 1, q.Mended())
	require.Equal(t, records, takeAll(t, q.Checkpoint()))
}

// takeAll takes all records of a checkpoint, which may take requests in.
func takeAll(t require.TestingT, c *store.Checkpoint) (records []record) {
	require.NotNil(t, c)
	for key, value, more := c.Next(nil); more; key, value, more = c.Next(nil) {
		records = append(records, record{key, value})
	}
	c.Committed(int64(len(records)) - 1)
	return records
}

// TestAForgottenTitleStaysForgotten: after a crash a range overlaps the progress, and its label of a page is that of a
// behaviour that was counted before, and is forgotten.
func TestAForgottenTitleStaysForgotten(t *testing.T) {
	onBoth(t, testAForgottenTitleStaysForgotten)
}

func testAForgottenTitleStaysForgotten(t *testing.T, s kind) {
	label := func(title string, offset int64) *codec.StampedLabel {
		return &codec.StampedLabel{Label: codec.Label{Title: title}, Stamp: codec.Stamp{Timestamp: 100 - offset, Offset: offset}}
	}
	for name, after := range map[string]*codec.StampedLabel{"no other title": nil, "an older title": label("new", 12)} {
		t.Run(name, func(t *testing.T) {
			p, to := s.started(t), int64(-1)
			apply(t, p, &to, map[string]uint64{"a": 2, "b": 2})
			require.NoError(t, p.Forget(forgetRequest(1, "a", false), forgetTopic(), 0))
			h := codec.RangeHeader{Input: input(), Targets: parts, Target: part, From: 4, To: 14, Limits: heat.DefaultLimits()}
			msg := codec.AppendRangeHeader(nil, h, 2)
			for _, page := range []string{"a", "b"} {
				sum := totals(2)
				msg = codec.AppendPageSum(codec.AppendPageLabel(msg, &h, 0, label("old", 7)), page, &sum)
			}
			_, err := applyAgain(p, msg, 1, func(r store.Reread) store.Sums {
				before := codec.PageSum{Totals: totals(1), Label: label("old", 7)}
				if r.From == 9 {
					require.EqualValues(t, 14, r.To)
					before.Label = after
				}
				return store.Sums{{Page: "a"}: before, {Page: "b"}: before}
			})
			require.NoError(t, err)
			a, _, err := p.Page("a")
			require.NoError(t, err)
			require.Equal(t, totals(1), a.Totals)
			require.Equal(t, after, a.Label)
			b, _, err := p.Page("b")
			require.NoError(t, err)
			require.Equal(t, label("old", 7), b.Label, "nobody forgot that one")
		})
	}
}
