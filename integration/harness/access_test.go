package harness

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pageheat/rights"
)

// TestEveryCommandHasTheRightsOfItsOwn fails for a role or command that "topics acls" knows and
// this package does not: its processes would have the rights of another, or none.
func TestEveryCommandHasTheRightsOfItsOwn(t *testing.T) {
	lines := map[string]string{
		"ingest": "run --roles ingest", "heat": "run --listen :0 --roles=heat", "rank": "run --roles rank", "serve": "run --roles serve", "collect": "run --roles collect",
		"topics-create": "topics create --partitions 3", "topics-check": "topics check", "produce": "produce --file -",
		"top": "top --once", "page": "page --json -- name", "audit": "audit",
		"recount": "recount --board hour", "recount-compare": "recount --board hour --compare",
		"dead-letters-list": "dead-letters list", "dead-letters-replay": "dead-letters replay --all",
		"status": "status --json", "reset": "reset --yes", "reset-keep-totals": "reset --yes --keep-totals",
		"export": "export --file pages.jsonl", "import": "import pages.jsonl",
	}
	for _, name := range rights.Names() {
		assert.Contains(t, lines, name)
		assert.Equal(t, name, subject(strings.Fields(lines[name])))
	}
	assert.Equal(t, defaultRoles, subject([]string{"run", "--listen", ":0"}))
	assert.Empty(t, subject([]string{"version"}))
	assert.Empty(t, subject([]string{"topics", "acls"}))
}
