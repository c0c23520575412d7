package store_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/store"
)

// rangeOf is a range of input partition 0.
func rangeOf(h codec.RangeHeader, pages map[string]uint64) []byte {
	if h.Input.IsZero() {
		h.Input = input()
	}
	if h.Targets == 0 {
		h.Targets, h.Target = parts, part
	}
	h.Limits = heat.DefaultLimits()
	b := codec.AppendRangeHeader(nil, h, len(pages))
	for _, page := range slices.Sorted(maps.Keys(pages)) {
		t := totals(pages[page])
		b = codec.AppendPageSum(b, page, &t)
	}
	return b
}

// applyAgain applies a range, and what it asks for is summed again.
func applyAgain(p *store.Partition, msg []byte, offset int64, sum func(store.Reread) store.Sums) (uint64, error) {
	var again []store.Sums
	for _, r := range p.Rereads(msg) {
		again = append(again, sum(r))
	}
	return p.Apply(msg, offset, again...)
}

// apply applies the range that follows, ten offsets long.
func apply(t require.TestingT, p *store.Partition, to *int64, pages map[string]uint64) {
	applyLong(t, p, to, 10, pages)
}

// applyLong applies the range that follows, of a given number of offsets.
func applyLong(t require.TestingT, p *store.Partition, to *int64, offsets int64, pages map[string]uint64) {
	progress, _ := p.Progress()
	msg := rangeOf(codec.RangeHeader{From: *to, To: *to + offsets}, pages)
	*to += offsets
	_, err := p.Apply(msg, progress.Next)
	require.NoError(t, err)
}

// drain takes all records of a checkpoint as committed, the first of them at an offset.
func drain(t require.TestingT, c *store.Checkpoint, offset int64) []record {
	require.NotNil(t, c)
	var records []record
	for {
		require.Equal(t, c.Size()+1-len(records), c.Len())
		key, value, more := c.Next(nil)
		if !more {
			c.Committed(offset + int64(len(records)) - 1)
			return records
		}
		records = append(records, record{key, value})
	}
}

func TestApplyCountsWhatFollows(t *testing.T) { onBoth(t, testApplyCountsWhatFollows) }

func testApplyCountsWhatFollows(t *testing.T, s kind) {
	p := s.started(t)
	n, err := p.Apply(rangeOf(codec.RangeHeader{Partition: 2, From: -1, To: 4}, map[string]uint64{"a": 2, "b": 1}), 6)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	n, err = p.Apply(rangeOf(codec.RangeHeader{Partition: 2, From: 4, To: 5}, map[string]uint64{"a": 1}), 7)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	progress, _ := p.Progress()
	require.Equal(t, codec.Progress{Input: input(), Behavior: behavior(), Partitions: parts, Next: 8, Counted: 4,
		To: []int64{codec.Unknown, codec.Unknown, 5}, Begin: []int64{0, 0, 0}, Lost: []uint64{0, 0, 0}}, progress)
	a, _, _ := p.Totals("a")
	require.Equal(t, totals(3), a)
	require.True(t, p.Ahead())
	require.False(t, p.Clean())
	require.Equal(t, 2, p.Dirty())
	require.NoError(t, p.Check())
}

func TestApplyTakesEmptyRanges(t *testing.T) { onBoth(t, testApplyTakesEmptyRanges) }

func testApplyTakesEmptyRanges(t *testing.T, s kind) {
	p := s.started(t)
	for offset, h := range []codec.RangeHeader{
		{From: -1, To: -1},               // an empty input partition
		{From: -1, To: 7},                // nothing of this partition's pages
		{Partition: 1, From: -1, To: -1}, // known from then on
	} {
		n, err := p.Apply(rangeOf(h, nil), int64(offset))
		require.NoError(t, err)
		require.Zero(t, n)
	}
	progress, _ := p.Progress()
	require.Equal(t, []int64{7, -1}, progress.To)
	require.EqualValues(t, 3, progress.Next)
	require.Zero(t, p.Dirty())
	require.True(t, p.Ahead(), "the progress must be written")
	require.Equal(t, []record{progressRecord(progress)}, drain(t, p.Checkpoint(), 0))
}

func TestApplyDropsWhatIsCounted(t *testing.T) { onBoth(t, testApplyDropsWhatIsCounted) }

