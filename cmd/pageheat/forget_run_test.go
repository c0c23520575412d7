package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestForgettingOnARunningInstance: a page is gone from the board and the API, also after a restart, and what is sent
// of it then starts at zero; one that is blocked stays out. The audit finds what the rule says.
func TestForgettingOnARunningInstance(t *testing.T) {
	t.Parallel()
	brokers := broker(t)
	command := func(stdin string, args ...string) string {
		t.Helper()
		var out strings.Builder
		code := run(t.Context(), append(args, "--brokers", brokers), strings.NewReader(stdin), &out, &out)
		require.Equal(t, exitDone, code, "%v: %s", args, &out)
		return out.String()
	}
	command("", "topics", "create", "--replication", "1", "--partitions", "3")
	send := func(lines ...string) { command(strings.Join(lines, "\n")+"\n", "produce", "--file", "-") }
	i := start(t, "--brokers", brokers, "--roles", "ingest,heat,rank,serve")
	// clicks of each page on the board
	board := func() map[string]json.Number {
		answer, err := http.Get("http://" + i.address + "/api/v1/boards/all-time")
		if err != nil {
			return nil
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		var b struct {
			Pages []struct {
				Page   string
				Clicks json.Number
			}
		}
		_ = json.Unmarshal(body, &b)
		clicks := map[string]json.Number{}
		for _, p := range b.Pages {
			clicks[p.Page] = p.Clicks
		}
		return clicks
	}
	shows := func(want map[string]json.Number) {
		t.Helper()
		require.Eventually(t, func() bool {
			got := board()
			if len(got) != len(want) {
				return false
			}
			for page, clicks := range want {
				if got[page] != clicks {
					return false
				}
			}
			return true
		}, 30*time.Second, 10*time.Millisecond, "%v", want)
	}
	unknown := func(page string) {
		t.Helper()
		answer, err := http.Get("http://" + i.address + "/api/v1/pages/" + page)
		require.NoError(t, err)
		_ = answer.Body.Close()
		require.Equal(t, http.StatusNotFound, answer.StatusCode, page)
	}
	send("a|5|0|0", "b|3|0|0", "c|2|0|0", "a|1|0|0")
	shows(map[string]json.Number{"a": "6", "b": "3", "c": "2"})

	command("", "forget", "a")
	command("", "forget", "c", "--block")
	shows(map[string]json.Number{"b": "3"})
	unknown("a")
	unknown("c")
	send("a|1|0|0", "c|7|0|0", "b|1|0|0")
	shows(map[string]json.Number{"a": "1", "b": "4"})
	command("", "audit")

	i.stop()
	require.Equal(t, exitDone, <-i.ended, i.log)
	i = start(t, "--brokers", brokers, "--roles", "ingest,heat,rank,serve")
	i.ready(t)
	send("c|7|0|0", "b|1|0|0")
	shows(map[string]json.Number{"a": "1", "b": "5"})
	unknown("c")
	command("", "forget", "c")
	send("c|1|0|0")
	shows(map[string]json.Number{"a": "1", "b": "5", "c": "1"})
	command("", "audit")
}
