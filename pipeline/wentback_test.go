package pipeline

import (
	"testing"
	"time"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/tester"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/topology"
)

// TestInputThatWentBackIsPermanent: a record at or below what was combined would be
// counted twice. The error names the partition and both offsets, and says what to do.
func TestInputThatWentBackIsPermanent(t *testing.T) {
	truncated := func(offset int64) []byte {
		return codec.AppendTruncatedRecord(nil, codec.TruncatedRecord{Offset: offset, Value: []byte("page|1|1|0"), ValueSize: 10})
	}
	bundle := func(offset int64) []byte {
		b := codec.AppendSegmentHeader([]byte{byte(codec.FeedRecords)}, codec.SegmentHeader{})
		b = codec.AppendBundleRecord(b, 0, codec.Record{Offset: offset, Value: []byte("page|1|1|0")})
		codec.EndSegment(b, 1)
		return b
	}
	for name, c := range map[string]struct {
		message []byte
		offset  string
	}{
		"the same record again": {bundle(7), "7"},
		"a record below":        {bundle(3), "3"},
		"a long record again":   {truncated(7), "7"},
	} {
		t.Run(name, func(t *testing.T) {
			topo, err := topology.New(topology.Config{})
			require.NoError(t, err)
			a := failing()
			tt := tester.New(t)
			p, err := processors.NewIngest(processors.IngestConfig{Topology: topo, Limits: heat.DefaultLimits(), Targets: 1},
				goka.WithTester(tt), keepFailures(a))
			require.NoError(t, err)
			ended := make(chan error, 1)
			go func() { ended <- p.Run(t.Context()) }()
			tt.Consume(topo.Input, "", codec.AppendIngestStart(nil, codec.IngestStart{Input: codec.TopicID{7}, From: 5, LostTo: 5}))
			tt.Consume(topo.Input, "", bundle(7))
			require.NoError(t, a.failure())

			go tt.Consume(topo.Input, "", c.message) // it may not come back
			require.Error(t, soon(t, ended))
			kept := a.failure()
			require.ErrorIs(t, kept, processors.ErrInputWentBack)
			require.ErrorContains(t, kept, topo.Input+" partition 0: ")
			require.ErrorContains(t, kept, "the offset "+c.offset+" after the offset 7")
			permanent := failure.As(kept)
			require.NotNil(t, permanent)
			require.Contains(t, permanent.Hint, `"The input went back" in docs/operations.md`)
		})
	}
}

// TestInputThatComesAgainIsReadOnce: what a claim fetches again, after a rewind for one,
// reaches no processor.
func TestInputThatComesAgainIsReadOnce(t *testing.T) {
	it := feedIngest(t, time.Hour)
	it.started()
	it.send(batchOf(0, 5))
	m, kind := it.next()
	require.Equal(t, codec.FeedRecords, kind)
	require.Equal(t, []int64{0, 1, 2, 3, 4}, offsets(t, m.Value))
	it.acknowledge(m)
	it.send(batchOf(1, 3))
	it.send(batchOf(3, 4))
	m, kind = it.next()
	require.Equal(t, codec.FeedRecords, kind)
	require.Equal(t, []int64{5, 6}, offsets(t, m.Value))
	it.acknowledge(m)
}
