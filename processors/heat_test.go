package processors_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/store"
)

// heatTest drives the stage of heat partition 0.
type heatTest struct {
	*testing.T
	*processors.HeatStage
	partitions int32
	offset, to int64 // of the next range
	made       int   // pages
}

func heatStart() processors.HeatStart {
	return processors.HeatStart{Now: began(), Partitions: 1, PublishEvery: 5 * ms, CommitEvery: 30 * time.Second,
		Transaction: time.Minute, Bounds: processors.DefaultHeatBounds()}
}

func startHeat(t *testing.T, s processors.HeatStart) *heatTest {
	p := store.New(store.Config{Partitions: s.Partitions, Scorer: heat.DefaultWeights(), Top: 10})
	p.Begin(codec.TopicID{2}, 0)
	require.NoError(t, p.MarkRecovered())
	ht := &heatTest{T: t, HeatStage: processors.NewHeatStage(p, s), partitions: s.Partitions, to: -1}
	require.Equal(t, []string{"feed leaders", "wait until 1s"}, do(ht, began()), "a new ranking owner waits for leaders")
	ht.LeadersSent()
	return ht
}

// apply applies a range of new pages with a given number of behaviours each, at a time.
func (ht *heatTest) apply(at time.Duration, pages int, behaviours uint64) {
	ht.Helper()
	span := int64(pages) * int64(behaviours)
	h := codec.RangeHeader{Input: codec.TopicID{7}, Targets: ht.partitions, From: ht.to, To: ht.to + span, Limits: heat.DefaultLimits()}
	record := codec.AppendRangeHeader(nil, h, pages)
	for range pages {
		ht.made++
		record = codec.AppendPageSum(record, fmt.Sprint("/", ht.made), &heat.Totals{Behaviours: behaviours})
	}
	applied, err := ht.Apply(record, ht.offset, after(at))
	require.NoError(ht, err)
	require.EqualValues(ht, span, applied.Counted)
	ht.offset, ht.to = ht.offset+1, ht.to+span
}

// progress is the last record of a commit.
const progress = "write |progress|0"

func TestHeatStageCommitsWhenItIsQuiet(t *testing.T) {
	ht := startHeat(t, heatStart())
	ht.apply(10*ms, 2, 1)
	require.Equal(t, []string{"wait until 11ms"}, do(ht, after(10*ms)))
	require.Equal(t, []string{"feed leaders", "wait until 110ms"}, do(ht, after(11*ms)))
	ht.LeadersSent()
	require.Equal(t, []string{"wait until 110ms"}, do(ht, after(109*ms)))
	require.Equal(t, []string{"feed write /1", "feed write /2", "feed " + progress, "wait until 1s"}, do(ht, after(110*ms)))
	require.Equal(t, []string{"wait until 1s"}, do(ht, after(115*ms)), "there is nothing else to write")
	ht.Committed(17, after(120*ms))
	require.Equal(t, []string{"commit 1", "wait until 1s"}, do(ht, after(120*ms)))
	at, err := ht.Partition().GetOffset(-1)
	require.NoError(t, err)
	require.EqualValues(t, 17, at)
	pages, took := ht.LastCommit()
	require.Equal(t, 2, pages)
	require.Equal(t, 10*ms, took)
	require.Equal(t, 5*ms, ht.PageTime(after(time.Hour)))
	require.True(t, ht.Partition().Clean())

	ht.apply(200*ms, 1, 1)
	require.Equal(t, []string{"wait until 1.12s"}, do(ht, after(300*ms))[1:], "a second after the last one")
	require.Contains(t, do(ht, after(1120*ms)), "feed "+progress)
}

// The last record of a commit is the one whose acknowledgement is the commit's, and
// records name their partition.
func TestHeatStageWritesRecords(t *testing.T) {
	ht := startHeat(t, heatStart())
	ht.apply(0, 1, 3)
	a := ht.Next(after(time.Second))
	require.Equal(t, codec.FeedLeaders, a.Kind())
	page, last := ht.Next(after(time.Second)), ht.Next(after(time.Second))
	require.Equal(t, []string{"/1", codec.ProgressKey(0)}, []string{page.Key, last.Key})
	require.Equal(t, []bool{true, false, true}, []bool{a.Ack, page.Ack, last.Ack})
	partition, value, err := codec.SplitWrite(page.Value[1:])
	require.NoError(t, err)
	require.Zero(t, partition)
	totals, err := codec.DecodePageState(value)
	require.NoError(t, err)
	require.EqualValues(t, 3, totals.Behaviours)
}

