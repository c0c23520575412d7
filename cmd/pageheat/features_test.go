package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"pageheat/integration/samples"
)

// TestRunOnBrokersThatLackSomething: without topic IDs and without the deletion of records all
// is counted, and what is lost is said once.
func TestRunOnBrokersThatLackSomething(t *testing.T) {
	versions := kversion.V2_8_0()
	versions.SetMaxKeyVersion(int16(kmsg.Metadata), 9)
	versions.SetMaxKeyVersion(int16(kmsg.DeleteRecords), -1)
	brokers := broker(t, kfake.MaxVersions(versions))
	command := func(stdin string, args ...string) string {
		var out, log bytes.Buffer
		code := run(t.Context(), append(args, "--brokers", brokers), strings.NewReader(stdin), &out, &log)
		assert.Equal(t, exitDone, code, "%v: %s%s", args, &out, &log)
		return out.String()
	}
	command("", "topics", "create")
	ctx, end := context.WithTimeout(t.Context(), 60*time.Second)
	defer end()
	count := func() {
		defer end()
		command("page1|1|1|1\npage2|2|2|0\n", "produce", "--file", "-")
		for !strings.Contains(command("", "top", "--once", "--json"), `"counted":2`) {
			if ctx.Err() != nil {
				return
			}
		}
	}
	log := &samples.Output{Want: "owns the ranking", Came: func() { go count() }}
	code := run(ctx, []string{"run", "--listen", "127.0.0.1:0", "--brokers", brokers}, strings.NewReader(""), io.Discard, log)
	require.Equal(t, exitDone, code, log.String())
	assert.Contains(t, command("", "audit"), "all 2 pages are exact")
	for _, lost := range []string{"do not support topic IDs", "do not support deletion of records"} {
		assert.Equal(t, 1, strings.Count(log.String(), lost), log.String())
	}
	assert.Equal(t, 2, strings.Count(log.String(), "WARN"), log.String())
}
