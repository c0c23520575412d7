package bot

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/integration/kafkatest"
)

// TestBot: it posts each event that is for people, once, also one that comes twice.
func TestBot(t *testing.T) {
	python := kafkatest.NeedTool(t, "python3")
	kafkatest.NeedTool(t, "kcat")
	for name, posts := range map[string]func(t *testing.T, python, brokers, topic string) <-chan string{"lines": lines, "webhook": webhook} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := kafkatest.Embedded(t)
			const topic = "pageheat-events"
			kafkatest.CreateTopic(t, cluster, topic, 1)
			for _, e := range []codec.Event{
				{Kind: codec.TookRank1, Version: 1, Page: "/日", Rank: 1},
				{Kind: codec.Entered, Version: 2, Page: "/b", Rank: 2},
				{Kind: codec.TookRank1, Version: 3, Page: "/b", Rank: 1, PreviousRank: 2, PreviousLeader: "/日"},
				{Kind: codec.TookRank1, Version: 3, Page: "/b", Rank: 1, PreviousRank: 2, PreviousLeader: "/日"},
				{Kind: codec.Left, Version: 4, Page: "/日", PreviousRank: 2},
				{Kind: codec.Rose, Version: 5, Page: "/c", Title: "Cats", URL: "https://forum.example/c", Rank: 2, PreviousRank: 3, Places: 4, FromRank: 6},
			} {
				at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
				e.Board, e.At, e.Since, e.Heat, e.Clicks, e.Minutes, e.Likes = "today", at, at, "1", "1", "0", "0"
				value, err := codec.EncodeEvent(&e)
				require.NoError(t, err)
				kafkatest.ProduceRecords(t, cluster, &kgo.Record{Topic: topic, Key: []byte(e.Board), Value: value})
			}
			posted := posts(t, python, cluster.Bootstrap(), topic)
			for _, want := range []string{"/日 is the hottest page of today now", "/b is the hottest page of today now, ahead of /日", "Cats rose 4 places to number 2 of today https://forum.example/c"} {
				select {
				case got := <-posted:
					assert.Equal(t, want, got)
				case <-time.After(time.Minute):
					require.FailNow(t, "no post", want)
				}
			}
		})
	}
}

// bot runs the bot until the test ends, and returns its output.
func bot(t *testing.T, python string, args ...string) *bufio.Scanner {
	t.Helper()
	cmd := exec.Command(python, append([]string{"bot.py"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // kcat ends with it
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
	})
	return bufio.NewScanner(out)
}

// lines returns what the bot prints.
func lines(t *testing.T, python, brokers, topic string) <-chan string {
	t.Helper()
	out, posted := bot(t, python, brokers, topic), make(chan string, 10)
	go func() {
		for out.Scan() {
			posted <- out.Text()
		}
	}()
	return posted
}

// webhook returns what the bot posts to a chat.
func webhook(t *testing.T, python, brokers, topic string) <-chan string {
	t.Helper()
	posted := make(chan string, 10)
	chat := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var post struct{ Text string }
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&post))
		posted <- post.Text
	}))
	t.Cleanup(chat.Close)
	bot(t, python, brokers, topic, chat.URL)
	return posted
}
