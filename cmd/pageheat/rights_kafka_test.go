package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"pageheat/integration/kafkatest"
	"pageheat/rights"
)

// TestPrintedRightsOnKafka: Kafka's StandardAuthorizer lets every role and command do its work
// with the printed rights alone.
func TestPrintedRightsOnKafka(t *testing.T) {
	cluster := kafkatest.Real(t, 1, kafkatest.WithRights())
	kafkatest.NeedProcesses(t, cluster)
	g := guarded(t, cluster)
	for _, name := range rights.Names() {
		_, lines := g.needs(t, name)
		only(t, cluster, lines)
		code, log, metrics := g.workOf(t, name)
		assert.Equal(t, exitDone, code, "%s: %s", name, log)
		assert.NotContains(t, log, "right", name)
		assert.NotContains(t, metrics, "AUTHORIZATION_FAILED", name)
	}
}
