package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/kafkatest"
	"pageheat/integration/samples"
	"pageheat/web"
)

// command is a `pageheat run` in this process.
type command struct {
	address string // of HTTP
	log     *samples.Output
	stop    context.CancelFunc
	ended   chan int
}

// launch runs an instance.
func launch(t *testing.T, args ...string) *command {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	i := &command{log: &samples.Output{}, stop: cancel, ended: make(chan int, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		i.ended <- run(ctx, append([]string{"run", "--log-format", "json"}, args...), strings.NewReader(""), io.Discard, i.log)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return i
}

// start runs an instance until it serves.
func start(t *testing.T, args ...string) *command {
	t.Helper()
	address := freeAddress(t)
	i := launch(t, append([]string{"--listen", address}, args...)...)
	i.address = address
	serves(t, address, i.log)
	return i
}

// ready waits until all roles of an instance work.
func (i *command) ready(t *testing.T) {
	t.Helper()
	answered(t, "http://"+i.address+"/readyz", i.log)
}

// answered waits until a request to url is answered with 200.
func answered(t *testing.T, url string, msgAndArgs ...any) {
	t.Helper()
	require.Eventually(t, func() bool {
		answer, err := http.Get(url)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, 30*time.Second, 10*time.Millisecond, msgAndArgs...)
}

// freeAddress is an address to listen at.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := kafkatest.FreeAddress()
	require.NoError(t, err)
	return address
}

// serves waits until somebody listens at an address.
func serves(t *testing.T, address string, log fmt.Stringer) {
	t.Helper()
	require.Eventually(t, func() bool {
		connection, err := net.Dial("tcp", address)
		return err == nil && connection.Close() == nil
	}, 30*time.Second, 10*time.Millisecond, "%s", log)
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
	t.Parallel()
	brokers := broker(t)
	var out strings.Builder
	require.Equal(t, exitDone, run(t.Context(), []string{"topics", "create", "--brokers", brokers, "--replication", "1"}, strings.NewReader(""), io.Discard, &out), &out)
	for _, roles := range []string{"ingest", "heat", "rank", "collect", "serve"} {
		i := start(t, "--brokers", brokers, "--roles", roles)
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
	first := start(t, "--brokers", brokers, "--roles", "ingest")
	for _, flags := range [][]string{
		{"--listen", first.address},
		{"--listen", "127.0.0.1:0", "--public-listen", first.address},
	} {
		second := launch(t, append(flags, "--brokers", brokers, "--roles", "ingest")...)
		require.Equal(t, exitFailed, <-second.ended, second.log)
		assert.Contains(t, second.log.String(), flags[len(flags)-2]+": ")
		assert.Contains(t, second.log.String(), "address already in use")
	}

	// Another process has the default address.
	if usual, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", web.DefaultListen); err == nil {
		defer usual.Close()
	}
	third := launch(t, "--brokers", brokers, "--roles", "ingest")
	// Nobody can know the address but by what the log tells.
	told := regexp.MustCompile(`"msg":"serves HTTP","component":"http","address":"([^"]+)"`)
	require.Eventually(t, func() bool { return told.MatchString(third.log.String()) }, 30*time.Second, 10*time.Millisecond, "%s", third.log)
	third.address = told.FindStringSubmatch(third.log.String())[1]
	assert.NotEqual(t, web.DefaultListen, third.address)
	assert.Contains(t, third.log.String(), "the default HTTP address is in use")
	status, _ := third.status(t, "/healthz", "")
	assert.Equal(t, http.StatusOK, status)
}
