package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
)

// taken reads n requests and does what the owner of the table does with them.
func (c *counted) take(n int) []*codec.Forget {
	c.t.Helper()
	found, err := kadm.NewClient(c.client).ListTopics(c.t.Context(), c.topo.Forget)
	require.NoError(c.t, err)
	client, err := kgo.NewClient(kgo.SeedBrokers(c.args[1]), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		c.topo.Forget: {0: kgo.NewOffset().At(c.progress.Forget.Next)},
	}))
	require.NoError(c.t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	var all []*codec.Forget
	next := int64(0)
	for len(all) < n {
		fetches := client.PollFetches(ctx)
		require.NoError(c.t, fetches.Err())
		for r := range fetches.RecordsAll() {
			request, err := codec.DecodeForget(r.Value)
			require.NoError(c.t, err)
			require.Equal(c.t, request.Key(), string(r.Key))
			all = append(all, request)
			c.forget(request)
			next = r.Offset + 1
		}
	}
	p := c.progress
	p.Forget.Topic, p.Forget.Next = codec.TopicID(found[c.topo.Forget].ID), next
	c.commit(p)
	return all
}

// forgetting runs the command while the owner takes n requests in.
func (c *counted) forgetting(n int, stdin string, args ...string) (code int, stdout, stderr string, requests []*codec.Forget) {
	c.t.Helper()
	ended := make(chan int, 1)
	var out, log bytes.Buffer
	go func() {
		ended <- run(c.t.Context(), append(append([]string{"forget"}, args...), c.args...), strings.NewReader(stdin), &out, &log)
	}()
	requests = c.take(n)
	return <-ended, out.String(), log.String(), requests
}

// TestForget asks for pages in all ways, and waits until they are forgotten.
func TestForget(t *testing.T) {
	t.Parallel()
	c := newCounted(t, "/a|1|0.5|1", "/a|2|1|-1", "/b|3|2|0", "/bc|1|1|0", "/c|1|1|1")

	code, out, log, requests := c.forgetting(2, "", "/a", "/unknown", "/a")
	require.Zero(t, code, log)
	assert.Equal(t, "2 pages are forgotten\n", out)
	require.Len(t, requests, 2)
	assert.Equal(t, "/a", requests[0].Page)
	assert.Equal(t, "/unknown", requests[1].Page)
	assert.False(t, requests[0].Block)
	assert.WithinDuration(t, time.Now(), time.UnixMilli(requests[0].RequestedAt), time.Minute)
	assert.NotEqual(t, requests[0].ID, requests[1].ID)

	code, out, log = c.run("forget", "--pattern", "/b.*", "--dry-run")
	require.Zero(t, code, log)
	assert.Equal(t, `PAGE  CLICKS  MINUTES  LIKES  BEHAVIOURS
/b    3       2        0      1
/bc   1       1        0      1
2 pages in the table with 2 behaviours: nothing was forgotten
`, out)
	code, out, log, requests = c.forgetting(2, "", "--pattern", "/b.*", "--yes", "--block", "--json")
	require.Zero(t, code, log)
	assert.Equal(t, `{"page":"/b","block":true,"sha256":"9812b0b9d61e09b927d03ff93f64530d8fcf373810b7007129eb4b20962412cb","topic":"pageheat-forget","partition":0,"offset":2}`,
		strings.Split(out, "\n")[0])
	assert.True(t, requests[0].Block)

	code, out, log = c.run("forget", "/c", "/a", "--dry-run", "--json")
	require.Zero(t, code, log)
	assert.Equal(t, `{"page":"/c","known":true,"totals":{"clicks":1,"minutes":1,"likes":1,"behaviours":1}}
{"page":"/a","known":false}
`, out)

	code, out, log, requests = c.forgetting(1, "\ufeff/c\r\n\n/c\n", "--file", "-")
	require.Zero(t, code, log)
	assert.Equal(t, "1 page is forgotten\n", out)
	assert.Equal(t, "/c", requests[0].Page)

	code, out, log = c.run("forget", "--pattern", ".*", "--yes")
	require.Zero(t, code, log)
	assert.Equal(t, "0 pages are forgotten\n", out)
}

