package processors_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/processors"
)

// ingestTest drives the stage of an input partition; the test plays goka, the input, and
// who waits for an acknowledgement.
type ingestTest struct {
	*testing.T
	*processors.IngestStage
	id        codec.TopicID // of the topic as it is now
	unsettled int64
}

func ingestStart() processors.IngestStart {
	return processors.IngestStart{Linger: 5 * ms, Start: codec.IngestStart{Input: codec.TopicID{7}, From: -1, LostTo: -1},
		Volume: processors.IngestVolume{Records: 100, Bytes: 10_000, Behind: 50}}
}

// startIngest is a stage that has sent its first range.
func startIngest(t *testing.T, s processors.IngestStart) *ingestTest {
	it := &ingestTest{T: t, IngestStage: processors.NewIngestStage(s), id: codec.TopicID{7}}
	require.Equal(t, []string{"feed start", "hold"}, it.do(0))
	it.Started()
	it.settle(1)
	require.Equal(t, "commit", it.do(0)[0][:6])
	it.Flushed()
	it.settle(1)
	it.do(0)
	return it
}

// do lets the stage do what it wants to do at a time, and answers what it asks.
func (it *ingestTest) do(at time.Duration) (said []string) {
	it.Unsettled(it.unsettled)
	for {
		a := it.Next(after(at))
		said = append(said, say(a))
		switch a.Do {
		case processors.DoFeed:
			it.unsettled++
		case processors.DoCheckInput:
			it.InputID(it.id, after(at))
		case processors.DoWait, processors.DoEnd, processors.DoFail:
			return said
		}
	}
}

// settle acknowledges some messages.
func (it *ingestTest) settle(messages int64) { it.unsettled -= messages }

// read gives the stage records up to an offset, and takes them off it.
func (it *ingestTest) read(at time.Duration, records, bytes int, last int64) {
	it.Helper()
	it.Records([]byte{byte(codec.FeedRecords)}, records, bytes, last, after(at))
	require.Equal(it, "feed records", say(it.Next(after(at))))
	it.unsettled++
}

func TestIngestStageBegins(t *testing.T) {
	s := ingestStart()
	s.Start.From, s.Start.LostTo = 9, 14
	it := &ingestTest{T: t, IngestStage: processors.NewIngestStage(s), id: codec.TopicID{7}}
	a := it.Next(began())
	require.True(t, a.Ack)
	start, err := codec.DecodeIngestStart(a.Value[1:])
	require.NoError(t, err)
	require.Equal(t, s.Start, start)
	it.unsettled = 1
	require.Equal(t, []string{"hold"}, it.do(0), "nothing is read or committed before what is lost is acknowledged")
	it.Started()
	it.settle(1)
	require.Equal(t, []string{"commit 15", "check input", "feed flush 14", "wait"}, it.do(0), "the first range is due even where nothing comes")
	it.Flushed()
	it.settle(1)
	require.Equal(t, []string{"wait"}, it.do(0), "the same offset is not committed twice")
}

// Offsets are committed at intervals, at once at first and at last.
func TestIngestStageCommitsAtIntervals(t *testing.T) {
	s := ingestStart()
	s.CommitEvery = 500 * ms
	it := startIngest(t, s) // it commits its start
	flush := func(at time.Duration, last int64) {
		it.read(at, 100, 10, last)
		it.unsettled = 0
		require.Contains(t, strings.Join(it.do(at), ", "), fmt.Sprint("feed flush ", last))
		it.Flushed()
		it.unsettled = 0
	}
	flush(10*ms, 0)
	require.Equal(t, []string{"wait until 500ms"}, it.do(20*ms))
	flush(30*ms, 1)
	require.Equal(t, []string{"wait until 500ms"}, it.do(499*ms))
	require.Equal(t, []string{"commit 2", "wait"}, it.do(510*ms))
	flush(700*ms, 2)
	require.Equal(t, []string{"wait until 1s"}, it.do(700*ms), "all partitions at the same times, in one request")
	it.End()
	require.Equal(t, []string{"commit 3", "end"}, it.do(710*ms))
}

