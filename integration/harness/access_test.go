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
		"top": "top --once", "boards": "boards --json", "page": "page --json -- name", "audit": "audit",
		"recount": "recount --board hour", "recount-compare": "recount --board hour --compare", "recount-publish": "recount --board hour --publish",
		"dead-letters-list": "dead-letters list", "dead-letters-replay": "dead-letters replay --all",
		"status": "status --json", "reset": "reset --yes", "reset-keep-totals": "reset --yes --keep-totals",
		"forget": "forget page --block", "switch-from": "switch --from a --to b", "switch-to": "switch --from a --to b",
		"export": "export --file pages.jsonl", "import": "import pages.jsonl",
	}
	for _, name := range rights.Names() {
		assert.Contains(t, lines, name)
		assert.Contains(t, whos(strings.Fields(lines[name])), name)
	}
	assert.Equal(t, []string{defaultRoles}, whos([]string{"run", "--listen", ":0"}))
	assert.Equal(t, []grant{{"rank", []string{"--events", "--alert-group", "a"}}}, grants([]string{"run", "--roles", "rank", "--events", "--alert-group", "a"}))
	assert.Empty(t, whos([]string{"version"}))
	assert.Empty(t, whos([]string{"topics", "acls"}))
	assert.Equal(t, []grant{{"export", []string{"--prefix", "a"}}, {"topics-create,import", []string{"--prefix", "b"}}}, grants([]string{"migrate", "--from", "a", "--to", "b"}))
}

func whos(args []string) []string {
	var all []string
	for _, g := range grants(args) {
		all = append(all, g.who)
	}
	return all
}