// TestForgetWithoutOwner says that the requests stay.
func TestForgetWithoutOwner(t *testing.T) {
	t.Parallel()
	c := newCounted(t, "/a|1|0.5|1")
	code, out, log := c.run("forget", "/a", "--timeout", "200ms")
	require.Equal(t, exitFailed, code)
	assert.Empty(t, out)
	assert.Contains(t, log, "requests are not taken in for 200ms: 1 of 1")
	assert.Contains(t, log, "nothing needs to be repeated")

	code, out, log = c.run("forget", "/a", "--timeout", "0")
	require.Zero(t, code, log)
	assert.Equal(t, "1 page is asked to be forgotten\n", out)
	require.Len(t, c.take(2), 2)
}

// TestForgetInterrupted ends at once, and the request stays.
func TestForgetInterrupted(t *testing.T) {
	t.Parallel()
	c := newCounted(t, "/a|1|0.5|1")
	ctx, cancel := context.WithCancel(t.Context())
	var out, log bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"forget", "/a"}, c.args...), strings.NewReader(""), &out, &log)
	}()
	require.Eventually(t, func() bool {
		ends, err := kadm.NewClient(c.client).ListEndOffsets(t.Context(), c.topo.Forget)
		end, _ := ends.Lookup(c.topo.Forget, 0)
		return err == nil && end.Offset == 1
	}, time.Minute, 10*time.Millisecond)
	cancel()
	require.Equal(t, exitInterrupted, <-ended)
	assert.Contains(t, log.String(), "the requests stay")
	require.Len(t, c.take(1), 1)
}

// TestForgetIsRefused before anything is sent.
func TestForgetIsRefused(t *testing.T) {
	t.Parallel()
	c := newCounted(t, "/a|1|0.5|1")
	file := filepath.Join(t.TempDir(), "pages")
	require.NoError(t, os.WriteFile(file, []byte("/a\n\n/b|c\n"), 0o600))
	for name, of := range map[string]struct {
		code int
		says string
		args []string
	}{
		"no page":             {exitUsage, "name the pages", nil},
		"a name of no page":   {exitUsage, `"/b|c" cannot be the name of a page`, []string{"/a", "/b|c"}},
		"one in a file":       {exitUsage, "pages: line 3: \"/b|c\" cannot be", []string{"--file", file}},
		"a missing file":      {exitUsage, "no such file", []string{"--file", file + "x"}},
		"a pattern, at once":  {exitUsage, "--dry-run", []string{"--pattern", ".*"}},
		"no pattern":          {exitUsage, "is not a pattern", []string{"--pattern", "(", "--yes"}},
		"a pattern and pages": {exitUsage, "--pattern", []string{"--pattern", ".*", "--yes", "/a"}},
		"a timeout":           {exitUsage, "--timeout", []string{"/a", "--timeout", "-1s"}},
		"no table":            {exitFailed, "other-heat-table does not exist", []string{"/a", "--prefix", "other"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, log := c.run(append([]string{"forget"}, of.args...)...)
			assert.Equal(t, of.code, code, out+log)
			assert.Contains(t, log, of.says)
		})
	}
	admin := kadm.NewClient(c.client)
	_, err := admin.DeleteTopic(t.Context(), c.topo.Forget)
	require.NoError(t, err)
	code, _, log := c.run("forget", "/a")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, log, "topic pageheat-forget does not exist: run `pageheat topics create`")
	_, err = admin.CreateTopic(t.Context(), 2, 1, nil, c.topo.Forget)
	require.NoError(t, err)
	code, _, log = c.run("forget", "/a")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, log, "topic pageheat-forget has 2")
}

// TestKeptTotalsStayForgotten: a reset that keeps the totals keeps requests and what was forgotten.
func TestKeptTotalsStayForgotten(t *testing.T) {
	t.Parallel()
	c := newCounted(t, "/a|1|0.5|1", "/b|3|2|0")
	code, _, log, _ := c.forgetting(1, "", "/a")
	require.Zero(t, code, log)
	c.progress.Counted = 1
	c.commit(c.progress)
	code, _, log = c.run("forget", "/b", "--timeout", "0")
	require.Zero(t, code, log)

	code, out, log := c.run("reset", "--keep-totals", "--yes")
	require.Zero(t, code, log)
	assert.Contains(t, out, "the totals of 1 behaviours in 1 partitions are kept")
	assert.NotContains(t, out, c.topo.Forget)
	_, out, _ = c.run("topics", "create") // settings of topics that stay are not as needed here
	assert.Contains(t, out, c.topo.Forget+" exists")
	code, out, log = c.run("audit")
	require.Zero(t, code, out+log)
	assert.Contains(t, out, "forgotten: 1 page, 0 of them blocked; 1 behaviour of theirs in the input is not counted")
	assert.Equal(t, "/b", c.take(1)[0].Page)
}
