package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/dial"
)

const (
	// reachTimeout is how long a command looks for a broker before it gives up.
	reachTimeout = 10 * time.Second
	// requestTimeout bounds one administrative step.
	requestTimeout = 30 * time.Second
	// metadataAge is how old an answer about topics may be.
	metadataAge = 50 * time.Millisecond
	// deliveryTimeout is how long a record is tried to be sent, as Kafka's own
	// delivery.timeout.ms.
	deliveryTimeout = 2 * time.Minute
)

// connect opens a client and makes sure that a broker answers. The caller closes it.
func (p *program) connect(ctx context.Context, options ...kgo.Opt) (*kgo.Client, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(p.brokers...),
		kgo.ClientID(p.topo.Prefix),
		kgo.RetryTimeout(requestTimeout),
		// A proxy before a broker that is down closes connections at once; others
		// stand in.
		kgo.AlwaysRetryEOF(),
		kgo.MetadataMinAge(metadataAge),
	}, append(p.dialer.Options(), options...)...)...)
	if err != nil {
		return nil, badFlag("brokers", "%w", err)
	}
	// One after the other is asked, and each may stay silent.
	reach, cancel := context.WithTimeout(ctx, reachTimeout+time.Duration(len(p.brokers)-1)*dial.AnswerTimeout)
	defer cancel()
	if err := client.Ping(reach); err != nil {
		client.Close()
		if ctx.Err() != nil {
			return nil, errInterrupted
		}
		return nil, fmt.Errorf("no broker of %s answers (see --brokers): %w", strings.Join(p.brokers, ","), err)
	}
	return client, nil
}

// offsetSpan is what a partition holds: the offsets from its first record to before
// its end.
type offsetSpan struct{ start, end int64 }

// spans are the offsets that the partitions of a topic hold. An error says what to
// do where the topic does not exist.
func spans(ctx context.Context, admin *kadm.Client, topic string) (map[int32]offsetSpan, error) {
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("read where topic %s begins: %w", topic, withHint(err))
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("read where topic %s ends: %w", topic, withHint(err))
	}
	out := map[int32]offsetSpan{}
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(topic, end.Partition)
		out[end.Partition] = offsetSpan{start.Offset, end.Offset}
	})
	return out, nil
}

// noTopicError says what a missing topic takes, instead of Kafka's own words.
type noTopicError struct{ error }

func (noTopicError) Error() string {
	return "the topic does not exist: run `pageheat topics create`, or check --prefix, --input and --output"
}

func (e noTopicError) Unwrap() error { return e.error }

// withHint adds to an error of Kafka what an operator can do about it.
func withHint(err error) error {
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return noTopicError{err}
	case errors.Is(err, kerr.MessageTooLarge):
		return fmt.Errorf("%w: raise the topic's max.message.bytes", err)
	case errors.Is(err, kgo.ErrRecordTimeout):
		return fmt.Errorf("%w: are enough brokers up for its min.insync.replicas?", err)
	}
	return err
}
