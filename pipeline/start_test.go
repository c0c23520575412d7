package pipeline

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/store"
)

// TestGokaLosesNoTypeAtTheStart: goka prints the errors of what it is built from.
func TestGokaLosesNoTypeAtTheStart(t *testing.T) {
	var f startFailure
	refused := kafka.Explain(fmt.Errorf("connecting a producer: %w", sarama.ErrClusterAuthorizationFailed))
	printed := errors.New("error creating Kafka producer: connecting a producer: " + sarama.ErrClusterAuthorizationFailed.Error())
	require.Equal(t, refused, f.keep(refused))
	require.NoError(t, f.explain(nil))
	require.NotNil(t, failure.As(f.explain(printed)))

	f.begin()
	require.Equal(t, io.EOF, f.explain(io.EOF), "another processor's error is none of it")
	require.NotNil(t, failure.As(f.explain(fmt.Errorf("consuming: %w", sarama.ErrGroupAuthorizationFailed))), "what goka keeps is explained")
}

// TestLookUpsOfGoka: an error ends the session that it happens in, or the start.
func TestLookUpsOfGoka(t *testing.T) {
	var f startFailure
	var current atomic.Pointer[session]
	lost := f.lost(&current)
	lost(io.EOF)
	require.Equal(t, io.EOF, f.explain(errors.New("printed")))

	f.begin()
	s := &session{}
	current.Store(s)
	lost(io.ErrUnexpectedEOF)
	require.Equal(t, io.ErrUnexpectedEOF, s.failure())
	require.Equal(t, io.EOF, f.explain(io.EOF), "which has its own")
}

// TestHintsOfTheRoomsAbove: what an operator can do comes with the error.
func TestHintsOfTheRoomsAbove(t *testing.T) {
	require.ErrorContains(t, failure.As(fmt.Errorf("offset 7: %w", codec.ErrMalformed)), "newer version of pageheat")
	for _, err := range []error{errSessionOver, fmt.Errorf("writing: %w", store.ErrDisk)} {
		assert.Nil(t, failure.As(err), "%v", err)
	}
}
