package processors_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/store"
)

// visit applies a range of one behaviour of each page, of some days before a time.
func (ht *heatTest) visit(at time.Duration, daysBefore int, pages ...string) {
	ht.Helper()
	h := codec.RangeHeader{Input: codec.TopicID{7}, Targets: ht.partitions, From: ht.to, To: ht.to + int64(len(pages)),
		Minute: boards.MinuteOf(after(at)) - boards.Minute(daysBefore*24*60), Limits: heat.DefaultLimits()}
	record := codec.AppendRangeHeader(nil, h, len(pages))
	for _, page := range pages {
		record = codec.AppendPageSum(record, page, &heat.Totals{Behaviours: 1})
	}
	_, err := ht.Apply(record, ht.offset, after(at))
	require.NoError(ht, err)
	ht.offset, ht.to = ht.offset+1, h.To
}

// startSweeping is a stage that drops pages after three days, and goes through one page at a time. It has the records of
// a table, if there are any.
func startSweeping(t *testing.T, records ...[2][]byte) *heatTest {
	return startSweepingWith(t, nil, records...)
}

// startSweepingWith is startSweeping with further boards.
func startSweepingWith(t *testing.T, further []*boards.Board, records ...[2][]byte) *heatTest {
	p := store.New(store.Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10, TurnPages: 1, Boards: further})
	for _, r := range records {
		require.NoError(t, p.Set(string(r[0]), r[1]))
	}
	require.NoError(t, p.MarkRecovered())
	require.NoError(t, p.Check())
	p.Begin(codec.TopicID{2}, 0)
	s := heatStart()
	s.ForgetAfter = 3
	progress, _ := p.Progress()
	return &heatTest{T: t, HeatStage: processors.NewHeatStage(p, s), partitions: 1, to: int64(progress.Counted) - 1, offset: progress.Next}
}

// fed are the actions without those that wait.
func fed(all []string) (some []string) {
	for _, a := range all {
		if !strings.HasPrefix(a, "wait") {
			some = append(some, a)
		}
	}
	return some
}

// until drives the stage, as time passes, until it has nothing to do at once.
func (ht *heatTest) until(at time.Duration) (all []string) {
	for range 100 {
		next := do(ht, after(at))
		all = append(all, fed(next)...)
		if last := next[len(next)-1]; last != "wait until "+at.String() {
			break
		}
	}
	return all
}

func TestHeatStageDropsPages(t *testing.T) {
	ht := startSweeping(t)
	require.Equal(t, []string{"feed leaders"}, ht.until(0))
	ht.LeadersSent()
	ht.visit(time.Second, 5, "/old", "/older", "/other")
	ht.visit(time.Second, 0, "/new")
	all := ht.until(time.Second)
	// The commit of the sweep has what was counted, and begins at once. No leaders are sent before it is done.
	require.Equal(t, []string{"feed write /old", "feed write /older", "feed write /other", "feed write /new"}, all[len(all)-6:len(all)-2], "%v", all)
	require.True(t, strings.HasPrefix(all[len(all)-2], "feed write |sweep|1|0|"), "%v", all)
	require.Equal(t, "feed "+progress, all[len(all)-1])
	require.NotContains(t, all[len(all)-6:], "feed leaders")
	require.Equal(t, 1, ht.Partition().Len(), "the pages are removed from memory meanwhile")
	require.Empty(t, ht.until(1100*ms))

	ht.Committed(17, after(1200*ms))
	require.Equal(t, []string{"commit 2"}, ht.until(1200*ms))
	require.Equal(t, []string{"feed leaders"}, ht.until(1202*ms))
	ht.LeadersSent()
	// What the table still has of the pages is removed by the next commit.
	all = ht.until(3 * time.Second)
	require.Subset(t, all, []string{"feed write /old", "feed write /older", "feed write /other", "feed " + progress})
	ht.Committed(23, after(3*time.Second))
	ht.LeadersSent()
	ht.until(3 * time.Second)
	require.EqualValues(t, 3, ht.Partition().Dropped())
	for at := 4 * time.Second; at < 9*time.Second; at += time.Second {
		for _, a := range ht.until(at) {
			require.Equal(t, "feed leaders", a, "nothing is dropped twice")
		}
		ht.LeadersSent()
	}
}

