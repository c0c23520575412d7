package adapter

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/processors"
	"pageheat/store"
)

// PermanentError is an error that trying again can not mend: a person has to
// do something first.
type PermanentError struct {
	Err  error
	Hint string // what to do, a sentence
}

// Error is the error with the hint.
func (e *PermanentError) Error() string { return fmt.Sprintf("%v: %s", e.Err, e.Hint) }

// Unwrap is the error itself.
func (e *PermanentError) Unwrap() error { return e.Err }

// errSessionOver says that a session ended before it began: no fault.
var errSessionOver = errors.New("the session of the consumer group is over")

// permanent wraps an error that no second try mends.
func permanent(hint string, format string, args ...any) error {
	return &PermanentError{Err: fmt.Errorf(format, args...), Hint: hint}
}

// What to do, by sections of docs/operations.md.
const (
	hintAnew       = `see "A topic was created anew" in docs/operations.md`
	hintMissing    = `the table can not become right by itself; see "A range is missing" in docs/operations.md`
	hintDamaged    = `see "The changelog is damaged" in docs/operations.md`
	hintMalformed  = `was it written by a newer version of pageheat? Then upgrade this instance first; otherwise see "A record does not decode" in docs/operations.md`
	hintTooLarge   = `see "A message is too large" in docs/operations.md`
	hintInstance   = "another process has joined the consumer group with the same --instance-id: give each process its own, and stop all but one of those that share one; see \"Another process has the same --instance-id\" in docs/operations.md"
	hintSettings   = `see "The cluster refuses what pageheat needs" in docs/operations.md`
	hintRights     = `see "A right is missing" in docs/operations.md`
	hintPartitions = `the pages of the table belong to the partitions that it had; see "The number of partitions has changed" in docs/operations.md`
	hintVersion    = "run the version of pageheat that wrote it: the log line \"started\" of the other instances, and \"pageheat version\", name it"
	hintDeleted    = `see "Somebody has deleted pages from the table" in docs/operations.md`
	hintOutput     = `see "Prefixes and outputs are mixed up" in docs/operations.md`
	hintSASL       = "correct the user name, the password or the mechanism"
)

// hintOf is what to do about an error of a broker that no second try mends, by its
// code, which both clients share. Every other code passes: it is about brokers
// that come and go, leaders and coordinators that move, members and producers
// that are replaced, or a topic that may be created yet.
func hintOf(code int16) (hint string, permanent bool) {
	switch code {
	case kerr.RecordListTooLarge.Code:
		return `raise segment.bytes of the topic: "pageheat topics check" says to what`, true
	case kerr.MessageTooLarge.Code:
		return `raise max.message.bytes of the topic: "pageheat topics check" says to what; ` + hintTooLarge, true
	case kerr.InvalidTopicException.Code:
		return "Kafka does not allow this name for a topic: see --prefix, --input and --output", true
	case kerr.InvalidGroupID.Code:
		return "Kafka does not allow this name for a consumer group: see --prefix", true
	case kerr.InconsistentGroupProtocol.Code:
		return "another program is a member of this consumer group: stop it, or give pageheat a --prefix of its own; " + hintSettings, true
	case kerr.InvalidSessionTimeout.Code:
		return "--session-timeout must be within the brokers' group.min.session.timeout.ms and group.max.session.timeout.ms; " + hintSettings, true
	case kerr.TopicAuthorizationFailed.Code:
		return "give pageheat's user the rights Read, Write and Describe on the topic; " + hintRights, true
	case kerr.GroupAuthorizationFailed.Code:
		return "give pageheat's user the rights Read and Describe on the consumer group; " + hintRights, true
	case kerr.ClusterAuthorizationFailed.Code:
		return "give pageheat's user the right IdempotentWrite on the cluster, or Write on a topic; " + hintRights, true
	case kerr.TransactionalIDAuthorizationFailed.Code:
		return "give pageheat's user the rights Write and Describe on the transactional ids that begin with its prefix; " + hintRights, true
	case kerr.InvalidTimestamp.Code:
		return "the broker refuses records by their time: compare the clock of this machine with those of the brokers, and message.timestamp.before.max.ms and message.timestamp.after.max.ms of the topic; see \"Records are refused by their time\" in docs/operations.md", true
	case kerr.UnsupportedSaslMechanism.Code, kerr.IllegalSaslState.Code:
		return "the brokers do not take this SASL mechanism at this address", true
	case kerr.SaslAuthenticationFailed.Code:
		return hintSASL, true
	case kerr.UnsupportedVersion.Code:
		return "the broker does not know this request: pageheat needs Apache Kafka 2.8 or later; " + hintSettings, true
	case kerr.UnsupportedForMessageFormat.Code:
		return "the topic has a message.format.version before 0.11: raise it; " + hintSettings, true
	case kerr.UnsupportedCompressionType.Code:
		return "the topic's compression.type and the clients do not go together: set it to producer; " + hintSettings, true
	case kerr.PolicyViolation.Code:
		return "a policy of the cluster refuses it; the broker's message says which; " + hintSettings, true
	case kerr.InvalidTransactionTimeout.Code:
		return fmt.Sprintf("transaction.max.timeout.ms of the brokers must be at least %d; %s", kafka.TransactionTimeout.Milliseconds(), hintSettings), true
	case kerr.InvalidRecord.Code:
		return "the broker refuses a record, and would refuse it again; " + hintSettings, true
	case kerr.FencedInstanceID.Code:
		return hintInstance, true
	}
	return "", false
}

