package adapter

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

	"pageheat/codec"
	"pageheat/store"
)

// permanentCodes are the codes of Kafka's list that only a person can mend, where
// a role can meet them.
func permanentCodes() []int16 {
	return []int16{
		10, 17, 18, 23, 24, 26, 29, 30, 31, 32, 33, 34, 35, 43, 44, 50, 53, 58, 76, 82, 87,
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
			p := AsPermanent(err)
			if name == "franz-go" && errorForCode(code) == nil {
				continue
			}
			assert.Equal(t, permanent[code], p != nil, "%s error %d, %v", name, code, err)
			if p != nil {
				assert.Regexp(t, `docs/operations\.md|topics check|--|user name|SASL`, p.Hint)
			}
		}
	}
}

func errorForCode(code int16) error { return kerr.ErrorForCode(code) }

// TestErrorsThatPass: nobody is sent for where time mends it.
func TestErrorsThatPass(t *testing.T) {
	for _, err := range []error{
		nil, io.EOF, context.DeadlineExceeded, &net.DNSError{Err: "no such host", Name: "kafka", IsNotFound: true},
		&net.OpError{Op: "dial", Err: errors.New("connection refused")},
		sarama.ErrOutOfBrokers, sarama.ErrClosedClient, sarama.ErrClosedConsumerGroup, kgo.ErrClientClosed, errSessionOver,
		fmt.Errorf("writing: %w", store.ErrDisk),
	} {
		assert.Nil(t, AsPermanent(err), "%v", err)
	}
}

// TestHintsSayWhatIsMissing: the right and the resource, the clock, the other process.
func TestHintsSayWhatIsMissing(t *testing.T) {
	err := needs(fmt.Errorf("committing: %w", kerr.TopicAuthorizationFailed), "Write", topicResource, "pageheat-heat-table")
	require.ErrorContains(t, AsPermanent(err), "Write on the topic pageheat-heat-table")
	require.ErrorIs(t, err, kerr.TopicAuthorizationFailed)
	tx := &transaction{topic: "table", id: "pageheat-heat-0"}
	require.ErrorContains(t, AsPermanent(tx.denied(sarama.ErrTransactionalIDAuthorizationFailed)), "Write on the transactional id pageheat-heat-0")
	require.ErrorContains(t, AsPermanent(tx.denied(sarama.ErrTopicAuthorizationFailed)), "Write on the topic table")
	require.Equal(t, io.EOF, needs(io.EOF, "Read", topicResource, "input"))
	require.ErrorContains(t, AsPermanent(sarama.ErrInvalidTimestamp), "clock")
	require.ErrorContains(t, AsPermanent(kerr.FencedInstanceID), "--instance-id")
	require.ErrorContains(t, AsPermanent(fmt.Errorf("offset 7: %w", codec.ErrMalformed)), "newer version of pageheat")
}

// TestGokaLosesNoTypeAtTheStart: goka prints the errors of what it is built from.
func TestGokaLosesNoTypeAtTheStart(t *testing.T) {
	var f startFailure
	_ = f.keep(fmt.Errorf("connecting a producer: %w", sarama.ErrClusterAuthorizationFailed))
	printed := errors.New("error creating Kafka producer: connecting a producer: " + sarama.ErrClusterAuthorizationFailed.Error())
	require.NotNil(t, AsPermanent(f.explain(printed)))
	require.Equal(t, printed, f.explain(printed), "it is forgotten then")
	_ = f.keep(sarama.ErrClusterAuthorizationFailed)
	require.NoError(t, f.explain(nil))
	_ = f.keep(sarama.ErrClusterAuthorizationFailed)
	require.Equal(t, io.EOF, f.explain(io.EOF), "another error is none of it")
}
