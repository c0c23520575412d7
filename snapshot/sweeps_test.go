package snapshot_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/snapshot"
	"pageheat/topology"
)

// came is a behaviour of a page in the input.
type came struct {
	partition int32
	offset    int64
	day       codec.Day
}

// counted is the rule for a page: what came after the last sweep by which no behaviour spared the page.
func countedOf(sweeps []*codec.Sweep, all []came) (n uint64) {
	after := func(came) bool { return true }
	for _, s := range sweeps {
		covers := func(c came) bool { return s.Covers(s.Input, c.partition, c.offset) }
		if !slices.ContainsFunc(all, func(c came) bool { return covers(c) && s.Spares(c.partition, c.offset, c.day) }) {
			after = func(c came) bool { return !covers(c) }
		}
	}
	for _, c := range all {
		if after(c) {
			n++
		}
	}
	return n
}

// TestLivesAreThoseOfTheRule: in whatever order the input is read.
func TestLivesAreThoseOfTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sweeps snapshot.Sweeps
		to, from, day := []int64{-1, -1}, []int64{-1, -1}, codec.Day(10)
		for range rapid.IntRange(0, 5).Draw(t, "sweeps") {
			for i := range to {
				to[i] += rapid.Int64Range(0, 4).Draw(t, "to")
				if rapid.IntRange(0, 3).Draw(t, "unknown") == 0 { // after a migration
					from[i] = to[i]
				}
			}
			day += codec.Day(rapid.IntRange(1, 3).Draw(t, "days"))
			sweeps = append(sweeps, &codec.Sweep{Before: day, From: slices.Clone(from), To: slices.Clone(to)})
		}
		var all []came
		for partition := range int32(3) {
			for offset := range int64(20) {
				if rapid.IntRange(0, 2).Draw(t, "there") == 0 {
					all = append(all, came{partition, offset, codec.Day(rapid.IntRange(8, 28).Draw(t, "day"))})
				}
			}
		}
		var lives snapshot.Lives
		for _, c := range rapid.Permutation(all).Draw(t, "read") {
			lives.Count(sweeps, c.partition, c.offset, c.day, &heat.Behaviour{Clicks: 1})
		}
		last, before := lives.Last(sweeps)
		require.Equal(t, countedOf(sweeps, all), last.Behaviours)
		require.EqualValues(t, len(all), last.Behaviours+before.Behaviours)
		require.Equal(t, last.Behaviours, last.Clicks.Lo)
	})
}

// TestSweepsOfPages: those of the partitions that a page was in, in order, about the input that is read.
func TestSweepsOfPages(t *testing.T) {
	input := codec.TopicID{1}
	sweep := func(number uint64, partitions, partition int32, day codec.Day, input codec.TopicID) *codec.Sweep {
		return &codec.Sweep{Number: number, Partitions: partitions, Partition: partition, Before: day, Input: input}
	}
	f := snapshot.NewForgotten(nil) // of one partition
	require.False(t, f.HasSweeps())
	first, second, third := sweep(1, 2, 0, 10, input), sweep(2, 2, 1, 10, input), sweep(3, 1, 0, 11, input)
	for _, s := range []*codec.Sweep{third, sweep(4, 1, 0, 12, codec.TopicID{2}), first, second, second} {
		f.AddSweep(0, s)
	}
	for _, page := range []string{"a", "b", "c", "d"} {
		want := snapshot.Sweeps{first, third}
		if topology.Partition(page, 2) == 1 {
			want[0] = second
		}
		require.Equal(t, want, f.SweepsOf([]byte(page), input), page)
		require.Equal(t, want, f.SweepsOf([]byte(page), input), page)
		require.Len(t, f.SweepsOf([]byte(page), codec.TopicID{2}), 1)
	}
	require.Len(t, f.AllSweeps(), 4)
	require.Equal(t, codec.Offsets{{Partition: 0, Offset: 4}}, f.Taken())
	require.Equal(t, snapshot.Sweeps{first, second}, f.At(codec.Offsets{{Partition: 0, Offset: 2}}).AllSweeps())
	require.Nil(t, f.At(nil).AllSweeps())
}