func testApplyDropsWhatIsCounted(t *testing.T, s kind) {
	for name, h := range map[string]codec.RangeHeader{
		"the same again":  {From: -1, To: 9},
		"a part of it":    {From: 2, To: 5},
		"up to its end":   {From: 5, To: 9},
		"an empty range":  {From: 3, To: 3},
		"lost, but known": {From: -1, To: 5, Lost: true},
	} {
		p, to := s.started(t), int64(-1)
		apply(t, p, &to, map[string]uint64{"a": 2})
		pages := map[string]uint64{"a": 2}
		if h.From == h.To || h.Lost {
			pages = nil
		}
		n, err := p.Apply(rangeOf(h, pages), 1)
		require.NoError(t, err, name)
		require.Zero(t, n, name)
		progress, _ := p.Progress()
		require.Equal(t, codec.Progress{Input: input(), Behavior: behavior(), Partitions: parts, Next: 2, Counted: 2,
			To: []int64{9}, Begin: []int64{0}, Lost: []uint64{0}}, progress, name)
	}
}

func TestApplyTakesTheNewPartOfAnOverlap(t *testing.T) {
	onBoth(t, testApplyTakesTheNewPartOfAnOverlap)
}

func testApplyTakesTheNewPartOfAnOverlap(t *testing.T, s kind) {
	p, to := s.started(t), int64(-1)
	apply(t, p, &to, map[string]uint64{"a": 2, "b": 1})
	var asked []int64
	reread := func(r store.Reread) store.Sums {
		require.Equal(t, heat.DefaultLimits(), r.Header.Limits)
		asked = append(asked, r.From, r.To)
		return store.Sums{{Page: "a"}: {Totals: totals(1)}, {Page: "b"}: {Totals: totals(1)}}
	}
	n, err := applyAgain(p, rangeOf(codec.RangeHeader{From: 4, To: 14}, map[string]uint64{"a": 4, "b": 1, "c": 2}), 1, reread)
	require.NoError(t, err)
	require.EqualValues(t, 5, n)
	require.Equal(t, []int64{4, 9}, asked)
	for page, want := range map[string]uint64{"a": 5, "b": 1, "c": 2} {
		got, _, _ := p.Totals(page)
		require.Equal(t, totals(want), got, page)
	}
	progress, _ := p.Progress()
	require.Equal(t, []int64{14}, progress.To)
	require.EqualValues(t, 8, progress.Counted)

	empty := rangeOf(codec.RangeHeader{From: 4, To: 20}, nil)
	require.Empty(t, p.Rereads(empty))
	n, err = p.Apply(empty, 2)
	require.NoError(t, err)
	require.Zero(t, n, "what holds no pages has nothing to take off")
}

func TestApplyDeclaresLosses(t *testing.T) { onBoth(t, testApplyDeclaresLosses) }

func testApplyDeclaresLosses(t *testing.T, s kind) {
	p, to := s.started(t), int64(-1)
	apply(t, p, &to, map[string]uint64{"a": 1})
	for offset, h := range []codec.RangeHeader{
		{From: 5, To: 14, Lost: true}, // 9 was counted
		{From: -1, To: 14, Lost: true},
		{From: 14, To: 15, Lost: true},
	} {
		n, err := p.Apply(rangeOf(h, nil), int64(offset))
		require.NoError(t, err)
		require.Zero(t, n)
	}
	progress, _ := p.Progress()
	require.Equal(t, []uint64{6}, progress.Lost)
	require.Equal(t, []int64{15}, progress.To)
	to = 15
	apply(t, p, &to, map[string]uint64{"a": 1})
}

// What was gone before a partition of the input was ever heard of is not lost: the
// input begins above it. One that was heard of has promised its messages.
func TestApplyBeginsWhereTheInputBegins(t *testing.T) { onBoth(t, testApplyBeginsWhereTheInputBegins) }