// When a commit begins while ranges keep coming.
func TestHeatStageCommitsUnderLoad(t *testing.T) {
	const partitions = 12
	for _, c := range []struct {
		name       string
		took       time.Duration // of the commit before
		behaviours uint64        // of the range that came last
		want       time.Duration // from that commit to the next
	}{
		{"soon while commits take no time", ms, 1, time.Second},
		{"a thirtieth of the time, at most", 100 * ms, 1, 3 * time.Second},
		{"not later than it may", 10 * time.Second, 1, 30 * time.Second},
		{"seldom while there is a backlog", ms, 40_000 / partitions, 30 * time.Second},
		{"a range of whom is caught up", ms, 16_384/partitions - 1, time.Second},
		{"a range of whom is not", ms, 16_384/partitions + 1, 30 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := heatStart()
			s.Partitions = partitions
			ht := startHeat(t, s)
			ht.apply(0, 1, 1)
			do(ht, after(100*ms)) // it is quiet: a commit begins
			at := 100*ms + c.took
			ht.Committed(1, after(at))
			do(ht, after(at))
			begun := time.Duration(0)
			for begun == 0 {
				at += 50 * ms
				ht.apply(at, 1, c.behaviours)
				for _, said := range do(ht, after(at)) {
					if strings.HasPrefix(said, "feed write") {
						begun = at
					}
				}
			}
			require.InDelta(t, c.want, begun-100*ms-c.took, float64(50*ms))
		})
	}
}

// A backlog's end makes commits frequent again.
func TestHeatStageCommitsSoonAfterABacklog(t *testing.T) {
	ht := startHeat(t, heatStart())
	ht.apply(200*ms, 1, 40_000)
	require.NotContains(t, do(ht, after(200*ms)), "feed "+progress)
	ht.apply(301*ms, 1, 1)
	require.Contains(t, do(ht, after(301*ms)), "feed "+progress)
}

func TestHeatStageSendsLeaders(t *testing.T) {
	ht := startHeat(t, heatStart())
	ht.apply(1*ms, 1, 1)
	require.NotContains(t, do(ht, after(4*ms)), "feed leaders", "not before the publishing time is over")
	require.Contains(t, do(ht, after(5*ms)), "feed leaders")
	ht.apply(6*ms, 1, 1)
	require.NotContains(t, do(ht, after(40*ms)), "feed leaders", "some are on their way")
	ht.LeadersSent()
	require.Contains(t, do(ht, after(41*ms)), "feed leaders")
	ht.LeadersSent()
	ht.apply(50*ms, 1, 1)
	require.NotContains(t, do(ht, after(50*ms)), "feed leaders", "more may have come in the same fetch")
	require.Contains(t, do(ht, after(51*ms)), "feed leaders")
	ht.LeadersSent()
	require.NotContains(t, do(ht, after(999*ms)), "feed leaders", "nothing has changed")
	require.Contains(t, do(ht, after(1000*ms)), "feed leaders", "they are soft state")
	ht.LeadersSent()
}

// TestHeatStageRepeatsLeaders: often while a new owner of the ranking may have missed the last ones, seldom later.
func TestHeatStageRepeatsLeaders(t *testing.T) {
	ht := startHeat(t, heatStart())
	repeats := func(from, to time.Duration) (at []time.Duration) {
		for now := from; now < to; now += 500 * ms {
			if slices.Contains(do(ht, after(now)), "feed leaders") {
				at = append(at, now)
				ht.LeadersSent()
			}
		}
		return at
	}
	const s = time.Second
	require.Equal(t, []time.Duration{13 * s, 14 * s, 15 * s, 16 * s, 19 * s, 22 * s}, repeats(0, 23*s)[12:],
		"a session begins as if a range had come, and all partitions repeat theirs at the same time")
	require.Equal(t, []string{"wait until 25s"}, do(ht, after(23*s)))
	ht.apply(23*s, 1, 1)
	require.Contains(t, do(ht, after(23*s+ms)), "feed leaders", "a range is not kept waiting")
	ht.LeadersSent()
	require.Equal(t, []time.Duration{36 * s, 37 * s, 38 * s, 40 * s, 43 * s}, repeats(24*s, 44*s)[12:])
}

// While ranges wait, a checkpoint is written in bursts between which they are let in.
func TestHeatStageLetsRangesInWhileItWrites(t *testing.T) {
	s := heatStart()
	s.Bounds.Burst, s.PageTime = 2, time.Nanosecond
	s.PublishEvery = 5 * time.Second // began is a multiple of it
	ht := startHeat(t, s)
	ht.apply(0, 3, 1)
	require.Equal(t, []string{"feed write /1", "feed write /2", "wait until 100ms"}, do(ht, after(100*ms)))
	ht.apply(100*ms, 1, 1)
	require.Equal(t, []string{"feed write /3", "feed " + progress, "wait until 5s"}, do(ht, after(100*ms)),
		"what came meanwhile is for the next commit")
	ht.Committed(9, after(101*ms))
	require.Equal(t, []string{"commit 1", "wait until 1.101s"}, do(ht, after(101*ms)))
}

