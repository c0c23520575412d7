package views

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestOneWarningForEachTimeThatATopicCanNotBeRead: goka repeats its message for each partition
// and each attempt.
func TestOneWarningForEachTimeThatATopicCanNotBeRead(t *testing.T) {
	var out strings.Builder
	l := &gokaLog{log: slog.New(slog.NewTextHandler(&out, nil))}
	for range 2 {
		l.runs()
		for range 7 {
			l.Printf("Error while starting up: %s", "connection refused")
			l.Printf("Will retry in %d seconds", 1)
		}
	}
	l.runs()
	assert.Equal(t, 2, strings.Count(out.String(), "WARN"), "%s", &out)
	assert.Equal(t, 2, strings.Count(out.String(), "is read again"), "%s", &out)
	assert.Contains(t, out.String(), "connection refused")
}
