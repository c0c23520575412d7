package processors_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/store"
)

// labelsWorld has inputs whose behaviours have titles, the ranges that were sent, which may overlap, and a heat
// partition that counts them and is restored from what it has committed.
type labelsWorld struct {
	make      func() *store.Partition
	inputs    [3][]labelledMessage // by partition, at offsets from 0
	combiners [3]*processors.Combiner
	sent      [][]byte

	partition  *store.Partition
	checkpoint *store.Checkpoint
	writing    []keyed
	table      []keyed
}

type labelledMessage struct {
	value     []byte
	timestamp int64
}

type keyed struct {
	key   string
	value []byte
}

func newLabelsWorld(t *rapid.T, empty func() *store.Partition) *labelsWorld {
	w := &labelsWorld{make: empty}
	for p := range w.combiners {
		w.combiners[p] = processors.NewCombiner(int32(p), 1, heat.DefaultLimits())
		w.combiners[p].Start(codec.TopicID{1}, -1)
	}
	w.restore(t)
	return w
}

func (w *labelsWorld) restore(t *rapid.T) {
	if w.partition != nil {
		require.NoError(t, w.partition.Discard())
	}
	w.partition, w.checkpoint, w.writing = w.make(), nil, nil
	for _, r := range w.table {
		require.NoError(t, w.partition.Set(r.key, r.value))
	}
	require.NoError(t, w.partition.MarkRecovered())
	require.NoError(t, w.partition.Check())
	w.partition.Begin(codec.TopicID{2}, 0)
	w.partition.StartBoards()
}

// produce adds behaviours to an input partition.
func (w *labelsWorld) produce(t *rapid.T) {
	p := rapid.IntRange(0, 2).Draw(t, "input partition")
	for range rapid.IntRange(1, 4).Draw(t, "messages") {
		b := heat.Behaviour{Page: []byte(rapid.SampledFrom([]string{"a", "b", "c", "plain"}).Draw(t, "page")), Clicks: 1}
		m := labelledMessage{codec.AppendBehaviour(nil, b), rapid.Int64Range(0, 5).Draw(t, "timestamp") * 30_000}
		if string(b.Page) != "plain" && rapid.Bool().Draw(t, "has a title") {
			label := codec.NewLabel(fmt.Sprintf("%d-%d", p, len(w.inputs[p])), "")
			if rapid.Bool().Draw(t, "has an address") {
				label.URL = "/" + strings.Repeat("x", rapid.IntRange(0, 100).Draw(t, "length"))
			}
			m.value = codec.AppendLabelled(nil, b, &label)
		}
		w.inputs[p] = append(w.inputs[p], m)
	}
}

// send sends a range of what an input partition has. Its owner may be a new one, which starts at an earlier offset.
func (w *labelsWorld) send(t *rapid.T) {
	p := rapid.IntRange(0, 2).Draw(t, "input partition")
	c := w.combiners[p]
	if rapid.IntRange(0, 3).Draw(t, "new owner") == 0 {
		c.Start(codec.TopicID{1}, rapid.Int64Range(-1, c.To()).Draw(t, "from"))
	}
	last := rapid.Int64Range(c.To(), int64(len(w.inputs[p])-1)).Draw(t, "to")
	for offset := c.To() + 1; offset <= last; offset++ {
		m := w.inputs[p][offset]
		require.Nil(t, c.Add(offset, m.timestamp, m.value))
	}
	bound := c.Bytes()
	sent := append([]byte(nil), c.Flush()[0]...)
	require.LessOrEqual(t, len(sent), bound+codec.MaxRangeHeaderBytes)
	w.sent = append(w.sent, sent)
}

// apply applies the next ranges.
func (w *labelsWorld) apply(t *rapid.T, most int) {
	progress, _ := w.partition.Progress()
	for offset := progress.Next; offset < int64(len(w.sent)) && most > 0; offset++ {
		var again []store.Sums
		for _, r := range w.partition.Rereads(w.sent[offset]) {
			sums := processors.NewSecondRead(r.Header)
			for i, m := range w.inputs[r.Header.Partition][r.From+1 : r.To+1] {
				sums.Add(r.From+1+int64(i), m.timestamp, m.value)
			}
			again = append(again, sums.Sums())
		}
		_, err := w.partition.Apply(w.sent[offset], offset, again...)
		require.NoError(t, err)
		most--
	}
}

// write writes some of a checkpoint.
func (w *labelsWorld) write(most int) {
	if w.checkpoint == nil {
		w.checkpoint = w.partition.Checkpoint()
	}
	for ; w.checkpoint != nil && most > 0; most-- {
		key, value, more := w.checkpoint.Next(nil)
		if !more {
			w.table = append(w.table, w.writing...)
			w.checkpoint.Committed(int64(len(w.table)))
			w.checkpoint, w.writing = nil, nil
			return
		}
		w.writing = append(w.writing, keyed{key, value})
	}
}

