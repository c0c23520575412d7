package snapshot_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/pagefile"
	"pageheat/snapshot"
	"pageheat/topics"
	"pageheat/topology"
)

// boardWorld is a world whose table has boards, and whose messages have times and titles.
type boardWorld struct {
	*world
	boards []*boards.Board
	sent   [inputs][]*kgo.Record
}

// pages is how many pages have behaviours.
const pages = 23

// begin is the time of the first messages.
var begin = time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)

func newBoardWorld(t *testing.T) *boardWorld {
	w := &boardWorld{world: newWorld(t)}
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, d := range []boards.Definition{
		{Name: "hour", Kind: boards.Window, Window: time.Hour, Step: 5 * time.Minute},
		{Name: "trending", Kind: boards.Trending, HalfLife: 7 * time.Minute},
		{Name: "hours", Kind: boards.Calendar, Period: boards.Hour},
		{Name: "day", Kind: boards.Calendar, Period: boards.Day, Zone: berlin, MaxPerStep: "5"},
	} {
		b, err := boards.New(d)
		require.NoError(t, err)
		w.boards = append(w.boards, b)
	}
	return w
}

// send sends messages whose times are some hours around the beginning.
func (w *boardWorld) send(n int) {
	var all []*kgo.Record
	for q := range int32(inputs) {
		for i := range n {
			x := len(w.sent[q])*7 + int(q)*3
			message := fmt.Sprintf(`{"page":"/page%d","clicks":%d,"minutes":%d.5,"like":%d`, x%pages, x%7, x%30, x%3-1)
			if i%3 == 0 {
				message += fmt.Sprintf(`,"title":"title %d of %d","url":"/url%d"`, i, q, i)
			}
			message += "}"
			if i%13 == 5 {
				message = "invalid"
			}
			minute := (x*x*31 + i*5) % (6 * 60)
			r := &kgo.Record{Topic: w.topo.Input, Partition: q, Value: []byte(message), Timestamp: begin.Add(time.Duration(minute)*time.Minute + time.Duration(x)*time.Second)}
			w.sent[q] = append(w.sent[q], r)
			all = append(all, r)
		}
	}
	kafkatest.ProduceRecords(w.T, w.cluster, all...)
}

// counter is a heat partition that counts behaviours one by one, as the documents have it.
type counter struct {
	w     *boardWorld
	id    int32
	to    [inputs]int64
	now   time.Time
	late  []uint64
	pages map[string]*snapshot.Page

	forgotten map[string]*codec.Forgotten
}

func (w *boardWorld) counter(id int32) *counter {
	return &counter{w: w, id: id, to: [inputs]int64{-1, -1, -1}, now: begin, late: make([]uint64, len(w.boards)), pages: map[string]*snapshot.Page{}, forgotten: map[string]*codec.Forgotten{}}
}

// count counts the next message of an input partition.
func (c *counter) count(q int) {
	c.to[q]++
	r := c.w.sent[q][c.to[q]]
	var label codec.Label
	b, refusal := codec.ParseLabelled(r.Value, heat.DefaultLimits(), &label)
	if refusal != nil || topology.Partition(b.Page, tables) != c.id {
		return
	}
	if kept := c.forgotten[string(b.Page)]; kept != nil && !kept.Counts(c.w.ids[c.w.topo.Input], r.Partition, c.to[q]) {
		return
	}
	p := c.pages[string(b.Page)]
	if p == nil {
		p = &snapshot.Page{Name: string(b.Page), States: make([]boards.State, len(c.w.boards))}
		c.pages[p.Name] = p
	}
	p.Totals.Count(b)
	if stamp := (codec.Stamp{Timestamp: r.Timestamp.UnixMilli(), Partition: r.Partition, Offset: c.to[q]}); !label.IsZero() && (p.Label == nil || stamp.Compare(p.Label.Stamp) > 0) {
		p.Label = &codec.StampedLabel{Label: label, Stamp: stamp}
	}
	var one heat.Totals
	one.Count(b)
	for i, board := range c.w.boards {
		if place := board.Place(boards.MinuteOf(r.Timestamp)); board.Late(place.Slot, board.AsOf(c.now)) {
			c.late[i]++
		} else {
			p.States[i].Add(board, place, &one)
		}
	}
}

// forget takes in a request to forget a page.
func (c *counter) forget(page string, block bool) {
	delete(c.pages, page)
	c.forgotten[page] = &codec.Forgotten{Number: uint64(len(c.forgotten) + 1), Placed: topology.Hash(page), Blocked: block,
		Input: c.w.ids[c.w.topo.Input], To: slices.Clone(c.to[:])}
}

