package integration

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// TestKcat writes the input and reads the output with kcat, an independent client in another
// language.
func TestKcat(t *testing.T) {
	kcat := kafkatest.NeedTool(t, "kcat", "kafkacat")
	file := readData(t, "testdata", smallest)
	everywhere(t, func(t *testing.T, site *harness.Site) {
		if site.Cluster.Fake() != nil && len(site.Cluster.Security()) > 0 {
			kafkatest.Skip(t, "kcat logs in with version 0 of SaslHandshake, which the embedded broker does not have")
		}
		p := newPipeline(t, site, 3)
		in := site.Start("only")
		run := func(stdin []byte, args ...string) []byte {
			cmd := exec.CommandContext(within(t), kcat, append(kafkatest.Kcat(site.Cluster), args...)...)
			cmd.Stdin = bytes.NewReader(stdin)
			var out, failure bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &failure
			require.NoError(t, cmd.Run(), "kcat %s: %s", strings.Join(args, " "), &failure)
			return out.Bytes()
		}
		run(file.lines, "-P", "-t", site.Input)
		board := p.exact(t, in, site.Ends(), file.recount(t, 1))

		// The last record is the board.
		out := run(nil, "-C", "-t", site.Output, "-o", "-1", "-c", "1", "-f", "%k %s\n")
		key, value, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
		require.True(t, ok, "%q", out)
		assert.Equal(t, "all-time", key)
		var got harness.Board
		require.NoError(t, json.Unmarshal([]byte(value), &got))
		assert.Equal(t, board.Version, got.Version)
		assert.Equal(t, string(board.Value), value)

		// With keys and as JSON.
		run([]byte(`k:{"page":"/kcat","clicks":1000000,"minutes":1440,"like":1}`+"\n"), "-P", "-t", site.Input, "-K", ":")
		want := file.recount(t, 1)
		require.NoError(t, want.Add([]byte("/kcat|1000000|1440|1"), 1))
		p.exact(t, in, site.Ends(), want)
		stopped(t, in)
	})
}
