package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TestRunOnBrokersThatLackSomething: without topic IDs and without the deletion of records all
// is counted, and what is lost is said once.
func TestRunOnBrokersThatLackSomething(t *testing.T) {
	t.Parallel()
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
	in := start(t, "--brokers", brokers)
	in.ready(t)
	command("page1|1|1|1\npage2|2|2|0\n", "produce", "--file", "-")
	require.Eventually(t, func() bool {
		return strings.Contains(command("", "top", "--once", "--json"), `"counted":2`)
	}, 60*time.Second, 10*time.Millisecond, "%s", in.log)
	in.stop()
	require.Equal(t, exitDone, <-in.ended, in.log)
	assert.Contains(t, command("", "audit"), "all 2 pages are exact")
	for _, lost := range []string{"do not support topic IDs", "do not support deletion of records"} {
		assert.Equal(t, 1, strings.Count(in.log.String(), lost), in.log.String())
	}
	assert.Equal(t, 2, strings.Count(in.log.String(), "WARN"), in.log.String())
}
