package processors_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/processors"
)

func TestAllSent(t *testing.T) {
	for _, c := range []struct {
		name    string
		highest []int64
		want    processors.Sent
	}{
		{"no broker was asked", nil, processors.Sent{}},
		{"to all alike", []int64{7, 7}, processors.Sent{Next: 8, Ends: []int64{}}},
		{"the last range to some", []int64{9, 7, 9}, processors.Sent{Next: 8, Ends: []int64{9}}},
		{"several ranges", []int64{9, 4, 7}, processors.Sent{Next: 5, Ends: []int64{7, 9}}},
		{"one shows none", []int64{9, processors.NotSent}, processors.Sent{Ends: []int64{9}}},
		{"none shows any", []int64{processors.NotSent, processors.NotSent}, processors.Sent{Ends: []int64{}}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, processors.AllSent(c.highest)) })
	}
}

func TestSaysSent(t *testing.T) {
	input := codec.TopicID{7}
	good := codec.RangeHeader{Input: input, Partition: 3, Target: 1, Targets: 2, From: 4, To: 9, Limits: heat.DefaultLimits()}
	require.True(t, processors.SaysSent(good, input, 1, 2, 10))
	for name, change := range map[string]func(h *codec.RangeHeader){
		"of another input topic":         func(h *codec.RangeHeader) { h.Input[0]++ },
		"for another heat partition":     func(h *codec.RangeHeader) { h.Target-- },
		"for another number of them":     func(h *codec.RangeHeader) { h.Targets++ },
		"up to what is not in the input": func(h *codec.RangeHeader) { h.To++ },
	} {
		h := good
		change(&h)
		require.False(t, processors.SaysSent(h, input, 1, 2, 10), name)
	}
}

func TestBeginIngest(t *testing.T) {
	input := codec.TopicID{7}
	for _, c := range []struct {
		name                   string
		committed, first, sent int64
		want                   codec.IngestStart
	}{
		{"a new installation", -1, 0, 0, codec.IngestStart{From: -1, LostTo: -1}},
		{"on an old input", -1, 5, 0, codec.IngestStart{From: -1, LostTo: 4}},
		{"where the group has committed", 8, 5, 0, codec.IngestStart{From: 7, LostTo: 7}},
		{"above it, where more was sent", 8, 5, 12, codec.IngestStart{From: 11, LostTo: 11}},
		{"below what was sent before that", 8, 5, 6, codec.IngestStart{From: 7, LostTo: 7}},
		{"retention took what was not read", 8, 20, 12, codec.IngestStart{From: 11, LostTo: 19}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Input = input
			found := processors.IngestFound{Input: input, Committed: c.committed, First: c.first, End: 30}
			require.Equal(t, c.want, found.Begin(processors.Sent{Next: c.sent}))
		})
	}
}

func TestIngestFound(t *testing.T) {
	for _, c := range []struct {
		name           string
		committed, end int64
		unread, wrong  bool
	}{
		{"nothing anywhere", -1, 0, false, false},
		{"nothing committed", -1, 5, true, false},
		{"all of it committed", 5, 5, false, false},
		{"a part of it", 4, 5, true, false},
		{"more than there is", 6, 5, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := processors.IngestFound{Committed: c.committed, End: c.end}
			require.Equal(t, c.unread, found.Unread())
			if err := found.Check(); c.wrong {
				require.NotNil(t, failure.As(err), "%v", err)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

// sentBatch is a batch of a heat partition's log.
type sentBatch struct {
	records int64
	bytes   int             // 100 unless it is said
	sent    map[int32]int64 // the To of a range, by input partition
}

// TestSentSearch: what a search reads of a log of some batches, and what it finds of input partitions 0
// and 1.
func TestSentSearch(t *testing.T) {
	both := map[int32]int64{0: 7, 1: 9}
	many := func(n int, b sentBatch) (all []sentBatch) {
		for range n {
			all = append(all, b)
		}
		return all
	}
	for _, c := range []struct {
		name    string
		batches []sentBatch
		start   int64   // the log's, when it is read
		reads   []int64 // the offsets at which Next asks for batches; nil for any
		most    int     // reads, at the utmost; 0 for any number
		want    [2]int64
	}{
		{"an empty log", nil, 0, []int64{}, 0, [2]int64{processors.NotSent, processors.NotSent}},
		{"the last batch has both", []sentBatch{{records: 5}, {records: 5, sent: both}}, 0, []int64{9}, 0, [2]int64{7, 9}},
		{"the one before has one", []sentBatch{{records: 5, sent: map[int32]int64{1: 9}}, {records: 5, sent: map[int32]int64{0: 7}}}, 0, []int64{9, 0}, 0, [2]int64{7, 9}},
		{"the highest counts, wherever it is", []sentBatch{{records: 1, sent: map[int32]int64{0: 8}}, {records: 1, sent: map[int32]int64{0: 6}}, {records: 1}}, 0, []int64{2, 0, 1}, 0, [2]int64{8, processors.NotSent}},
		{"windows grow, and begin with a batch", append([]sentBatch{{records: 1, sent: both}}, many(12, sentBatch{records: 5})...), 0,
			// the last record; 16 before its batch; 32 before the first batch of those; and the rest
			[]int64{60, 40, 41, 46, 51, 4, 6, 11, 16, 21, 26, 31, 0}, 0, [2]int64{7, 9}},
		{"it was deleted meanwhile", []sentBatch{{records: 20, sent: both}, {records: 5}, {records: 5}}, 20, nil, 3, [2]int64{processors.NotSent, processors.NotSent}},
		{"too far back in records", append([]sentBatch{{records: 1, sent: both}}, many(40, sentBatch{records: 1000})...), 0, nil, 30, [2]int64{processors.NotSent, processors.NotSent}},
		{"as far back as it goes", append([]sentBatch{{records: 1, sent: both}}, many(15, sentBatch{records: 1000})...), 0, nil, 16, [2]int64{7, 9}},
		{"too far back in bytes", append([]sentBatch{{records: 1, sent: both}}, many(40, sentBatch{records: 1, bytes: 1 << 20})...), 0, nil, 4, [2]int64{processors.NotSent, processors.NotSent}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var end int64
			for _, b := range c.batches {
				end += b.records
			}
			input := codec.TopicID{7}
			s := processors.NewSentSearch(processors.SentLog{Input: input, Ends: map[int32]int64{0: 1000, 1: 1000}, Target: 1, Targets: 2, End: end})
			reads := []int64{}
			for {
				at, fetch, more := s.Next()
				if !more {
					break
				}
				if len(reads) == 0 {
					require.EqualValues(t, 1, fetch, "one batch at first, however large")
				}
				reads = append(reads, at)
				var begins int64
				for _, b := range c.batches {
					if max(at, c.start) >= begins+b.records {
						begins += b.records
						continue
					}
					for p, to := range b.sent {
						s.See(codec.RangeHeader{Input: input, Partition: p, Target: 1, Targets: 2, To: to})
						s.See(codec.RangeHeader{Input: input, Partition: p, Target: 0, Targets: 2, To: to + 1}) // of another log
					}
					size := 100
					if b.bytes > 0 {
						size = b.bytes
					}
					s.Read(begins, begins+b.records, c.start, size)
					break
				}
				require.Less(t, len(reads), 100, "it does not end")
			}
			if c.reads != nil {
				require.Equal(t, c.reads, reads)
			}
			if c.most > 0 {
				require.LessOrEqual(t, len(reads), c.most)
			}
			require.Equal(t, c.want, [2]int64{s.Found(0), s.Found(1)})
		})
	}
}
