package pipeline

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/store"
)

// failing is an attempt for a test.
func failing() *attempt { return newAttempt(context.Background()) }

// testSession is a session of an attempt of its own.
func testSession(real sarama.ConsumerGroupSession) *session { return newSession(real, failing()) }

// TestTheFirstErrorEndsAnAttempt with its type; the end of a session is none.
func TestTheFirstErrorEndsAnAttempt(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	a := newAttempt(ctx)
	for _, err := range []error{nil, fmt.Errorf("emitting: %w", errSessionOver), fmt.Errorf("reading: %w", context.Canceled)} {
		a.fail(err)
		require.NoError(t, a.failure())
	}
	stop()
	refused := kafka.Explain(fmt.Errorf("connecting a producer: %w", sarama.ErrClusterAuthorizationFailed))
	a.fail(refused)
	a.fail(io.EOF)
	require.Equal(t, refused, a.failure(), "also at a stop")
	require.NotNil(t, failure.As(a.failure()))
	<-a.failed.Done()
}

// wired is a role of which only the wiring matters.
type wired struct{ role }

func (wired) wiring(*attempt) wiring { return wiring{} }

// TestARunEndsWithItsFirstError, which goka would only print.
func TestARunEndsWithItsFirstError(t *testing.T) {
	c := kafkatest.Embedded(t)
	r := &runner{name: "test", role: wired{}, settings: Settings{Cluster: testCluster(t, c), Logger: slog.New(slog.DiscardHandler)}}
	require.NotNil(t, failure.As(r.Run(t.Context(), func(...goka.ProcessorOption) (*goka.Processor, error) {
		return nil, fmt.Errorf("making a processor: %w", sarama.ErrGroupAuthorizationFailed)
	})), "what goka keeps is explained")
	require.ErrorIs(t, r.Run(t.Context(), func(options ...goka.ProcessorOption) (*goka.Processor, error) {
		graph := goka.DefineGroup("group", goka.Input("missing", codec.Raw{}, func(goka.Context, any) {}), goka.Persist(codec.Raw{}))
		return goka.NewProcessor(c.Brokers(), graph, options...)
	}), kerr.UnknownTopicOrPartition)
}

// TestHintsOfTheRoomsAbove: what an operator can do comes with the error.
func TestHintsOfTheRoomsAbove(t *testing.T) {
	require.ErrorContains(t, failure.As(fmt.Errorf("offset 7: %w", codec.ErrMalformed)), "newer version of pageheat")
	for _, err := range []error{errSessionOver, fmt.Errorf("writing: %w", store.ErrDisk)} {
		assert.Nil(t, failure.As(err), "%v", err)
	}
}
