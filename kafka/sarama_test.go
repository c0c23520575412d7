package kafka

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestTransactionsOutliveAnElection: by default brokers miss one of them after 9
// seconds (broker.session.timeout.ms), and only then have another lead.
func TestTransactionsOutliveAnElection(t *testing.T) {
	c := New(Config{ClientID: "test"}).transactionConfig(Ownership{Purpose: "test", ID: "id"}, &atomic.Bool{})
	assert.NoError(t, c.Validate())
	sum := time.Duration(0)
	for try := range c.Producer.Transaction.Retry.Max {
		pause := c.Producer.Transaction.Retry.BackoffFunc(try, c.Producer.Transaction.Retry.Max)
		assert.LessOrEqual(t, pause, 100*time.Millisecond, "it goes on soon after")
		sum += pause
	}
	assert.Greater(t, sum, 2*9*time.Second)
	assert.Less(t, sum, RebalanceTimeout)
}

// TestTablesTakeTheBatches: whatever segment.bytes a table has, Kafka allows no less
// than 1 MiB.
func TestTablesTakeTheBatches(t *testing.T) {
	c := New(Config{ClientID: "test"}).transactionConfig(Ownership{Purpose: "test", ID: "id"}, &atomic.Bool{})
	assert.Less(t, c.Producer.MaxMessageBytes, 1<<20)
	assert.Greater(t, c.Producer.MaxMessageBytes, c.Producer.Flush.Bytes)
}
