package kafka

import (
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/failure"
	"pageheat/kafka/security"
)

// Explain returns an error of a request, or of a client of either library, as a
// [failure.Permanent] with a hint if retrying cannot fix it, and any other error unchanged.
// The caller that made the request calls it, with the rights that the request needs.
func Explain(err error, needs ...Right) error {
	if err == nil || failure.As(err) != nil {
		return err
	}
	for _, code := range codesOf(err) {
		for _, right := range needs {
			if hint, ok := right.hint(code); ok {
				return &failure.Permanent{Err: err, Hint: hint}
			}
		}
	}
	for _, code := range codesOf(err) {
		if hint := hintOf(code); hint != "" {
			return &failure.Permanent{Err: err, Hint: hint}
		}
	}
	if hint := localHint(err); hint != "" {
		return &failure.Permanent{Err: err, Hint: hint}
	}
	if hint := connectionHint(err); hint != "" {
		return &refusedError{err, hint}
	}
	return err
}

// refusedError is a connection that fails because of certificates or credentials, with a hint.
// It is permanent when a command starts (see [Cluster.Reach]). Later it is transient, since what
// has worked may work again: certificates and passwords are renewed, one broker learns of a
// password after the others, an identity provider is down.
type refusedError struct {
	err  error
	hint string
}

func (e *refusedError) Error() string { return fmt.Sprintf("%v: %s", e.err, e.hint) }

func (e *refusedError) Unwrap() error { return e.err }

// connectionHint is the hint for an error of certificates or credentials; empty for any other.
func connectionHint(err error) string {
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return refused.hint
	}
	codes := codesOf(err)
	if errors.Is(err, sarama.ErrSASLAuthenticationFailed) { // sarama wraps the broker's message with it
		codes = append(codes, kerr.SaslAuthenticationFailed.Code)
	}
	for _, code := range codes {
		switch code {
		case kerr.UnsupportedSaslMechanism.Code:
			return "the brokers do not support this SASL mechanism at this address: check --sasl-mechanism and --brokers"
		case kerr.IllegalSaslState.Code:
			return "the brokers do not use SASL at this address: remove --sasl-mechanism, or check --brokers"
		case kerr.SaslAuthenticationFailed.Code:
			return "the brokers reject the credentials: check --sasl-mechanism, and the user name and password or the OAuth client"
		}
	}
	return security.Hint(err)
}

// isPermanent reports whether retrying cannot fix an error that was explained.
func isPermanent(err error) bool { return failure.As(err) != nil }

// hintOf is the hint for a permanent error of a broker, by its code, which both clients
// share. It is empty for every other code: those are about brokers that
// come and go, leaders and coordinators that move, members and producers that are
// replaced, or a topic that may be created yet.
func hintOf(code int16) string {
	switch code {
	case kerr.RecordListTooLarge.Code:
		return "raise segment.bytes of the topic; " + failure.TooLarge
	case kerr.MessageTooLarge.Code:
		return "raise max.message.bytes of the topic; " + failure.TooLarge
	case kerr.InvalidTopicException.Code:
		return "Kafka does not allow this name for a topic: see --prefix, --input and --output; " + failure.ShowSettings
	case kerr.InvalidGroupID.Code:
		return "Kafka does not allow this name for a consumer group: see --prefix; " + failure.ShowSettings
	case kerr.InconsistentGroupProtocol.Code:
		return "another program is a member of this consumer group: stop it, or give pageheat a --prefix of its own; " + failure.Settings
	case kerr.InvalidSessionTimeout.Code:
		return "--session-timeout must be within the brokers' group.min.session.timeout.ms and group.max.session.timeout.ms; " + failure.Settings
	case kerr.TopicAuthorizationFailed.Code:
		return "give pageheat's user the rights Read, Write and Describe on the topic; " + failure.Rights
	case kerr.GroupAuthorizationFailed.Code:
		return "give pageheat's user the rights Read and Describe on the consumer group; " + failure.Rights
	case kerr.ClusterAuthorizationFailed.Code:
		return "give pageheat's user the right Write on a topic, or IdempotentWrite on the cluster; " + failure.Rights
	case kerr.TransactionalIDAuthorizationFailed.Code:
		return "give pageheat's user the rights Write and Describe on the transactional ids that begin with its prefix; " + failure.Rights
	case kerr.InvalidTimestamp.Code:
		return "the broker refuses records by their time: compare the clock of this machine with those of the brokers, and message.timestamp.before.max.ms and message.timestamp.after.max.ms of the topic; " + failure.Clock
	case kerr.UnsupportedVersion.Code:
		return "the broker does not know this request: pageheat needs Apache Kafka 2.8 or later; " + failure.Settings
	case kerr.UnsupportedForMessageFormat.Code:
		return "the topic has a message.format.version before 0.11: raise it; " + failure.Settings
	case kerr.UnsupportedCompressionType.Code:
		return "the topic's compression.type and the clients do not go together: set it to producer; " + failure.Settings
	case kerr.PolicyViolation.Code:
		return "a policy of the cluster refuses it; the broker's message says which; " + failure.Settings
	case kerr.InvalidTransactionTimeout.Code:
		return fmt.Sprintf("transaction.max.timeout.ms of the brokers must be at least %d; %s", TransactionTimeout.Milliseconds(), failure.Settings)
	case kerr.InvalidRecord.Code:
		return "the broker refuses a record, and would refuse it again; " + failure.Settings
	case kerr.FencedInstanceID.Code:
		return failure.Instance
	}
	return ""
}

// localHint is the hint for a permanent error of a client itself; empty for any other.
func localHint(err error) string {
	// A message above the producer's own bound, for one.
	if _, ok := errors.AsType[sarama.ConfigurationError](err); ok {
		return failure.TooLarge
	}
	if errors.Is(err, sarama.ErrMessageTooLarge) || errors.Is(err, sarama.ErrDecompressedBatchTooLarge) {
		return failure.Malformed
	}
	return ""
}

// codesOf returns the codes of all brokers' errors that err wraps, for both clients: one of
// several may be permanent.
func codesOf(err error) []int16 {
	var inner []error
	switch e := err.(type) { //nolint:errorlint // this walks the tree itself
	case sarama.KError:
		return []int16{int16(e)}
	case *kerr.Error:
		return []int16{e.Code}
	case interface{ WrappedErrors() []error }: // of goka's multierror
		inner = e.WrappedErrors()
	case interface{ Unwrap() []error }:
		inner = e.Unwrap()
	case interface{ Unwrap() error }:
		inner = []error{e.Unwrap()}
	}
	var codes []int16
	for _, e := range inner {
		codes = append(codes, codesOf(e)...)
	}
	return codes
}

// Is reports whether err wraps an error of a broker with one of these codes,
// for both clients.
func Is(err error, any ...*kerr.Error) bool {
	codes := codesOf(err)
	return slices.ContainsFunc(any, func(e *kerr.Error) bool { return slices.Contains(codes, e.Code) })
}

// Fenced reports whether an error says that another owner has taken over a
// transactional id.
func Fenced(err error) bool {
	return Is(err, kerr.InvalidProducerEpoch, kerr.ProducerFenced)
}
