package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/samples"
)

// TestHangupReloads: the log level of the configuration file and the token of its file are taken
// over, and what is wrong leaves both as they were.
func TestHangupReloads(t *testing.T) {
	brokers := broker(t)
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	config, token := filepath.Join(t.TempDir(), "pageheat.yaml"), filepath.Join(t.TempDir(), "token")
	settings := "brokers: [" + brokers + "]\nlisten: 127.0.0.1:0\nlog-format: json\nroles: [serve]\ntoken-file: " + token + "\n"
	write(config, settings)
	write(token, "first\n")
	out := &samples.Output{}
	require.Equal(t, exitDone, run(t.Context(), []string{"topics", "create", "--brokers", brokers}, strings.NewReader(""), out, out), out.String())

	ctx, end := context.WithCancel(t.Context())
	log, ended := &samples.Output{}, make(chan int, 1)
	serving := make(chan struct{})
	log.Want, log.Came = `"msg":"started"`, func() { close(serving) }
	go func() { ended <- run(ctx, []string{"run", "--config", config}, strings.NewReader(""), out, log) }()
	t.Cleanup(func() {
		end()
		assert.Equal(t, exitDone, <-ended)
	})
	<-serving
	address := regexp.MustCompile(`"address":"([^"]+)"`).FindStringSubmatch(log.String())
	require.NotNil(t, address, log.String())
	status := func(token string) int {
		request, err := http.NewRequest(http.MethodGet, "http://"+address[1]+"/metrics", nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		answer.Body.Close()
		return answer.StatusCode
	}
	hangup := func(want string) {
		came := make(chan struct{})
		log.Expect(want, func() { close(came) })
		require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGHUP))
		<-came
	}
	assert.Equal(t, http.StatusOK, status("first"))

	write(token, "second\n")
	write(config, settings+"log-level: debug\n")
	hangup(`"log_level":"debug"`)
	assert.Equal(t, http.StatusUnauthorized, status("first"))
	assert.Equal(t, http.StatusOK, status("second"))

	write(token, "")
	write(config, settings+"log-level: loud\n")
	hangup("the previous ones stay in use")
	assert.Contains(t, log.String(), "--token-file: the file is empty")
	assert.Contains(t, log.String(), `loud`)
	assert.Equal(t, http.StatusOK, status("second"))
}