func testApplyBeginsWhereTheInputBegins(t *testing.T, s kind) {
	p := s.started(t)
	for offset, c := range []struct {
		h    codec.RangeHeader
		want store.Applied
	}{
		{h: codec.RangeHeader{From: -1, To: 59, Lost: true}, want: store.Applied{Begins: true}},
		{h: codec.RangeHeader{From: -1, To: 59, Lost: true}}, // again, by the next owner of ingest
		{h: codec.RangeHeader{From: -1, To: 69, Lost: true}, want: store.Applied{Lost: 10, LostFrom: 60}},
		{h: codec.RangeHeader{Partition: 2, From: -1, To: -1}},
		{h: codec.RangeHeader{Partition: 2, From: -1, To: 4, Lost: true}, want: store.Applied{Lost: 5}},
	} {
		_, err := p.Apply(rangeOf(c.h, nil), int64(offset))
		require.NoError(t, err)
		got := p.Applied()
		require.Equal(t, c.h.To, got.Range.To)
		got.Range = codec.RangeHeader{}
		require.Equal(t, c.want, got, "range %d", offset)
	}
	progress, _ := p.Progress()
	require.Equal(t, []int64{69, codec.Unknown, 4}, progress.To)
	require.Equal(t, []int64{60, 0, 0}, progress.Begin)
	require.Equal(t, []uint64{10, 0, 5}, progress.Lost)
	_, err := p.Apply(rangeOf(codec.RangeHeader{Partition: 1, From: 3, To: 4, Lost: true}, nil), 9)
	require.ErrorIs(t, err, store.ErrGap, "somebody has promised what is below")
}

func TestApplyRefuses(t *testing.T) { onBoth(t, testApplyRefuses) }

func testApplyRefuses(t *testing.T, s kind) {
	for name, c := range map[string]struct {
		msg   []byte
		again []store.Sums
		want  string
		is    error
	}{
		"a gap": {msg: rangeOf(codec.RangeHeader{From: 10, To: 12}, map[string]uint64{"a": 1}),
			want: "input partition 0 was counted up to offset 9, the next range begins after 10", is: store.ErrGap},
		"an empty range beyond a gap": {msg: rangeOf(codec.RangeHeader{From: 10, To: 10}, nil), is: store.ErrGap},
		"a gap in a new input partition": {msg: rangeOf(codec.RangeHeader{Partition: 1, From: 0, To: 1}, map[string]uint64{"a": 1}),
			want: "input partition 1 was counted up to offset -1", is: store.ErrGap},
		"a loss beyond a gap": {msg: rangeOf(codec.RangeHeader{From: 10, To: 12, Lost: true}, nil), is: store.ErrGap},
		"another topic": {msg: rangeOf(codec.RangeHeader{Input: codec.TopicID{9}, From: 9, To: 12}, map[string]uint64{"a": 1}),
			want: codec.TopicID{9}.String(), is: store.ErrOtherInput},
		"another topic, though it would be dropped": {msg: rangeOf(codec.RangeHeader{Input: codec.TopicID{9}, From: -1, To: 3}, nil),
			is: store.ErrOtherInput},
		"an overlap that was not read again": {msg: rangeOf(codec.RangeHeader{From: 4, To: 12}, map[string]uint64{"a": 1}),
			want: "(4, 12] of input partition 0, which is counted up to offset 9: the part that is counted was not read again"},
		"an overlap with more than it holds": {msg: rangeOf(codec.RangeHeader{From: 4, To: 12}, map[string]uint64{"a": 1}),
			again: []store.Sums{{{Page: "a"}: {Totals: totals(2)}}}, want: `page "a"`},
		"an input partition that cannot be": {msg: rangeOf(codec.RangeHeader{Partition: 1 << 30, From: -1, To: -1}, nil),
			want: "input partition 1073741824", is: codec.ErrMalformed},
		"another number of heat partitions": {msg: rangeOf(codec.RangeHeader{Targets: 3, Target: 1, From: 9, To: 12}, nil),
			want: "P was 3 and is 5", is: codec.ErrOtherPartitions},
		"a range for another partition": {msg: rangeOf(codec.RangeHeader{Targets: parts, Target: 1, From: 9, To: 12}, nil),
			want: "for heat partition 1 is in partition 3", is: codec.ErrMalformed},
		"sums that overflow":        {msg: rangeOf(codec.RangeHeader{From: 9, To: 12}, map[string]uint64{"a": 1 << 52, "b": 1 << 52}), is: codec.ErrMalformed},
		"no range":                  {msg: []byte("page1|1|1|1"), is: codec.ErrMalformed},
		"a range cut short":         {msg: cutShort(rangeOf(codec.RangeHeader{From: 9, To: 12}, map[string]uint64{"a": 1, "b": 2})), is: codec.ErrMalformed},
		"a range with more behind":  {msg: append(rangeOf(codec.RangeHeader{From: 9, To: 12}, map[string]uint64{"a": 1}), 0), is: codec.ErrMalformed},
		"a message that is nothing": {msg: nil, is: codec.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			p, to := s.started(t), int64(-1)
			apply(t, p, &to, map[string]uint64{"a": 2})
			_, err := p.Apply(c.msg, 1, c.again...)
			require.Error(t, err)
			require.ErrorContains(t, err, c.want)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			require.ErrorIs(t, p.Check(), err, "unfit for use from then on")
			require.ErrorIs(t, p.Failed(), err)
			require.False(t, p.Clean())
			require.Nil(t, p.Checkpoint(), "nothing of it is written")
		})
	}
}