// What cannot be read is read again after a pause that grows, until it is past.
func TestIngestStageReadsAgain(t *testing.T) {
	it := startIngest(t, ingestStart())
	it.read(0, 1, 10, 4)
	it.unsettled = 0
	at := time.Second
	for try, seconds := range []int{1, 2, 4, 8, 15, 15} {
		pause := time.Duration(seconds) * time.Second
		require.Equal(t, try == 0, it.Unreadable(after(at)))
		require.Contains(t, it.do(at), fmt.Sprint("read 5 again at ", at+pause))
		it.Flushed()
		it.unsettled = 0
		it.do(at)
		offset, stalled := it.Stalled()
		require.True(t, stalled)
		require.EqualValues(t, 5, offset)
		at += pause
	}
	for _, c := range []struct {
		name  string
		event func()
		at    int64 // where the next failure is
	}{
		{"it is read", func() { it.read(at, 1, 10, 5) }, 6},
		{"the partition can be read again", func() { it.Readable() }, 6},
		{"it is deleted", func() {
			it.Gone(10)
			it.unsettled = 0
			it.do(at)
			it.Started()
			it.Flushed()
			it.unsettled = 0
			it.do(at)
		}, 10},
	} {
		it.unsettled = 0
		it.do(at)
		c.event()
		_, stalled := it.Stalled()
		require.False(t, stalled, c.name)
		it.Unreadable(after(at))
		require.Contains(t, it.do(at), fmt.Sprint("read ", it.Last()+1, " again at ", at+time.Second), c.name)
	}
}

// A large batch is read in turn, and the turn is not kept while nothing is taken.
func TestIngestStageTakesTurns(t *testing.T) {
	begin := func(t *testing.T) *ingestTest {
		it := startIngest(t, ingestStart())
		it.Stable(1 << 20)
		it.Large()
		require.Equal(t, []string{"wait for a turn"}, it.do(0))
		it.Turn(true)
		require.Equal(t, []string{"wait"}, it.do(0))
		it.read(0, 100, 10, 99)
		it.unsettled = 0
		require.Equal(t, []string{"feed flush 99", "wait"}, it.do(0))
		it.read(0, 100, 10, 199)
		return it
	}
	t.Run("the input is held back", func(t *testing.T) {
		it := begin(t)
		require.Equal(t, "hold until 250ms", it.do(100 * ms)[0])
		require.Equal(t, []string{"hold until 1.1s"}, it.do(1099*ms))
		require.Equal(t, []string{"yield", "hold until 1.105s"}, it.do(1100*ms))
	})
	t.Run("though not for long", func(t *testing.T) {
		it := begin(t)
		it.do(100 * ms)
		it.Flushed()
		it.unsettled = 0
		require.Contains(t, it.do(1050*ms), "wait")
		it.read(1060*ms, 100, 10, 299)
		require.Equal(t, "hold", it.do(1060 * ms)[0][:4])
		require.NotContains(t, it.do(2059*ms), "yield")
		require.Equal(t, "yield", it.do(2060 * ms)[0])
	})
	t.Run("the batch is read", func(t *testing.T) {
		it := begin(t)
		it.Turn(false)
		it.do(100 * ms)
		require.NotContains(t, it.do(5*time.Second), "yield")
	})
	t.Run("the session ends", func(t *testing.T) {
		it := begin(t)
		it.End()
		require.Equal(t, []string{"yield", "hold"}, it.do(0))
	})
	t.Run("what follows cannot be read", func(t *testing.T) {
		it := begin(t)
		it.Unreadable(after(0))
		it.do(100 * ms)
		require.NotContains(t, it.do(5*time.Second), "yield", "the driver has given it up")
	})
}