// commit writes the partition's state, with numbers of its own for the boards, and with what is left of boards
// that are gone.
func (c *counter) commit(shift int, since int64) {
	w := c.w
	p := codec.Progress{Input: w.ids[w.topo.Input], Behavior: w.ids[w.topo.Behavior], Partitions: tables, Next: 5,
		To: c.to[:], Begin: make([]int64, inputs), Lost: make([]uint64, inputs), NextBoard: 99}
	number := func(i int) uint64 { return uint64((i+shift)%len(w.boards)) * 3 }
	for i, b := range w.boards {
		d := b.Definition()
		p.Boards = append(p.Boards, codec.BoardProgress{Number: number(i), Name: d.Name, Counting: d.CountingHash(), Definition: d.Counting(),
			AsOf: b.AsOf(c.now), Late: c.late[i], Since: []int64{0, since}})
	}
	slices.SortFunc(p.Boards, func(a, b codec.BoardProgress) int { return int(a.Number) - int(b.Number) })
	var records []*kgo.Record
	for page, kept := range c.forgotten {
		p.Forget.Taken = max(p.Forget.Taken, kept.Number)
		records = append(records, w.record(c.id, codec.ForgottenKey(codec.HashPage(page)), codec.AppendForgotten(nil, kept)))
	}
	for _, page := range c.pages {
		p.Counted += page.Totals.Behaviours
		var states [][]byte
		for i := range page.States {
			if !page.States[i].Empty() {
				states = append(states, codec.AppendBoardState(nil, number(i), &page.States[i]))
				if len(states) == 1 {
					states = append(states, codec.AppendBoardState(nil, 77, &page.States[i]))
				}
			}
		}
		var record []byte
		switch {
		case page.Label != nil:
			record = codec.AppendPageLabelled(nil, &page.Totals, page.Label, len(states))
		case len(states) > 0:
			record = codec.AppendPageBoards(nil, &page.Totals, len(states))
		default:
			record = codec.AppendPageState(nil, &page.Totals)
		}
		for _, s := range states {
			record = append(record, s...)
		}
		records = append(records, w.record(c.id, page.Name, record))
	}
	records = append(records, w.record(c.id, codec.ProgressKey(c.id), codec.AppendProgress(nil, &p)))
	kafkatest.ProduceRecords(w.T, w.cluster, records...)
}

// all reads what a source has of pages, each as the heat table has it.
func (w *boardWorld) all(s snapshot.Source) map[string][]byte {
	all := map[string][]byte{}
	for page, err := range s.Pages(w.Context()) {
		require.NoError(w, err)
		all[page.Name] = page.Append(nil)
	}
	return all
}

// TestTakeBoards takes a snapshot of heat partitions that stand anywhere, with clocks that differ, and compares it
// with partitions that went on counting up to the cut with the greatest of the clocks. It is the same after
// a file, and in another number of partitions.
func TestTakeBoards(t *testing.T) {
	runs := uint64(12)
	if testing.Short() {
		runs = 3
	}
	for run := range runs {
		t.Run(fmt.Sprint(run), func(t *testing.T) { takeBoards(t, rand.New(rand.NewPCG(run, 0))) })
	}
}