func cutShort(b []byte) []byte { return b[:len(b)-1] }

func TestBeginNamesTheTopicOnce(t *testing.T) { onBoth(t, testBeginNamesTheTopicOnce) }

func testBeginNamesTheTopicOnce(t *testing.T, s kind) {
	p := s.partition(t)
	p.Begin(behavior(), 4)
	p.Begin(codec.TopicID{9}, 0)
	progress, ok := p.Progress()
	require.True(t, ok)
	require.Equal(t, codec.Progress{Behavior: behavior(), Partitions: parts, Next: 4}, progress)
	require.True(t, p.Clean(), "nothing has to be written for it")
}

func TestOneCheckpointAtATime(t *testing.T) { onBoth(t, testOneCheckpointAtATime) }

func testOneCheckpointAtATime(t *testing.T, s kind) {
	p, to := s.started(t), int64(-1)
	require.Nil(t, p.Checkpoint(), "nothing was applied")
	apply(t, p, &to, map[string]uint64{"a": 1})
	c := p.Checkpoint()
	require.NotNil(t, c)
	require.False(t, p.Ahead())
	require.False(t, p.Clean(), "it is not known to be committed")
	apply(t, p, &to, map[string]uint64{"b": 1})
	require.Nil(t, p.Checkpoint(), "an earlier one is open")
	require.Len(t, drain(t, c, 5), 2)
	next := p.Checkpoint()
	c.Committed(99) // said twice: it is over
	at, _ := p.GetOffset(-1)
	require.EqualValues(t, 6, at)
	require.Nil(t, p.Checkpoint(), "the next one is open")
	require.Len(t, drain(t, next, 8), 2)
	require.True(t, p.Clean())
}

// While a checkpoint is written the partition goes on, and what is written is as it was
// at the checkpoint: after each commit the table holds the exact totals of then.
func TestCheckpointIsExact(t *testing.T) { onBoth(t, testCheckpointIsExact) }

func testCheckpointIsExact(t *testing.T, s kind) {
	names := []string{"a", "b", "c", "d", "e", "f"}
	rapid.Check(t, func(t *rapid.T) {
		p, to := s.started(t), int64(-1)
		now := map[string]uint64{}              // what is applied
		table := map[string][]byte{}            // what is committed
		var atCheckpoint map[string]uint64      // what was applied at the checkpoint
		var progressAtCheckpoint codec.Progress // and how far
		var checkpoint *store.Checkpoint
		var open []record
		t.Repeat(map[string]func(*rapid.T){
			"apply": func(t *rapid.T) {
				pages := rapid.MapOfN(rapid.SampledFrom(names), rapid.Uint64Range(1, 2), 0, 4).Draw(t, "pages")
				apply(t, p, &to, pages)
				for page, n := range pages {
					now[page] += n
				}
			},
			"lose": func(t *rapid.T) {
				progress, _ := p.Progress()
				_, err := p.Apply(rangeOf(codec.RangeHeader{From: to, To: to + 3, Lost: true}, nil), progress.Next)
				require.NoError(t, err)
				to += 3
			},
			"checkpoint": func(t *rapid.T) {
				if checkpoint != nil || !p.Ahead() {
					t.Skip()
				}
				checkpoint, open, atCheckpoint = p.Checkpoint(), nil, maps.Clone(now)
				progressAtCheckpoint, _ = p.Progress()
				progressAtCheckpoint.To = slices.Clone(progressAtCheckpoint.To)
				progressAtCheckpoint.Begin = slices.Clone(progressAtCheckpoint.Begin)
				progressAtCheckpoint.Lost = slices.Clone(progressAtCheckpoint.Lost)
				require.Equal(t, progressAtCheckpoint, *checkpoint.Progress())
			},
			"write": func(t *rapid.T) {
				if checkpoint == nil {
					t.Skip()
				}
				key, value, more := checkpoint.Next([]byte("before"))
				require.Equal(t, "before", string(value[:6]), "it appends")
				if more {
					open = append(open, record{key, value[6:]})
					return
				}
				require.Equal(t, codec.ProgressKey(part), open[len(open)-1].key, "the progress comes last")
				for _, r := range open {
					table[r.key] = r.value
				}
				checkpoint.Committed(to)
				checkpoint = nil
			},
			"": func(t *rapid.T) {
				for page, n := range now {
					got, _, _ := p.Totals(page)
					require.Equal(t, totals(n), got)
				}
				if checkpoint != nil || len(table) == 0 {
					return
				}
				require.Len(t, table, len(atCheckpoint)+1)
				for page, n := range atCheckpoint {
					require.Equal(t, pageRecord(page, n).value, table[page], "page %q", page)
				}
				require.Equal(t, progressRecord(progressAtCheckpoint).value, table[codec.ProgressKey(part)])
			},
		})
	})
}