// While input comes, the records of a checkpoint are spread over time.
func TestHeatStageSpreadsRecords(t *testing.T) {
	begin := func(t *testing.T) *heatTest {
		s := heatStart()
		s.PageTime, s.Bounds.Burst, s.PublishEvery = ms, 10, time.Hour
		ht := startHeat(t, s)
		ht.apply(0, 100, 1)
		ht.apply(99*ms, 1, 1)
		do(ht, after(ms))
		ht.apply(100*ms, 1, 1)
		require.Contains(t, do(ht, after(1000*ms)), "feed write /1")
		ht.apply(1000*ms, 1, 1)
		require.Equal(t, "wait until 1.24s", last(do(ht, after(1000*ms))), "ten of a hundred pages, of which each may take 24 ms")
		return ht
	}
	t.Run("in bursts", func(t *testing.T) {
		ht := begin(t)
		for at := 1000 * ms; at < 1240*ms; at += 10 * ms {
			ht.apply(at, 1, 1)
			require.Equal(t, []string{"wait until 1.24s"}, do(ht, after(at)))
		}
		said := do(ht, after(1240*ms))
		require.Equal(t, "feed write /11", said[0])
		require.Len(t, said, 11)
	})
	t.Run("not if no ranges come", func(t *testing.T) {
		ht := begin(t)
		said := do(ht, after(1100*ms))
		require.Equal(t, []string{"feed write /11", "wait until 1.1s"}, []string{said[0], last(said)})
	})
	t.Run("not if there is a backlog", func(t *testing.T) {
		ht := begin(t)
		ht.apply(1010*ms, 1, 40_000)
		require.Equal(t, "feed write /11", do(ht, after(1010*ms))[0])
	})
	t.Run("not at the end", func(t *testing.T) {
		ht := begin(t)
		ht.End()
		require.Contains(t, do(ht, after(1010*ms)), "feed "+progress)
	})
	t.Run("which says nothing of the time that writing takes", func(t *testing.T) {
		ht := begin(t)
		for at := 1000 * ms; !slices.Contains(do(ht, after(at)), "feed "+progress); at += 10 * ms {
			ht.apply(at, 1, 1)
		}
		ht.Committed(1, after(3410*ms))
		pages, took := ht.LastCommit()
		require.Equal(t, 102, pages)
		require.Equal(t, 2410*ms, took)
		require.Less(t, ht.PageTime(after(time.Hour)), 3*ms)
	})
}

// A commit ends well before the brokers would abort its transaction, and before the next one is due.
func TestHeatStageSpreadsRecordsOverABoundedTime(t *testing.T) {
	for _, c := range []struct {
		name        string
		commitEvery time.Duration
		most        time.Duration
	}{
		{"by the transaction's timeout", 10 * time.Minute, 30 * time.Second},
		{"by the time between two commits", 10 * time.Second, 9 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			const pages, every = 10_000, 50 * ms
			s := heatStart()
			s.PageTime, s.CommitEvery, s.PublishEvery, s.Bounds.LeastPages = ms, c.commitEvery, time.Hour, 2*pages
			ht := startHeat(t, s)
			ht.apply(0, pages, 1)
			at := c.commitEvery
			began := at
			for said := []string(nil); !slices.Contains(said, "feed "+progress); at += every {
				ht.apply(at, 1, 1)
				said = do(ht, after(at))
			}
			require.InDelta(t, c.most, at-began, float64(time.Second))
		})
	}
}

// A partition that has failed has no checkpoint, though one may be due.
func TestHeatStageOfAFailedPartition(t *testing.T) {
	ht := startHeat(t, heatStart())
	ht.apply(0, 1, 1)
	_, err := ht.Apply([]byte("no range"), 1, after(ms))
	require.Error(t, err)
	require.NotContains(t, do(ht, after(time.Second)), "feed "+progress)
}