// codesOf are the codes of all errors of brokers that err wraps, whichever client
// asked: of several, one may be permanent.
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

// hasCode reports whether err wraps an error of a broker with one of the codes.
func hasCode(err error, codes ...int16) bool {
	return slices.ContainsFunc(codesOf(err), func(code int16) bool { return slices.Contains(codes, code) })
}

// hints are what to do about errors of our own that are known to be permanent.
func hints() []struct {
	err  error
	hint string
} {
	return []struct {
		err  error
		hint string
	}{
		{store.ErrGap, hintMissing},
		{store.ErrOtherInput, hintAnew},
		{processors.ErrOtherBehavior, hintAnew},
		{codec.ErrOtherPartitions, hintPartitions},
		{codec.ErrVersion, hintVersion},
		{store.ErrUnknownKey, hintVersion},
		{store.ErrDeleted, hintDeleted},
		{codec.ErrMalformed, hintMalformed},
		{sarama.ErrMessageTooLarge, hintMalformed},
		{sarama.ErrDecompressedBatchTooLarge, hintMalformed},
	}
}

// AsPermanent returns err as a PermanentError if no second try would mend it,
// and nil otherwise.
func AsPermanent(err error) *PermanentError {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*PermanentError](err); ok {
		return p
	}
	// A message above the producer's own bound, for one.
	if _, ok := errors.AsType[sarama.ConfigurationError](err); ok {
		return &PermanentError{Err: err, Hint: hintTooLarge}
	}
	for _, h := range hints() {
		if errors.Is(err, h.err) {
			return &PermanentError{Err: err, Hint: h.hint}
		}
	}
	for _, code := range codesOf(err) {
		if hint, ok := hintOf(code); ok {
			return &PermanentError{Err: err, Hint: hint}
		}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &PermanentError{Err: err, Hint: "the broker's certificate is not trusted here, has expired, or is for another name"}
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return &PermanentError{Err: err, Hint: "the broker does not speak TLS at this address"}
	}
	return nil
}

// fencing reports whether an error says that another owner has taken over a
// transactional.id.
func fencing(err error) bool {
	return hasCode(err, kerr.InvalidProducerEpoch.Code, kerr.ProducerFenced.Code)
}

// The kinds of resources that rights are for.
type resource int

const (
	topicResource resource = iota
	groupResource
	idResource
)

// needs says which right is missing where err is about one to such a resource: the
// operation, such as "Read", on the resource with the name.
func needs(err error, operation string, kind resource, name string) error {
	code, word := kerr.TopicAuthorizationFailed.Code, "topic"
	switch kind {
	case groupResource:
		code, word = kerr.GroupAuthorizationFailed.Code, "consumer group"
	case idResource:
		code, word = kerr.TransactionalIDAuthorizationFailed.Code, "transactional id"
	case topicResource:
	}
	if !hasCode(err, code) {
		return err
	}
	return &PermanentError{Err: err, Hint: fmt.Sprintf("give pageheat's user the right %s on the %s %s; %s", operation, word, name, hintRights)}
}

// startFailure keeps the first error of what a goka processor is built from, whose
// type goka loses. It is safe for concurrent use.
type startFailure struct {
	mu  sync.Mutex
	err error
}

// keep keeps an error, if it is one, and returns it.
func (f *startFailure) keep(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
	return err
}

// explain returns the error that was kept where err, which a processor ended with,
// speaks of it, and err otherwise. What was kept is forgotten.
func (f *startFailure) explain(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := f.err
	f.err = nil
	if err != nil && kept != nil && strings.Contains(err.Error(), kept.Error()) {
		return kept
	}
	return err
}
