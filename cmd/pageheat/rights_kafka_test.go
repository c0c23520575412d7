package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pageheat/integration/kafkatest"
	"pageheat/rights"
)

// TestPrintedRightsOnKafka: Kafka's StandardAuthorizer lets every role and command do its work
// with the printed rights alone. Of each kind of resource, one is given by the command as it is
// printed.
func TestPrintedRightsOnKafka(t *testing.T) {
	cluster := kafkatest.Real(t, 1, kafkatest.WithRights())
	kafkatest.NeedProcesses(t, cluster)
	g := guarded(t, cluster)
	commands := []string{"--topic", "--group", "prefixed"}
	names := slices.DeleteFunc(rights.Names(), func(name string) bool { return name == "import" })
	for _, name := range append(names, "import") { // import empties the deployment, and leaves topics with which no instance runs
		t.Run(name, func(t *testing.T) {
			_, lines := g.needs(t, name)
			var byCommand, others []string
			for _, line := range lines {
				if len(commands) > 0 && name == "heat" && strings.Contains(line, commands[0]) {
					byCommand, commands = append(byCommand, line), commands[1:]
				} else {
					others = append(others, line)
				}
			}
			only(t, cluster, others)
			for _, line := range byCommand {
				assert.NoError(t, cluster.KafkaACLs(t.Context(), strings.Fields(strings.TrimPrefix(line, "kafka-acls "))...))
			}
			code, log, metrics := g.workOf(t, name)
			assert.Equal(t, exitDone, code, "%s: %s", name, log)
			assert.NotContains(t, log, "right", name)
			assert.NotContains(t, metrics, "AUTHORIZATION_FAILED", name)
		})
	}
	assert.Empty(t, commands)
}