// TestHeatStageGoesOnWithASweep: an owner that takes over sends no leaders with pages that the one before had dropped.
func TestHeatStageGoesOnWithASweep(t *testing.T) {
	today := codec.DayOf(boards.MinuteOf(began()))
	page := func(name string, day codec.Day) [2][]byte {
		return [2][]byte{[]byte(name), codec.AppendPage(nil, &heat.Totals{Behaviours: 1}, nil, day, 0)}
	}
	p := codec.Progress{Input: codec.TopicID{7}, Behavior: codec.TopicID{2}, Partitions: 1, Next: 1, Counted: 3, To: []int64{2}, Begin: []int64{0}, Lost: []uint64{0},
		Forget: codec.ForgetProgress{Taken: 1}, Days: &codec.DaysProgress{Before: today - 3}}
	ht := startSweeping(t, page("/a", today-4), page("/b", today), page("/c", today-9), [2][]byte{[]byte(codec.ProgressKey(0)), codec.AppendProgress(nil, &p)})
	require.Equal(t, []string{"wait until 0s"}, do(ht, began()), "it removes one page")
	require.Equal(t, []string{"wait until 0s"}, do(ht, began()))
	require.Equal(t, []string{"feed leaders"}, ht.until(0))
	require.Equal(t, 1, ht.Partition().Len())
	require.Subset(t, ht.until(2*time.Second), []string{"feed write /a", "feed write /c", "feed " + progress})
}

// TestHeatStageClosesNoPeriodInASweep: the final board of a period says how much was counted when it was closed, with all of
// the pages that are dropped or without them.
func TestHeatStageClosesNoPeriodInASweep(t *testing.T) {
	board, err := boards.New(boards.Definition{Name: "hour", Kind: boards.Calendar, Period: boards.Hour, Grace: time.Minute})
	require.NoError(t, err)
	d, today := board.Definition(), codec.DayOf(boards.MinuteOf(began()))
	page := func(name string, day codec.Day) [2][]byte {
		return [2][]byte{[]byte(name), codec.AppendPage(nil, &heat.Totals{Behaviours: 1}, nil, day, 0)}
	}
	p := codec.Progress{Input: codec.TopicID{7}, Behavior: codec.TopicID{2}, Partitions: 1, Next: 1, Counted: 3, To: []int64{2}, Begin: []int64{0}, Lost: []uint64{0},
		Forget: codec.ForgetProgress{Taken: 1}, Days: &codec.DaysProgress{Before: today - 3}, NextBoard: 1,
		Boards: []codec.BoardProgress{{Name: d.Name, Counting: d.CountingHash(), Definition: d.Counting(), AsOf: boards.MinuteOf(after(-time.Hour))}}}
	ht := startSweepingWith(t, []*boards.Board{board}, page("/a", today-4), page("/b", today), page("/c", today-9),
		[2][]byte{[]byte(codec.ProgressKey(0)), codec.AppendProgress(nil, &p)})
	require.Contains(t, ht.until(0), "feed leaders")
	closings := ht.Partition().BoardProgress()[0].Closings
	require.Len(t, closings, 1)
	require.Equal(t, boards.MinuteOf(began()), closings[0].AsOf)
	require.EqualValues(t, 1, closings[0].Counted, "the pages are dropped, whether they are removed or not")
}

// TestHeatStageSendsNewBoardsAsOfNow although the pages that an owner before has dropped are removed first.
func TestHeatStageSendsNewBoardsAsOfNow(t *testing.T) {
	board, err := boards.New(boards.Definition{Name: "hour", Kind: boards.Calendar, Period: boards.Hour, Grace: time.Minute})
	require.NoError(t, err)
	today := codec.DayOf(boards.MinuteOf(began()))
	p := codec.Progress{Input: codec.TopicID{7}, Behavior: codec.TopicID{2}, Partitions: 1, Next: 1, Counted: 2, To: []int64{1}, Begin: []int64{0}, Lost: []uint64{0},
		Forget: codec.ForgetProgress{Taken: 1}, Days: &codec.DaysProgress{Before: today - 3}}
	ht := startSweepingWith(t, []*boards.Board{board},
		[2][]byte{[]byte("/a"), codec.AppendPage(nil, &heat.Totals{Behaviours: 1}, nil, today-4, 0)},
		[2][]byte{[]byte("/b"), codec.AppendPage(nil, &heat.Totals{Behaviours: 1}, nil, today, 0)},
		[2][]byte{[]byte(codec.ProgressKey(0)), codec.AppendProgress(nil, &p)})
	a := ht.Next(began())
	for ; a.Do != processors.DoFeed; a = ht.Next(began()) {
		require.Equal(t, processors.DoWait, a.Do)
		require.False(t, a.Until.After(began()), "it goes on at once")
	}
	require.Equal(t, codec.FeedLeaders, a.Kind())
	require.Equal(t, boards.MinuteOf(began()), ht.Partition().BoardProgress()[0].AsOf)
}

// TestHeatStageDropsNothing without the setting, whatever the days are.
func TestHeatStageDropsNothing(t *testing.T) {
	ht := startHeat(t, heatStart())
	ht.visit(time.Second, 500, "/old")
	ht.visit(time.Second, 0, "/new")
	for at := time.Second; at < 6*time.Second; at += time.Second {
		for _, a := range ht.until(at) {
			require.NotContains(t, a, "sweep")
		}
		ht.LeadersSent()
	}
	require.Equal(t, 2, ht.Partition().Len())
	progress, _ := ht.Partition().Progress()
	require.Nil(t, progress.Days)
}