func takeBoards(t *testing.T, random *rand.Rand) {
	const most = 40
	w := newBoardWorld(t)
	w.send(most)
	counters := make([]*counter, tables)
	for id := range counters {
		c := w.counter(int32(id))
		for q := range inputs {
			for range 1 + random.IntN(most) {
				c.count(q)
				if random.IntN(10) == 0 {
					c.now = c.now.Add([]time.Duration{time.Minute, 7 * time.Minute, 40 * time.Minute}[random.IntN(3)])
				}
				if page := fmt.Sprint("/page", random.IntN(pages)); random.IntN(20) == 0 && topology.Partition(page, tables) == c.id && c.forgotten[page] == nil {
					c.forget(page, random.IntN(2) == 0)
				}
			}
		}
		c.commit(id, int64(id))
		counters[id] = c
	}
	s, err := w.take()
	require.NoError(t, err)
	require.Empty(t, s.Others())
	cut := s.Cut()
	require.Len(t, cut.Boards, len(w.boards))
	latest := slices.MaxFunc(counters, func(a, b *counter) int { return a.now.Compare(b.now) }).now
	want, late, forgotten := map[string][]byte{}, make([]uint64, len(w.boards)), map[codec.PageHash]bool{}
	for _, c := range counters {
		c.now = latest
		for q := range inputs {
			for c.to[q] < cut.To[q] {
				c.count(q)
			}
		}
		for name, p := range c.pages {
			for i := range p.States {
				p.States[i].Drop(w.boards[i], w.boards[i].Held(w.boards[i].AsOf(latest)))
			}
			ordered := *p
			ordered.States = order(&cut, w.boards, p.States)
			want[name] = ordered.Append(nil)
		}
		for page, kept := range c.forgotten {
			forgotten[codec.HashPage(page)] = kept.Blocked
		}
		for i := range late {
			late[i] += c.late[i]
		}
	}
	for i, b := range w.boards {
		at := slices.IndexFunc(cut.Boards, func(o snapshot.Board) bool { return o.Name() == b.Definition().Name })
		require.Equal(t, b.AsOf(latest), cut.Boards[at].AsOf)
		require.Equal(t, late[i], cut.Boards[at].Late, cut.Boards[at].Name())
		require.Equal(t, []int64{0, tables - 1}, cut.Boards[at].Since)
	}
	require.Equal(t, want, w.all(s))
	require.Equal(t, forgotten, kept(s))

	var file bytes.Buffer
	out, err := pagefile.NewWriter(&file, pagefile.Config{Format: pagefile.JSONL, Created: time.Now(), Weights: heat.DefaultWeights()}, cut)
	require.NoError(t, err)
	for page, err := range s.Pages(w.Context()) {
		require.NoError(t, err)
		require.NoError(t, out.Write(&page))
	}
	require.NoError(t, out.Close(s.Kept(), s.Forgotten()))
	read, err := pagefile.Open(&file)
	require.NoError(t, err)
	require.Equal(t, text(t, cut), text(t, read.Cut()))

	to := w.other("v2", 5)
	_, err = w.seed(to, topics.FromProgress, read)
	require.NoError(t, err)
	moved, err := snapshot.Take(w.Context(), snapshot.Config{Cluster: w.clients, Topology: to, Limits: heat.DefaultLimits()})
	require.NoError(t, err)
	require.Equal(t, want, w.all(moved))
	require.Equal(t, forgotten, kept(moved))
	known, err := snapshot.ReadForgotten(w.Context(), w.clients, to.HeatTable, nil)
	require.NoError(t, err)
	count, _ := known.Count()
	require.Len(t, forgotten, count)
	for _, later := range []time.Duration{0, 3 * time.Minute, 70 * time.Minute, 26 * time.Hour} {
		lates := map[string]uint64{}
		for i, b := range w.boards {
			lates[b.Definition().Name] = late[i]
		}
		w.continues(to, latest.Add(later), counters, lates)
	}
	again := moved.Cut()
	again.Partitions = cut.Partitions
	require.Equal(t, text(t, cut), text(t, again))
}

// kept says which pages are forgotten, and whether they are blocked.
func kept(s snapshot.Source) map[codec.PageHash]bool {
	all := map[codec.PageHash]bool{}
	for hash, of := range s.Forgotten().All() {
		all[hash] = of.Blocked
	}
	return all
}

// TestTakeWithoutTitles: what partitions lack has titles, and the deployment ignores them.
func TestTakeWithoutTitles(t *testing.T) {
	w := newBoardWorld(t)
	w.send(20)
	for id := range int32(tables) {
		c := w.counter(id)
		for q := range inputs {
			for range 1 + int(id)*6 {
				c.count(q)
			}
		}
		for _, p := range c.pages {
			p.Label = nil
		}
		c.commit(0, 0)
	}
	s, err := snapshot.Take(t.Context(), snapshot.Config{Cluster: w.clients, Topology: w.topo, Limits: heat.DefaultLimits(), DropTitles: true})
	require.NoError(t, err)
	for page, err := range s.Pages(t.Context()) {
		require.NoError(t, err)
		require.Nil(t, page.Label, page.Name)
	}
}

// order returns states in the order of the cut's boards.
func order(cut *snapshot.Cut, all []*boards.Board, states []boards.State) []boards.State {
	ordered := make([]boards.State, len(states))
	for i, b := range all {
		ordered[slices.IndexFunc(cut.Boards, func(o snapshot.Board) bool { return o.Name() == b.Definition().Name })] = states[i]
	}
	return ordered
}

// text is a cut as it can be compared.
func text(t *testing.T, cut snapshot.Cut) string {
	all := make([]codec.BoardProgress, len(cut.Boards))
	for i := range all {
		all[i] = cut.Boards[i].Progress(i)
	}
	cut.Boards = nil
	b, err := json.Marshal([]any{cut, all})
	require.NoError(t, err)
	return string(b)
}
