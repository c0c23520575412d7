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