// When a range ends.
func TestIngestStageEndsARange(t *testing.T) {
	for _, c := range []struct {
		name   string
		linger time.Duration
		stable int64 // beyond what is read
		read   func(it *ingestTest)
		want   time.Duration // when the range goes out
	}{
		{"caught up, after the linger time", 5 * ms, 0, func(it *ingestTest) { it.read(12*ms, 1, 10, 0) }, 15 * ms},
		{"at a whole multiple of it", 5 * ms, 0, func(it *ingestTest) { it.read(15*ms, 1, 10, 0) }, 20 * ms},
		{"caught up, counted from the first record", 5 * ms, 0, func(it *ingestTest) {
			it.read(12*ms, 1, 10, 0)
			it.read(14*ms, 1, 10, 1)
		}, 15 * ms},
		{"caught up, at once if nothing more is fetched before", 5 * ms, 0, func(it *ingestTest) {
			it.read(12*ms, 1, 10, 0)
			it.Rests(after(15 * ms))
		}, 12 * ms},
		{"caught up, after the linger time if more may be fetched before", 5 * ms, 0, func(it *ingestTest) {
			it.read(12*ms, 1, 10, 0)
			it.Rests(after(14 * ms))
		}, 15 * ms},
		{"caught up, after the linger time if more was read since", 5 * ms, 0, func(it *ingestTest) {
			it.read(12*ms, 1, 10, 0)
			it.Rests(after(15 * ms))
			it.read(12*ms, 1, 10, 1)
		}, 15 * ms},
		{"behind, whatever is fetched when", 5 * ms, 51, func(it *ingestTest) {
			it.read(12*ms, 1, 10, 0)
			it.Rests(after(15 * ms))
		}, 262 * ms},
		{"caught up, with a whole volume", 5 * ms, 0, func(it *ingestTest) { it.read(12*ms, 100, 10, 99) }, 12 * ms},
		{"without a linger time", 0, 0, func(it *ingestTest) { it.read(12*ms, 1, 10, 0) }, 12 * ms},
		{"of nothing but what was stepped over", 5 * ms, 0, func(it *ingestTest) { it.Records(nil, 0, 0, 3, after(12*ms)) }, 15 * ms},
		{"hardly behind", 5 * ms, 50, func(it *ingestTest) { it.read(12*ms, 1, 10, 0) }, 15 * ms},
		{"behind, not before the fetch is stalled", 5 * ms, 51, func(it *ingestTest) { it.read(12*ms, 1, 10, 0) }, 262 * ms},
		{"behind, counted from the last record", 5 * ms, 51, func(it *ingestTest) {
			it.read(12*ms, 1, 10, 0)
			it.read(212*ms, 1, 10, 0)
			it.read(212*ms, 1, 10, 1)
		}, 462 * ms},
		{"behind, not before a long linger time", 400 * ms, 51, func(it *ingestTest) { it.read(12*ms, 1, 10, 0) }, 412 * ms},
		{"behind, though not later than a second after the first", 5 * ms, 60, func(it *ingestTest) {
			for i := range int64(8) {
				it.read(time.Duration(i)*140*ms, 1, 10, i)
			}
		}, 1000 * ms},
		{"behind, by records", 5 * ms, 1 << 20, func(it *ingestTest) { it.read(12*ms, 100, 10, 99) }, 12 * ms},
		{"behind, by bytes", 5 * ms, 1 << 20, func(it *ingestTest) { it.read(12*ms, 1, 10_000, 0) }, 12 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := ingestStart()
			s.Linger = c.linger
			it := startIngest(t, s)
			it.Stable(c.stable)
			c.read(it)
			it.unsettled = 0
			last := it.Last()
			it.Stable(c.stable + last)
			at := 12 * ms
			for at < 2*time.Second && strings.HasPrefix(it.do(at)[0], "wait") {
				at += ms
			}
			require.InDelta(t, c.want, at, float64(ms))
		})
	}
}

// A range ends at each of the offsets that it is to end at, whatever it holds then.
func TestIngestStageEndsRangesAt(t *testing.T) {
	s := ingestStart()
	s.Linger, s.Ends = time.Hour, []int64{-1, 4, 4, 9}
	it := startIngest(t, s)
	require.EqualValues(t, 4, it.Until())
	it.read(0, 2, 10, 3)
	it.settle(it.unsettled)
	require.Equal(t, "wait", it.do(0)[0][:4])
	it.Records(nil, 0, 0, 4, after(0)) // the next record is beyond it
	require.Equal(t, "feed flush 4", it.do(0)[0])
	require.EqualValues(t, 9, it.Until())
	it.read(0, 2, 10, 9)
	require.Equal(t, "hold", it.do(0)[0][:4], "while a range is on its way")
	it.Flushed()
	it.settle(it.unsettled)
	require.Equal(t, []string{"commit 5", "feed flush 9"}, it.do(0)[:2])
	require.Greater(t, it.Until(), int64(1)<<60)
}

// A range goes out alone, after everything before it is acknowledged.
func TestIngestStageFlushesOnlyWhatIsWhollyAcknowledged(t *testing.T) {
	it := startIngest(t, ingestStart())
	it.read(0, 1, 10, 0)
	it.unsettled = 1 // of a dead letter
	require.Equal(t, []string{"hold until 25ms"}, it.do(20*ms), "no range before the dead letters at or below its end")
	it.settle(1)
	require.Equal(t, []string{"feed flush 0", "wait"}, it.do(25*ms))
	it.read(26*ms, 1, 10, 1)
	it.unsettled = 2
	require.Equal(t, []string{"wait until 30ms"}, it.do(27*ms), "combining goes on while a range is on its way")
	it.settle(1)
	require.Equal(t, []string{"wait until 40ms"}, it.do(35*ms), "a second range does not go out while one is on its way")
	it.settle(1)
	require.Equal(t, []string{"wait until 40ms"}, it.do(35*ms), "whatever else is acknowledged")
	it.Flushed()
	require.Equal(t, "commit 1", say(it.Next(after(36*ms))), "nothing is committed before")
	require.Equal(t, []string{"feed flush 1", "wait"}, it.do(37*ms))
}

