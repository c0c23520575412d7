package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/codec"
	"pageheat/integration/kafkatest"
	"pageheat/topology"
)

// TestRunToldToEndBeforeItBegins: it has nothing to drain yet, and is done.
func TestRunToldToEndBeforeItBegins(t *testing.T) {
	cluster := kafkatest.Embedded(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, log bytes.Buffer
	code := run(ctx, []string{"run", "--brokers", cluster.Bootstrap()}, strings.NewReader(""), &out, &log)
	assert.Equal(t, exitDone, code, "%s%s", &out, &log)
}

// TestOwnersOfTheRankingHaveNamesOfTheirOwn: also those of one process, whose role is
// started again. A restore ends at the fence with the owner's name, so an older fence
// must not have it.
func TestOwnersOfTheRankingHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Embedded(t)
	args := func(command ...string) []string { return append(command, "--brokers", cluster.Bootstrap()) }
	var out, log bytes.Buffer
	require.Equal(t, exitDone, run(t.Context(), args("topics", "create"), strings.NewReader(""), &out, &log), "%s%s", &out, &log)
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	// The first board is refused, which ends the role.
	cluster.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topo.Output, Err: kerr.UnknownServerError})
	ctx, drain := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, args("run", "--roles", "ingest,heat,rank", "--listen", "127.0.0.1:0"), strings.NewReader(""), &out, &log)
	}()
	owners := make(map[string]int)
	for _, r := range kafkatest.Read(t, cluster, topo.RankTable, 3) {
		if string(r.Key) == codec.FenceKey(0) {
			fence, err := codec.DecodeFence(r.Value)
			require.NoError(t, err)
			owners[fence.Owner]++
		}
	}
	drain()
	require.Equal(t, exitDone, <-ended, "%s", &log)
	require.Contains(t, log.String(), "a role ended and will be restarted")
	require.Len(t, owners, 2, "%v", owners)
}
