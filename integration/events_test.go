package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/events"
	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// TestEventsOfBoardsOverKills: processes that write events are killed again and again while the board moves.
// Readers of committed records find the events of each version of the board once, in order.
func TestEventsOfBoardsOverKills(t *testing.T) {
	kafkatest.Long(t)
	everywhere(t, func(t *testing.T, site *harness.Site) {
		const inputs, kills = 3, 4
		p := newPipeline(t, site, inputs, "--events")
		in := site.Start("first", "--events", "--instance-id", "one")
		require.NoError(t, in.WaitReady(within(t)))

		ctx, cancel := context.WithCancel(t.Context())
		want := harness.NewRecount()
		ends := make(chan harness.Ends, 1)
		go func() { // behaviours that let pages overtake each other all the time
			var last harness.Ends
			for round := 0; ctx.Err() == nil; round++ {
				var text strings.Builder
				for i := range 12 {
					fmt.Fprintf(&text, `{"page":"/t/%d","clicks":%d,"minutes":0,"like":0,"title":"Thread %d, \"%d\"","url":"https://forum.example/t/%d"}`+"\n",
						(round*5+i*i)%23, (round+1)*(1+(round*7+i)%40), i, round, round)
				}
				assert.NoError(t, want.AddLines([]byte(text.String()), 1))
				last = sent(t, site, records(site, []byte(text.String()), nil, func(i int) int32 { return int32(i % inputs) }))
				time.Sleep(20 * time.Millisecond) // the load of a site, in time
			}
			ends <- last
		}()
		for n := range kills {
			written := eventsSoFar(t, site)
			for eventsSoFar(t, site) < written+20 { // there are events under way
				require.NoError(t, within(t).Err())
				time.Sleep(10 * time.Millisecond)
			}
			require.NoError(t, in.Kill())
			in = site.Start(fmt.Sprint("after kill ", n+1), "--events", "--instance-id", "one")
			require.NoError(t, in.WaitReady(within(t)))
		}
		cancel()
		p.exact(t, in, <-ends, want)

		derived := derivedEvents(t, site)
		got := readEvents(t, site, len(derived))
		require.NoError(t, in.Stop())
		assert.Len(t, readEvents(t, site, len(derived)), len(derived), "nothing follows")
		require.Equal(t, derived, got)
		assert.Greater(t, len(derived), 20*kills)
		t.Logf("%d events over %d kills", len(derived), kills)
	})
}

// eventsSoFar is the end of the topic of events.
func eventsSoFar(t *testing.T, site *harness.Site) int64 {
	t.Helper()
	listed, err := kafkatest.Admin(t, site.Cluster).ListEndOffsets(within(t), site.Prefix+"-events")
	require.NoError(t, err)
	o, _ := listed.Lookup(site.Prefix+"-events", 0)
	return o.Offset
}

// derivedEvents are those that the boards in the output have.
func derivedEvents(t *testing.T, site *harness.Site) (all []string) {
	t.Helper()
	rules, err := events.DefaultSettings().Rules()
	require.NoError(t, err)
	f := events.NewFollower(rules)
	readAll(t, site, site.Output, func(r *kgo.Record) {
		var positions []byte
		for _, h := range r.Headers {
			if h.Key == codec.HeaderPositions {
				positions = h.Value
			}
		}
		happened, err := f.Record(string(r.Key), r.Value, positions)
		require.NoError(t, err)
		for _, e := range happened {
			value, err := codec.EncodeEvent(&e)
			require.NoError(t, err)
			all = append(all, string(value))
		}
	})
	return all
}

// readEvents reads committed events, at least so many.
func readEvents(t *testing.T, site *harness.Site, least int) (all []string) {
	t.Helper()
	for ctx := within(t); ; {
		all = nil
		readAll(t, site, site.Prefix+"-events", func(r *kgo.Record) {
			e, err := codec.DecodeEvent(r.Value)
			require.NoError(t, err)
			if e.Kind != codec.Left {
				require.NotEmpty(t, e.Title)
				require.True(t, strings.HasPrefix(e.URL, "https://forum.example/t/"), e.URL)
			}
			all = append(all, string(r.Value))
		})
		if len(all) >= least {
			return all
		}
		require.NoError(t, ctx.Err(), "%d events of %d", len(all), least)
		time.Sleep(10 * time.Millisecond)
	}
}

// readAll reads the committed records that a topic of one partition has now.
func readAll(t *testing.T, site *harness.Site, topic string, each func(*kgo.Record)) {
	t.Helper()
	client, err := kgo.NewClient(append(site.Cluster.Connect(), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	require.NoError(t, err)
	defer client.Close()
	listed, err := kadm.NewClient(client).ListCommittedOffsets(within(t), topic)
	require.NoError(t, err)
	end, _ := listed.Lookup(topic, 0)
	ctx := within(t)
	for next := int64(0); next < end.Offset; {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset >= end.Offset {
				return
			}
			next = r.Offset + 1
			if !r.Attrs.IsControl() {
				each(r)
			}
		})
	}
}
