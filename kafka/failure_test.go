package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/IBM/sarama"
	"github.com/hashicorp/go-multierror"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/failure"
)

// permanentCodes are the codes of Kafka's list that only a person can mend, where
// a role can meet them.
func permanentCodes() []int16 {
	return []int16{
		10, 17, 18, 23, 24, 26, 29, 30, 31, 32, 35, 43, 44, 50, 53, 76, 82, 87,
	}
}

// TestBothClientsErrorsAreClassifiedByCode: what is permanent in one place is so in
// all, and whatever comes after the code's error is wrapped, joined or collected.
func TestBothClientsErrorsAreClassifiedByCode(t *testing.T) {
	permanent := make(map[int16]bool)
	for _, code := range permanentCodes() {
		permanent[code] = true
	}
	for code := int16(-1); code <= 130; code++ {
		for name, err := range map[string]error{
			"sarama":    fmt.Errorf("a request: %w", sarama.KError(code)),
			"franz-go":  &kgo.ErrGroupSession{Err: errorForCode(code)},
			"joined":    errors.Join(io.EOF, sarama.Wrap(sarama.ErrAddPartitionsToTxn, sarama.ErrNotEnoughReplicas, sarama.KError(code))),
			"collected": fmt.Errorf("goka: %w", multierror.Append(nil, io.EOF, sarama.KError(code))),
		} {
			p := failure.As(Explain(err))
			if name == "franz-go" && errorForCode(code) == nil {
				continue
			}
			assert.Equal(t, permanent[code], p != nil, "%s error %d, %v", name, code, err)
			if p != nil {
				assert.Regexp(t, `docs/operations\.md|topics check|--`, p.Hint)
			}
		}
	}
}

func errorForCode(code int16) error { return kerr.ErrorForCode(code) }

// TestErrorsThatPass: errors that pass by themselves are not permanent.
func TestErrorsThatPass(t *testing.T) {
	for _, err := range []error{
		nil, io.EOF, context.DeadlineExceeded, &net.DNSError{Err: "no such host", Name: "kafka", IsNotFound: true},
		&net.OpError{Op: "dial", Err: errors.New("connection refused")},
		sarama.ErrOutOfBrokers, sarama.ErrClosedClient, sarama.ErrClosedConsumerGroup, kgo.ErrClientClosed,
	} {
		assert.Equal(t, err, Explain(err), "%v", err)
	}
}

// TestHintsSayWhatIsMissing: the right and the resource, the clock, the other process.
func TestHintsSayWhatIsMissing(t *testing.T) {
	hint := func(err error, needs ...Right) string {
		p := failure.As(Explain(err, needs...))
		require.NotNil(t, p, "%v", err)
		require.ErrorIs(t, p, err)
		return p.Hint
	}
	refused := fmt.Errorf("committing: %w", kerr.TopicAuthorizationFailed)
	table, id := OnTopic(Write, "pageheat-heat-table"), OnTransactions(Write, "pageheat-heat-0")
	assert.Contains(t, hint(refused, table), "Write on the topic pageheat-heat-table")
	assert.Contains(t, hint(sarama.ErrTransactionalIDAuthorizationFailed, table, id), "Write on the transactional id pageheat-heat-0")
	assert.Contains(t, hint(sarama.ErrTopicAuthorizationFailed, id, table), "Write on the topic pageheat-heat-table")
	assert.Contains(t, hint(sarama.ErrGroupAuthorizationFailed, OnGroup(Read, "pageheat-rank"), table), "Read on the consumer group pageheat-rank")
	assert.Contains(t, hint(sarama.ErrGroupAuthorizationFailed, table), "consumer group", "what is not known is left open")
	assert.Contains(t, hint(sarama.ErrInvalidTimestamp), "clock")
	assert.Contains(t, hint(kerr.FencedInstanceID), "--instance-id")
	assert.Equal(t, io.EOF, Explain(io.EOF, OnTopic(Read, "input")))
	own := failure.New("do this", "offset 7: %w", kerr.TopicAuthorizationFailed)
	assert.Equal(t, own, Explain(own, table), "who made it knows more")
}
