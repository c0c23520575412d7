package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pageheat/integration/kafkatest"
)

// TestRunToldToEndBeforeItBegins: it has nothing to drain yet, and is done.
func TestRunToldToEndBeforeItBegins(t *testing.T) {
	cluster := kafkatest.Embedded(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, log bytes.Buffer
	code := run(ctx, []string{"run", "--brokers", cluster.Bootstrap()}, strings.NewReader(""), &out, &log)
	assert.Equal(t, exitDone, code, "%s%s", &out, &log)
}