// Ranges that wait together get as much time as the burst before took.
func TestHeatStageLetsRangesInFirst(t *testing.T) {
	s := heatStart()
	s.PageTime, s.Bounds.Burst, s.PublishEvery, s.CommitEvery = ms, 10, time.Hour, 2 // nothing is spread
	ht := startHeat(t, s)
	ht.apply(0, 100, 1)
	at := 100 * ms
	for range 10 { // a burst that takes 10 ms
		a := ht.Next(after(at))
		require.Equal(t, codec.FeedWrite, a.Kind())
		at += ms
	}
	require.Equal(t, []string{"wait until 110ms"}, do(ht, after(at)))
	for ; at < 119*ms; at += ms {
		ht.apply(at, 1, 1)
		require.Equal(t, []string{fmt.Sprintf("wait until %v", at+ms)}, do(ht, after(at+ms))[:1])
	}
	ht.apply(at, 1, 1)
	require.Equal(t, "feed write /11", do(ht, after(at+ms))[0])
}

// What is applied while a checkpoint is written is bounded, and the first checkpoint too, though it is
// not known how long writing takes.
func TestHeatStageHoldsRangesBack(t *testing.T) {
	bounds := processors.HeatBounds{LeastPages: 10, MostPages: 1000, MostBytes: 20_000, Burst: 1}
	for _, c := range []struct {
		name     string
		pageTime time.Duration
		bounds   processors.HeatBounds
		most     int // dirty pages from which on a commit is due, and ranges are held back
	}{
		{"by number", time.Microsecond, processors.HeatBounds{LeastPages: 10, MostPages: 50, MostBytes: 1 << 30, Burst: 1}, 50},
		{"by bytes", time.Microsecond, bounds, 20_000 / 104},
		{"by time", 500 * ms, bounds, 30},
		{"by time, though not below what may always wait", 10 * time.Second, bounds, 10},
		{"by time, that is not known yet", 0, processors.DefaultHeatBounds(), 375_000},
	} {
		if testing.Short() && c.most > 100_000 {
			continue // the same with more pages
		}
		t.Run(c.name, func(t *testing.T) {
			require.LessOrEqual(t, c.most, c.bounds.MostPages)
			s := heatStart()
			s.PageTime, s.Bounds = c.pageTime, c.bounds
			ht := startHeat(t, s)
			ht.apply(0, c.most-c.most/10, 1)
			require.Equal(t, "wait until 100ms", do(ht, after(50*ms))[1], "there is room")
			ht.apply(60*ms, c.most/10+1+c.most/50, 1)
			said := do(ht, after(60*ms))
			require.Equal(t, "feed write /1", said[0], "a commit is due")
			require.Equal(t, "wait", last(said)[:4], "nothing has changed since the checkpoint")
			ht.apply(60*ms, c.most-c.most/10, 1)
			require.Equal(t, "wait", last(do(ht, after(60*ms)))[:4], "there is room for the next checkpoint")
			ht.apply(60*ms, c.most/10+1+c.most/50, 1)
			require.Equal(t, "hold", last(do(ht, after(60*ms)))[:4], "the next checkpoint would be too large")
			for ht.Next(after(61*ms)).Key != codec.ProgressKey(0) {
				continue
			}
			ht.Committed(1, after(61*ms))
			ht.LeadersSent()
			require.Contains(t, do(ht, after(61*ms)), "commit 2")
		})
	}
}

func last(said []string) string { return said[len(said)-1] }

// A partition on disk has room for a given number of dirty pages in memory, however quick
// writing is.
func TestHeatStageMakesRoomInMemory(t *testing.T) {
	disk := store.DiskInMemory()
	p, err := disk.New(store.Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, disk.Close()) })
	p.Begin(codec.TopicID{2}, 0)
	s := heatStart()
	s.Bounds.LeastPages, s.Bounds.Burst = 1<<20, 1
	ht := &heatTest{T: t, HeatStage: processors.NewHeatStage(p, s), partitions: 1, to: -1}
	do(ht, began())
	for !p.Crowded() {
		require.NotContains(t, do(ht, began()), "feed write /1")
		ht.apply(0, 10_000, 1)
	}
	require.Contains(t, do(ht, began()), "feed write /1", "a commit is due")
	for !p.Full() {
		require.Equal(t, "wait", last(do(ht, began()))[:4])
		ht.apply(0, 10_000, 1)
	}
	require.Equal(t, "hold", last(do(ht, began()))[:4], "until more of the commit is written")
	for p.Full() {
		ht.Next(began())
	}
	require.Equal(t, "wait", last(do(ht, began()))[:4])
}

// A commit that takes longer than the one before is no reason to have more wait.
func TestHeatStageHoldsRangesBackWhileWritingIsSlow(t *testing.T) {
	s := heatStart()
	s.Bounds = processors.HeatBounds{LeastPages: 10, MostPages: 1 << 20, MostBytes: 1 << 30, Burst: 20}
	s.PageTime, s.PublishEvery = ms, time.Hour
	ht := startHeat(t, s)
	ht.apply(0, 100, 1)
	do(ht, after(100*ms))
	ht.apply(100*ms, 100, 1)
	require.Equal(t, "wait until 580ms", last(do(ht, after(100*ms))))
	require.Equal(t, "hold", last(do(ht, after(20*time.Second)))[:4], "some 300 ms a page: 15 s are over with 50")
}

