package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/kafkatest"
)

// TestASilentBrokerCostsSeconds: the others answer for it, whatever the command.
func TestASilentBrokerCostsSeconds(t *testing.T) {
	cluster := kafkatest.Embedded(t)
	brokers := kafkatest.Listen(t, kafkatest.Silent) + "," + cluster.Bootstrap()
	const within = 8 * time.Second
	command := func(t *testing.T, args ...string) (code int, stdout, stderr string) {
		t.Helper()
		var out, log bytes.Buffer
		began := time.Now()
		code = run(t.Context(), append(args, "--brokers", brokers), strings.NewReader(""), &out, &log)
		assert.Less(t, time.Since(began), within, args)
		return code, out.String(), log.String()
	}
	code, out, log := command(t, "topics", "create")
	require.Equal(t, exitDone, code, out+log)
	for _, args := range [][]string{
		{"topics", "check"}, {"produce", "--count", "3", "--rate", "max"}, {"dead-letters", "list"}, {"audit"},
	} {
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			code, out, log := command(t, args...)
			require.Equal(t, exitDone, code, out+log)
		})
	}
	t.Run("page", func(t *testing.T) {
		t.Parallel()
		code, _, log := command(t, "page", "/a")
		require.Equal(t, exitFailed, code)
		require.Contains(t, log, "is not known")
	})
}