// check compares the newest labels with those of the behaviours that were counted.
func (w *labelsWorld) check(t *rapid.T) {
	progress, _ := w.partition.Progress()
	want, stamps := map[string]codec.Label{}, map[string]codec.Stamp{}
	counted := map[string]bool{}
	for p, to := range progress.To {
		for offset := int64(0); offset <= to; offset++ {
			m := w.inputs[p][offset]
			var label codec.Label
			b, refusal := codec.ParseLabelled(m.value, heat.DefaultLimits(), &label)
			require.Nil(t, refusal)
			page, stamp := string(b.Page), codec.Stamp{Timestamp: m.timestamp, Partition: int32(p), Offset: offset}
			counted[page] = true
			if newest, known := stamps[page]; !label.IsZero() && (!known || stamp.Compare(newest) > 0) {
				want[page], stamps[page] = label, stamp
			}
		}
	}
	for page := range counted {
		s, known, err := w.partition.Page(page)
		require.NoError(t, err)
		require.True(t, known)
		if label, has := want[page]; has {
			require.Equal(t, &codec.StampedLabel{Label: label, Stamp: stamps[page]}, s.Label, page)
		} else {
			require.Nil(t, s.Label, page)
		}
	}
	var leaders codec.Leaders
	w.partition.Leaders(&leaders)
	if len(want) == 0 {
		want = nil
	}
	require.Equal(t, want, leaders.Labels)
}

// The newest label of a page is that of the newest behaviour with one, in whatever order and ranges behaviours
// are counted, however ranges overlap, and wherever the partition is restored.
func TestTheNewestLabelIsKept(t *testing.T) {
	plain := store.Config{Partitions: 1, Top: 10}
	window, err := boards.New(boards.Definition{Name: "hour", Kind: boards.Window, Window: 60 * 60e9})
	require.NoError(t, err)
	further := plain
	further.Boards = []*boards.Board{window}
	disk := store.DiskInMemory()
	for name, empty := range map[string]func() *store.Partition{
		"in memory":   func() *store.Partition { return store.New(plain) },
		"with boards": func() *store.Partition { return store.New(further) },
		"on disk": func() *store.Partition {
			p, err := disk.New(plain)
			require.NoError(t, err)
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := newLabelsWorld(t, empty)
				t.Repeat(map[string]func(*rapid.T){
					"produce": w.produce,
					"send":    w.send,
					"apply":   func(t *rapid.T) { w.apply(t, rapid.IntRange(1, 3).Draw(t, "ranges")) },
					"write":   func(t *rapid.T) { w.write(rapid.IntRange(1, 3).Draw(t, "records")) },
					"crash":   w.restore,
					"":        w.check,
				})
				w.apply(t, len(w.sent))
				w.check(t)
				w.write(1 << 20)
				w.write(1 << 20)
				w.restore(t)
				w.check(t)
				require.NoError(t, w.partition.Discard())
			})
		})
	}
}

func TestTitlesCanBeLeftOut(t *testing.T) {
	c := processors.NewCombiner(0, 1, heat.DefaultLimits())
	c.DropLabels()
	c.Start(codec.TopicID{1}, -1)
	require.Nil(t, c.Add(0, 0, []byte(`{"page":"a","clicks":1,"title":"A"}`)))
	with := append([]byte(nil), c.Flush()[0]...)
	c.Start(codec.TopicID{1}, -1)
	require.Nil(t, c.Add(0, 0, []byte(`a|1|0|0`)))
	require.Equal(t, c.Flush()[0], with)
}

// A board whose pages have other titles says something else.
func TestATitleChangesTheBoard(t *testing.T) {
	r := processors.NewRanker(processors.RankerConfig{Board: "all-time", Top: 10})
	r.Begin(1, 1, nil, nil)
	leaders := func(next int64, labels map[string]codec.Label) *codec.Leaders {
		return &codec.Leaders{Progress: codec.Progress{Partitions: 1, Next: next}, Definition: codec.Define(heat.DefaultWeights(), 10),
			Pages: []codec.Leader{{Page: "a"}, {Page: "b"}}, Labels: labels}
	}
	publish := func(l *codec.Leaders) *codec.Board {
		taken, err := r.Leaders(l)
		require.NoError(t, err)
		require.True(t, taken)
		b, _ := r.Board(time.UnixMilli(1_767_323_045_678), false)
		return b
	}
	require.NotNil(t, publish(leaders(1, nil)))
	require.Nil(t, publish(leaders(2, nil)))
	b := publish(leaders(3, map[string]codec.Label{"b": {Title: "B", URL: "/b"}}))
	require.NotNil(t, b)
	require.Equal(t, "B", b.Pages[1].Title)
	require.Equal(t, "/b", b.Pages[1].URL)
	require.Empty(t, b.Pages[0].Title)
	require.Nil(t, publish(leaders(4, map[string]codec.Label{"b": {Title: "B", URL: "/b"}})))
	require.NotNil(t, publish(leaders(5, map[string]codec.Label{"b": {Title: "C", URL: "/b"}})))
}
