package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// TestStoreOnDisk counts more pages than fit in memory, with an instance that is killed and
// another one that continues in the same directory, then with a standby, and finally in memory
// again.
func TestStoreOnDisk(t *testing.T) {
	kafkatest.Long(t)
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 2, "--partitions", "1")
		want := harness.NewRecount()
		send := func(first int) harness.Ends {
			var text strings.Builder
			for n := range 4000 {
				fmt.Fprintf(&text, "/page%d|%d|0.%d|%d\n", (first+n)%3000, n%4, n%10, n%3-1)
			}
			require.NoError(t, want.AddLines([]byte(text.String()), 1))
			return sent(t, site, records(site, []byte(text.String()), nil, func(i int) int32 { return int32(i % 2) }))
		}
		dir := t.TempDir()
		first := site.Start("first", "--store", "disk", "--store-dir", dir)
		p.exact(t, first, send(0), want)

		conflict := p.Command("run", "--listen", "127.0.0.1:0", "--store", "disk", "--store-dir", dir)
		assert.Equal(t, 1, conflict.Code)
		assert.Contains(t, conflict.Stderr, "used by another process")
		assert.Contains(t, conflict.Stderr, dir)

		require.NoError(t, first.Kill())
		again := site.Start("again", "--store", "disk", "--store-dir", dir)
		p.exact(t, again, send(1000), want)
		standby := site.Start("standby", "--standby", "--store", "disk", "--store-dir", t.TempDir())
		require.NoError(t, standby.WaitReady(within(t)))
		stopped(t, again)
		p.exact(t, standby, send(2000), want)
		stopped(t, standby)
		last := site.Start("last")
		p.exact(t, last, send(500), want)
		p.audited(t)
		stopped(t, last)
	})
}