// An unanswered commit makes the next session's smaller.
func TestHeatStageLearnsFromAnUnansweredCommit(t *testing.T) {
	s := heatStart()
	s.PageTime = ms
	ht := startHeat(t, s)
	require.Equal(t, ms, ht.PageTime(after(time.Hour)))
	ht.apply(0, 1000, 1)
	do(ht, after(100*ms))
	require.Equal(t, 2*ms, ht.PageTime(after(200*ms)))
	require.Equal(t, 4*ms, ht.PageTime(after(2100*ms)))
	require.Equal(t, 15*ms, ht.PageTime(after(time.Hour)), "though not below a thousand pages a commit")
}

func TestHeatStageTrims(t *testing.T) {
	ht := startHeat(t, heatStart())
	commit := func(at time.Duration) []string {
		ht.apply(at, 1, 1)
		do(ht, after(at+100*ms))
		ht.LeadersSent()
		ht.Committed(ht.offset*10, after(at+100*ms))
		said := do(ht, after(at+100*ms))
		return said[:len(said)-1]
	}
	require.Equal(t, []string{"commit 1"}, commit(time.Second))
	require.Equal(t, []string{"commit 2", "trim 2"}, commit(10*time.Second), "every ten seconds")
	require.Equal(t, []string{"commit 3"}, commit(19*time.Second))
	require.Equal(t, []string{"commit 4", "trim 4"}, commit(21*time.Second))
}

// A session ends when all that was applied is committed.
func TestHeatStageEnds(t *testing.T) {
	ht := startHeat(t, heatStart())
	ht.apply(0, 1, 1)
	do(ht, after(100*ms)) // a commit is on its way
	ht.apply(101*ms, 2, 1)
	ht.End()
	require.Equal(t, []string{"hold"}, do(ht, after(101*ms)))
	ht.Committed(3, after(110*ms))
	require.Equal(t, []string{"commit 1", "feed write /2", "feed write /3", "feed " + progress, "hold"}, do(ht, after(110*ms)))
	ht.Committed(7, after(111*ms))
	require.Equal(t, []string{"commit 2", "end"}, do(ht, after(111*ms)))
	require.True(t, ht.Partition().Clean())
}

func TestHeatStageAsksAboutTheInput(t *testing.T) {
	p := store.New(store.Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10})
	p.Begin(codec.TopicID{2}, 0)
	s := processors.NewHeatStage(p, heatStart())
	header := func(from, to int64) codec.RangeHeader {
		return codec.RangeHeader{Input: codec.TopicID{7}, Partition: 1, Targets: 1, From: from, To: to, Limits: heat.DefaultLimits()}
	}
	record := func(from, to int64, behaviours uint64) []byte {
		return codec.AppendPageSum(codec.AppendRangeHeader(nil, header(from, to), 1), "a", &heat.Totals{Behaviours: behaviours})
	}

	first := record(-1, 9, 4)
	require.Equal(t, processors.RangeInput{Claim: &processors.InputClaim{Partition: 1, Next: 10}}, s.Input(first))
	applied, err := s.Apply(first, 0, began())
	require.NoError(t, err)
	require.EqualValues(t, 4, applied.Counted)
	require.Empty(t, s.Input(first).Rereads, "all of it is counted")

	overlap := record(4, 12, 5)
	require.Equal(t, processors.RangeInput{Claim: &processors.InputClaim{Partition: 1, Next: 13},
		Rereads: []store.Reread{{Header: header(4, 12), From: 4, To: 9}}}, s.Input(overlap))
	applied, err = s.Apply(overlap, 1, began(), store.Sums{{Page: "a"}: {Totals: heat.Totals{Behaviours: 2}}})
	require.NoError(t, err)
	require.EqualValues(t, 3, applied.Counted, "what was counted before is taken off")

	require.Zero(t, s.Input([]byte("page1|1|1|1")), "Apply says what is wrong")
	other := header(12, 20)
	other.Input = codec.TopicID{8}
	require.Zero(t, s.Input(codec.AppendRangeHeader(nil, other, 0)), "Apply says what is wrong")
	_, err = s.Apply(record(8, 20, 5), 100, began())
	require.ErrorContains(t, err, "was not read again")
	require.ErrorContains(t, err, "offset 100")
}
