package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/samples"
)

// requestLine is a line of a log in the format common.
func requestLine(client, page string, at time.Time) string {
	return fmt.Sprintf("%s - - [%s] \"GET %s HTTP/1.1\" 200 1\n", client, at.Format("02/Jan/2006:15:04:05 -0700"), page)
}

// TestProduceFollowsALog: what is decided is sent with the time of the log, and what waits when it is
// told to end, too.
func TestProduceFollowsALog(t *testing.T) {
	t.Parallel()
	brokers := broker(t, kfake.SeedTopics(1, "user-behavior-topic"))
	path := filepath.Join(t.TempDir(), "access.log")
	now := time.Now().Truncate(time.Second)
	write := func(text string) {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		_, err = f.WriteString(text)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	write(requestLine("a", "/old", now.Add(-2*time.Hour)) + requestLine("b", "/old", now.Add(-time.Hour)) + requestLine("a", "/x", now.Add(-10*time.Minute)))

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code := make(chan int, 1)
	var out, errs samples.Output
	go func() {
		code <- run(ctx, []string{"produce", "--brokers", brokers, "--format", "common", "--follow", path}, nil, &out, &errs)
	}()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.ConsumeTopics("user-behavior-topic"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	next := func(want string, at time.Time) {
		t.Helper()
		fetches := client.PollRecords(ctx, 1)
		require.NoError(t, fetches.Err(), errs.String())
		for _, r := range fetches.Records() {
			assert.Equal(t, want, string(r.Value))
			assert.True(t, r.Timestamp.Equal(at), "%s instead of %s", r.Timestamp, at)
		}
	}
	next("/old|1|0.5|0", now.Add(-2*time.Hour))
	next("/old|1|0.5|0", now.Add(-time.Hour))
	require.NoError(t, os.Rename(path, path+".1"))
	write(requestLine("a", "/y", now.Add(-7*time.Minute)) + requestLine("b", "/z", now))
	next("/x|1|3|0", now.Add(-10*time.Minute))
	cancel()
	assert.Equal(t, exitInterrupted, <-code, errs.String())
	ctx = t.Context()
	next("/y|1|0.5|0", now.Add(-7*time.Minute))
	next("/z|1|0.5|0", now)
	assert.Contains(t, out.String(), "5 messages sent in ")
}

// TestProduceInterruptedInALog: it ends though standard input does not.
func TestProduceInterruptedInALog(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	stdin := &typist{first: requestLine("a", "/x", time.Now()), read: cancel}
	code := run(ctx, []string{"produce", "--format", "common", "--dry-run", "-"}, stdin, &out, io.Discard)
	assert.Equal(t, exitInterrupted, code)
	assert.Contains(t, []string{"", "/x|1|0.5|0\n"}, out.String())
}