// However the input is cut into ranges, and however often they come again, the
// totals are those of the input.
func TestAnyRangesGiveTheSameTotals(t *testing.T) { onBoth(t, testAnyRangesGiveTheSameTotals) }

func testAnyRangesGiveTheSameTotals(t *testing.T, s kind) {
	rapid.Check(t, func(t *rapid.T) {
		// Offset i holds a behaviour of the page, or none.
		input := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "c"}), 1, 30).Draw(t, "input")
		sum := func(from, to int64) map[string]uint64 {
			sums := map[string]uint64{}
			for _, page := range input[from+1 : to+1] {
				if page != "" {
					sums[page]++
				}
			}
			return sums
		}
		reread := func(r store.Reread) store.Sums {
			sums := store.Sums{}
			for page, n := range sum(r.From, r.To) {
				sums[codec.PageMinute{Page: page}] = codec.PageSum{Totals: totals(n)}
			}
			return sums
		}
		p := s.started(t)
		end := int64(len(input)) - 1
		done, counted := int64(-1), uint64(0)
		for offset := int64(0); done < end; offset++ {
			from := rapid.Int64Range(-1, done).Draw(t, "from")
			to := rapid.Int64Range(from, end).Draw(t, "to")
			msg := rangeOf(codec.RangeHeader{From: from, To: to}, sum(from, to))
			require.Equal(t, from < done && done < to && len(sum(from, to)) > 0, len(p.Rereads(msg)) > 0)
			n, err := applyAgain(p, msg, offset, reread)
			require.NoError(t, err)
			counted += n
			done = max(done, to)
			progress, _ := p.Progress()
			require.Equal(t, []int64{done}, progress.To)
			require.Equal(t, counted, progress.Counted)
			for page, n := range sum(-1, done) {
				got, _, _ := p.Totals(page)
				require.Equal(t, totals(n), got)
			}
		}
		require.NoError(t, p.Check())
	})
}

// A checkpoint has the label that a page had then, whatever the page is called meanwhile.
func TestACheckpointHasTheLabelsOfItsTime(t *testing.T) {
	onBoth(t, func(t *testing.T, s kind) {
		p := s.started(t)
		label := func(to int64, title string) {
			h := codec.RangeHeader{Input: input(), Targets: parts, Target: part, From: to - 1, To: to, Limits: heat.DefaultLimits()}
			b := codec.AppendRangeHeader(nil, h, 1)
			b = codec.AppendPageLabel(b, &h, 0, &codec.StampedLabel{Label: codec.Label{Title: title}, Stamp: codec.Stamp{Timestamp: to, Offset: to}})
			one := totals(1)
			_, err := p.Apply(codec.AppendPageSum(b, "a", &one), to)
			require.NoError(t, err)
		}
		before := p.DirtyBytes()
		label(0, "first")
		short := p.DirtyBytes()
		require.Greater(t, short, before)
		c := p.Checkpoint()
		label(1, "the second, a longer one")
		require.Greater(t, p.DirtyBytes(), short, "a title takes a part of the record")
		for i, want := range []string{"first", "the second, a longer one"} {
			if i > 0 {
				c = p.Checkpoint()
			}
			s, err := codec.DecodePage(drain(t, c, int64(10*i))[0].value)
			require.NoError(t, err)
			require.Equal(t, want, s.Label.Title)
		}
	})
}
