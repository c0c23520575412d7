package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/web"
)

// command is a `pageheat run` in this process.
type command struct {
	address string // of HTTP
	log     string // until it was known
	stop    context.CancelFunc
	ended   chan int
}

// start runs an instance until it serves or has ended.
func start(t *testing.T, args ...string) *command {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	in, out := io.Pipe()
	i := &command{stop: cancel, ended: make(chan int, 1)}
	go func() {
		i.ended <- run(ctx, append([]string{"run", "--log-format", "json"}, args...), strings.NewReader(""), io.Discard, out)
		_ = out.Close()
	}()
	t.Cleanup(func() {
		cancel()
		_, _ = io.Copy(io.Discard, in) // until it has ended
	})
	lines := bufio.NewReader(in)
	for {
		text, err := lines.ReadString('\n')
		i.log += text
		if err != nil {
			return i
		}
		var line struct{ Msg, Address string }
		if json.Unmarshal([]byte(text), &line) == nil && line.Msg == "serves HTTP" {
			i.address = line.Address
			go func() { _, _ = io.Copy(io.Discard, lines) }()
			return i
		}
	}
}

// status asks for a path under a host's name.
func (i *command) status(t *testing.T, path, host string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+i.address+path, nil)
	require.NoError(t, err)
	r.Host = host
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

// Every instance can be watched, whatever it does.
func TestEveryInstanceServesHealthAndMetrics(t *testing.T) {
	brokers := broker(t)
	var out strings.Builder
	require.Equal(t, exitDone, run(t.Context(), []string{"topics", "create", "--brokers", brokers, "--replication", "1"}, strings.NewReader(""), io.Discard, &out), &out)
	for _, roles := range []string{"ingest", "heat", "rank", "collect", "serve"} {
		i := start(t, "--brokers", brokers, "--roles", roles, "--listen", "127.0.0.1:0")
		require.NotEmpty(t, i.address, i.log)
		status, body := i.status(t, "/healthz", "")
		assert.Equal(t, http.StatusOK, status, roles)
		assert.JSONEq(t, `{"status":"alive"}`, body)
		status, body = i.status(t, "/metrics", "")
		assert.Equal(t, http.StatusOK, status, roles)
		assert.Contains(t, body, "\npageheat_http_connections{listener=\"listen\"} ")
		assert.Contains(t, body, "\npageheat_http_refused_requests_total{reason=\"host\"} 0\n")
		assert.Contains(t, body, "\npageheat_ingest_dead_letters_total{reason=\"field-count\"} 0\n")
		switch roles {
		case "collect":
			assert.Contains(t, body, "\npageheat_collect_requests_total{status=\"429\"} 0\n")
			assert.Contains(t, body, "\npageheat_collect_refused_requests_total{reason=\"origin\"} 0\n")
		case "serve":
			assert.Contains(t, body, "\npageheat_event_streams_refused_total{reason=\"per-client\"} 0\n")
		default:
			require.Eventually(t, func() bool {
				_, body = i.status(t, "/metrics", "")
				return strings.Contains(body, "\npageheat_role_restarts_total{role=\""+roles+"\"} 0\n")
			}, 10*time.Second, time.Millisecond)
		}
		require.Eventually(t, func() bool {
			status, body = i.status(t, "/readyz", "")
			return status == http.StatusOK
		}, 30*time.Second, 20*time.Millisecond, "%s %s", roles, body)
		status, body = i.status(t, "/metrics", "evil.example")
		assert.Equal(t, http.StatusMisdirectedRequest, status, roles)
		assert.Contains(t, body, "--allow-hosts")
		i.stop()
		assert.Equal(t, exitDone, <-i.ended, roles)
	}
}

// An address that was asked for is taken or the instance ends; the usual one is only
// the first choice, so that instances can be started beside each other.
func TestAddressThatIsTaken(t *testing.T) {
	brokers := broker(t)
	var out strings.Builder
	require.Equal(t, exitDone, run(t.Context(), []string{"topics", "create", "--brokers", brokers, "--replication", "1"}, strings.NewReader(""), io.Discard, &out), &out)
	first := start(t, "--brokers", brokers, "--roles", "ingest", "--listen", "127.0.0.1:0")
	require.NotEmpty(t, first.address, first.log)
	for _, flags := range [][]string{
		{"--listen", first.address},
		{"--listen", "127.0.0.1:0", "--public-listen", first.address},
	} {
		second := start(t, append(flags, "--brokers", brokers, "--roles", "ingest")...)
		require.Equal(t, exitFailed, <-second.ended, second.log)
	}
	second := start(t, "--listen", first.address, "--brokers", brokers, "--roles", "ingest")
	assert.Contains(t, second.log, "--listen")
	assert.Contains(t, second.log, "address already in use")

	// Another process has the default address.
	if usual, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", web.DefaultListen); err == nil {
		defer usual.Close()
	}
	third := start(t, "--brokers", brokers, "--roles", "ingest")
	require.NotEmpty(t, third.address, third.log)
	assert.NotEqual(t, web.DefaultListen, third.address)
	assert.Contains(t, third.log, "the default HTTP address is in use")
	status, _ := third.status(t, "/healthz", "")
	assert.Equal(t, http.StatusOK, status)
}

// A duration has its unit, also as JSON.
func TestDurationsInTheLog(t *testing.T) {
	var out strings.Builder
	newLogger(&out, slog.LevelInfo, "json").Info("ready", "restored_in", 1500*time.Millisecond)
	assert.Contains(t, out.String(), `"restored_in":"1.5s"`)
}
