package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/kafkatest"
)

// runDemo runs a demo and returns how many messages it has sent, and how many the last
// board that it printed has counted.
func runDemo(t *testing.T, args ...string) (sent, counted int) {
	t.Helper()
	var out, log bytes.Buffer
	code := run(t.Context(), append([]string{"demo", "--listen", "127.0.0.1:0", "--log-format", "json"}, args...),
		strings.NewReader(""), &out, &log)
	require.Equal(t, exitDone, code, "%s", &log)

	boards := regexp.MustCompile(`(?m)^all-time, ([0-9,]+) behaviours counted, .* UTC$`).FindAllStringSubmatch(out.String(), -1)
	require.NotEmpty(t, boards, "%s", &log)
	counted, err := strconv.Atoi(strings.ReplaceAll(boards[len(boards)-1][1], ",", ""))
	require.NoError(t, err)

	for line := range strings.Lines(log.String()) {
		var entry struct {
			Level, Msg string
			Messages   int
		}
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		assert.NotContains(t, []string{"WARN", "ERROR"}, entry.Level, line)
		if entry.Msg == "the demo ends" {
			sent = entry.Messages
		}
	}
	return sent, counted
}

func TestDemoEndsWithABoardOfAllItHasSent(t *testing.T) {
	dir := t.TempDir()
	first, counted := runDemo(t, "--for", "2s", "--rate", "5000", "--data", dir)
	assert.Greater(t, first, 1000)
	assert.Equal(t, first, counted)

	// What it kept is where the next one begins.
	second, counted := runDemo(t, "--for", "2s", "--rate", "500", "--data", dir)
	assert.Positive(t, second)
	assert.Equal(t, first+second, counted)
}

// Libraries do some of their work once a minute.
func TestDemoRunsLongerThanAMinute(t *testing.T) {
	kafkatest.Long(t)
	t.Parallel()
	sent, counted := runDemo(t, "--for", "65s", "--rate", "100")
	assert.Equal(t, sent, counted)
}