func TestIngestStageHoldsTheInputBack(t *testing.T) {
	it := startIngest(t, ingestStart())
	it.Stable(1 << 20)
	it.read(0, 100, 10, 99)
	it.settle(it.unsettled)
	require.Equal(t, []string{"feed flush 99", "wait"}, it.do(0), "a range is on its way, the next one is combined")
	it.read(0, 99, 10, 198)
	require.Equal(t, "wait", it.do(0)[0][:4])
	it.read(0, 1, 10, 199)
	require.Equal(t, "hold", it.do(0)[0][:4], "twice its volume")
	it.Flushed()
	it.settle(it.unsettled)
	require.Equal(t, []string{"commit 100", "feed flush 199", "wait"}, it.do(0))
}

// Input that is deleted before it is read is declared, after what was read before.
func TestIngestStageDeclaresWhatIsGone(t *testing.T) {
	it := startIngest(t, ingestStart())
	it.read(0, 1, 10, 0)
	it.Gone(10)
	require.Equal(t, "hold", it.do(0)[0][:4])
	it.settle(it.unsettled)
	require.Equal(t, "feed flush 0", it.do(0)[0], "what was read goes out before")
	it.Flushed()
	it.settle(1)
	require.Equal(t, "commit 1", say(it.Next(began())))
	it.Unsettled(0)
	a := it.Next(began())
	start, err := codec.DecodeIngestStart(a.Value[1:])
	require.NoError(t, err)
	require.Equal(t, codec.IngestStart{Input: codec.TopicID{7}, From: 0, LostTo: 9}, start)
	require.Equal(t, []string{"hold"}, it.do(0))
	it.Started()
	require.Equal(t, []string{"commit 10", "wait"}, it.do(0))
	it.read(0, 1, 10, 10)
	require.EqualValues(t, 10, it.Last())
}

// The topic's id is compared once a second, before a range is sent.
func TestIngestStageChecksTheInput(t *testing.T) {
	it := startIngest(t, ingestStart())
	send := func(at time.Duration, last int64) []string {
		it.read(at-5*ms, 1, 10, last)
		it.unsettled = 0
		return it.do(at)
	}
	require.Equal(t, []string{"feed flush 0", "wait"}, send(995*ms, 0))
	it.Flushed()
	it.unsettled = 0
	it.do(996 * ms)
	require.Equal(t, []string{"check input", "feed flush 1", "wait"}, send(1000*ms, 1))
	it.Flushed()
	it.unsettled = 0
	it.do(1001 * ms)
	it.id = codec.TopicID{8}
	require.Equal(t, "feed flush 2", send(1999*ms, 2)[0])
	it.Flushed()
	it.unsettled = 0
	it.do(1999 * ms)
	said := send(2000*ms, 3)
	require.Equal(t, "check input", said[0])
	require.Contains(t, said[1], processors.ErrInputRecreated.Error())
	require.Contains(t, said[1], codec.TopicID{8}.String())
	require.Len(t, said, 2, "nothing more is sent")
}

func TestIngestStageEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		event func(it *ingestTest)
		want  [][]string // each after everything is acknowledged
	}{
		{"with nothing to do", func(*ingestTest) {}, [][]string{{"end"}}},
		{"with a pending range", func(it *ingestTest) { it.read(0, 1, 10, 4) },
			[][]string{{"hold"}, {"feed flush 4", "hold"}, {"commit 5", "end"}}},
		{"after a range on its way", func(it *ingestTest) {
			it.read(0, 100, 10, 99)
			it.settle(it.unsettled)
			it.do(0)
			it.read(0, 1, 10, 100)
		}, [][]string{{"hold"}, {"commit 100", "feed flush 100", "hold"}, {"commit 101", "end"}}},
		{"without what is gone", func(it *ingestTest) { it.Gone(7) }, [][]string{{"end"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := ingestStart()
			s.Linger = time.Hour
			it := startIngest(t, s)
			c.event(it)
			it.End()
			for _, want := range c.want {
				require.Equal(t, want, it.do(0))
				if it.unsettled > 0 {
					it.unsettled = 0
					it.Flushed()
				}
			}
		})
	}
}

// TestLingerTimeIsNotOfTheWallClock: an administrator may set the clock back.
func TestLingerTimeIsNotOfTheWallClock(t *testing.T) {
	it := startIngest(t, ingestStart())
	came := time.Now()
	it.Records(nil, 0, 0, 0, came)
	a := it.Next(came)
	require.Contains(t, a.Until.String(), "m=", "it has a reading of the monotonic clock")
	require.Zero(t, a.Until.UnixNano()%int64(5*ms))
	require.InDelta(t, float64(came.UnixNano()), float64(a.Until.UnixNano()), float64(5*ms))
}
