package integration

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// TestSecretsStaySecret: whatever the program prints and serves, when all is well, when brokers
// are gone, when it is refused and when it crashes, holds neither the password nor the token.
func TestSecretsStaySecret(t *testing.T) {
	kafkatest.Long(t)
	const httpToken = canary + "-http"
	clean := func(what, text string) {
		t.Helper()
		assert.NotEmpty(t, text, what)
		for _, secret := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary))} {
			if at := strings.Index(text, secret); at >= 0 {
				const around = 80
				t.Errorf("%s has a secret: %s", what, text[max(0, at-around):min(len(text), at+around)])
			}
		}
	}
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.User("SCRAM-SHA-256", "heat", canary))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	prefix := kafkatest.Prefix(t)
	login := []string{"PAGEHEAT_SASL_MECHANISM=SCRAM-SHA-256", "PAGEHEAT_SASL_USERNAME=heat", "PAGEHEAT_LOG_LEVEL=debug", "PAGEHEAT_TOKEN=" + httpToken}
	site := harness.Installation{Program: shared.program, Brokers: strings.Join(broker.ListenAddrs(), ","), Prefix: prefix, Input: prefix + "-input", Output: prefix + "-output",
		Env: slices.Concat(login, []string{"PAGEHEAT_SASL_PASSWORD=" + canary})}
	ctx := within(t)
	command := func(i harness.Installation, code int, args ...string) {
		t.Helper()
		r, err := i.Run(ctx, nil, args...)
		require.NoError(t, err)
		assert.Equal(t, code, r.Code, "%s%s", r.Stdout, r.Stderr)
		clean(strings.Join(args, " "), r.Stdout+r.Stderr)
	}
	command(site, 0, "topics", "create")
	in, err := site.StartInstance("canary", "--roles", "ingest,heat,rank,serve,collect")
	require.NoError(t, err)
	t.Cleanup(func() { _ = in.Kill() })
	for _, args := range [][]string{{"topics", "check"}, {"produce", "--count", "20", "--rate", "max"}, {"top", "--once"}, {"audit"}, {"topology"},
		{"dead-letters", "list"}, {"help", "run"}, {"completion", "bash"}, {"version"}} {
		command(site, 0, args...)
	}
	for _, path := range []string{"/", "/metrics", "/healthz", "/readyz", "/api/v1/boards/all-time", "/api/v1/overview", "/api/v1/openapi.yaml", "/api/v1/nothing",
		"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap", "/debug/pprof/allocs?debug=1", "/debug/pprof/profile?seconds=1", "/debug/pprof/trace?seconds=1"} {
		answer, err := in.Get(ctx, path, "Authorization", "Bearer "+httpToken)
		require.NoError(t, err)
		assert.NotEqual(t, http.StatusUnauthorized, answer.Status, path)
		body := answer.Body
		if packed, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, err = io.ReadAll(packed)
			require.NoError(t, err)
		}
		clean(path, string(body))
	}

	// With other secrets it is refused, and says neither.
	other := site
	other.Env = slices.Concat(login, []string{"PAGEHEAT_SASL_PASSWORD=other-" + canary})
	command(other, 1, "run", "--listen", "127.0.0.1:0")
	other.Env = slices.Concat(login, []string{"PAGEHEAT_SASL_PASSWORD=" + canary, "PAGEHEAT_SASL_MECHANISM=" + canary[:6], "PAGEHEAT_ROLES=none"})
	command(other, 2, "run")
	other.Env = slices.Concat(login, []string{"PAGEHEAT_SASL_PASSWROD=" + canary})
	command(other, 2, "run")
	command(site, 2, "run", "--sasl-password", canary)
	command(site, 2, "run", "--sasl-passwrod="+canary)

	// Without brokers it says a lot, and where it crashes even more.
	seen := in.Log().Len()
	broker.Close()
	_, _, err = in.WaitLog(ctx, seen, func(e harness.Entry) bool { return e.Level == "WARN" })
	require.NoError(t, err)
	require.NoError(t, in.Signal(syscall.SIGQUIT))
	_, err = in.Wait(ctx)
	require.NoError(t, err)
	dump := in.Log().Tail(in.Log().Len())
	require.Contains(t, dump, "goroutine ")
	clean("the log and the dump", dump)
}
