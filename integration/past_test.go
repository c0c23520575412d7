package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// TestRecountPublishesPastPeriods publishes the board of a day before there was one, while instances run: it is
// interrupted, and repeated it gives the same.
func TestRecountPublishesPastPeriods(t *testing.T) {
	everywhere(t, recountPublishesPastPeriods)
}

// TestRecountInterrupted interrupts a recount again and again, each time later: it prints nothing, and changes nothing of
// what it gives when it is let end.
func TestRecountInterrupted(t *testing.T) {
	t.Parallel()
	const partitions, messages = 2, 100_000
	site := defaultSite(t)
	newPipeline(t, site, partitions)
	at := time.Now().UTC().Add(-time.Hour)
	records := make([]*kgo.Record, messages)
	for i := range records {
		records[i] = &kgo.Record{Topic: site.Input, Partition: int32(i % partitions), Timestamp: at, Value: fmt.Appendf(nil, "/page%d|%d|1.5|1", i%997, i%5)}
	}
	kafkatest.ProduceRecords(t, site.Cluster, records...)
	command := []string{"recount", "--json", "--as-of", time.Now().UTC().Format(time.RFC3339), "--boards", "hour kind=window window=2h", "--board", "hour"}
	interrupted := 0
	for after := 10 * time.Millisecond; ; after = after * 3 / 2 {
		r, err := site.Interrupt(within(t), after, command...)
		require.NoError(t, err)
		if r.Code == 0 {
			b, err := codec.DecodeBoard([]byte(r.Stdout))
			require.NoError(t, err)
			assert.EqualValues(t, messages, b.Counted)
			again, err := codec.DecodeBoard([]byte(site.Must(command...)))
			require.NoError(t, err)
			assert.Equal(t, b.Pages, again.Pages)
			break
		}
		// Before it takes signals, Go ends it.
		assert.Contains(t, []int{130, -1}, r.Code, r.Stderr)
		assert.Empty(t, r.Stdout)
		interrupted++
	}
	assert.Positive(t, interrupted)
}

func recountPublishesPastPeriods(t *testing.T, site *harness.Site) {
	const partitions = 2
	p := newPipeline(t, site, partitions)
	past := time.Now().UTC().Add(-48 * time.Hour)
	var records []*kgo.Record
	for i := range 40 {
		records = append(records, &kgo.Record{Topic: site.Input, Partition: int32(i % partitions), Timestamp: past,
			Value: fmt.Appendf(nil, "/page%d|%d|1.5|1", i%7, i%5)})
	}
	for range partitions {
		records = append(records, &kgo.Record{Topic: site.Input, Partition: int32(len(records) % partitions), Timestamp: past.Add(-24 * time.Hour), Value: []byte("/earlier|1|0|0")})
	}
	kafkatest.ProduceRecords(t, site.Cluster, records...)
	day := []string{"--board", "days kind=calendar calendar=day"}
	in := site.Start("in", day...)
	board := func(name string, flags ...string) []string {
		return append([]string{"recount", "--boards", "days kind=calendar calendar=day", "--board", name}, flags...)
	}
	key := "days/" + past.Format(time.DateOnly)
	require.Eventually(t, func() bool { return site.Command(board(key, "--publish")...).Code == 0 }, harness.Within, 200*time.Millisecond,
		"once the ranking has a board, and has closed the period")
	assert.Contains(t, site.Must(board(key, "--publish")...), "nothing to do")
	// Killed at any time, it has published the board or not.
	earlier := "days/" + past.Add(-24*time.Hour).Format(time.DateOnly)
	for after := 50 * time.Millisecond; ; after = after * 3 / 2 {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		r, err := site.Run(ctx, nil, board(earlier, "--publish")...)
		cancel()
		if err == nil {
			require.Equal(t, 0, r.Code, r.Stdout+r.Stderr)
			break
		}
	}
	assert.Contains(t, site.Must(board(earlier, "--publish")...), "nothing to do")
	site.Must(board(earlier, "--compare")...)
	site.Must(board(key, "--compare")...)
	seen, err := p.boards.Covering(within(t), key, nil)
	require.NoError(t, err)
	require.Len(t, seen, 1, "published once")
	assert.Equal(t, site.Prefix+"-rank", boardKeys(t, site)[key], "by the ranking")
	published := site.Must("top", "--once", "--json", "--board", key)
	b, err := codec.DecodeBoard([]byte(strings.TrimSpace(published)))
	require.NoError(t, err)
	assert.True(t, b.Final)
	assert.Len(t, b.Pages, 7)
	assert.EqualValues(t, 40, b.Counted)

	today := "days/" + time.Now().UTC().Format(time.DateOnly)
	r := site.Command(board(today, "--publish")...)
	assert.Equal(t, 1, r.Code)
	assert.Contains(t, r.Stderr, "has not closed the period")
	r = site.Command(board("days/2020-01-01", "--publish")...)
	assert.Equal(t, 2, r.Code)
	assert.Contains(t, r.Stderr, "is not kept")
	truncate(t, site, site.Input, 1)
	r = site.Command(board("days/"+past.Add(-48*time.Hour).Format(time.DateOnly), "--publish")...)
	assert.Equal(t, 1, r.Code)
	assert.Contains(t, r.Stderr, "does not reach back")
	stopped(t, in)
}
