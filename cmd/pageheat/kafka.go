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
	client, err := p.kafka.Client("", append([]kgo.Opt{
		kgo.RetryTimeout(requestTimeout),
		kgo.MetadataMinAge(metadataAge),
	}, options...)...)
	if err != nil {
		return nil, badFlag("brokers", "%w", err)
	}
	reach, cancel := context.WithTimeout(ctx, p.kafka.Patience(reachTimeout))
	defer cancel()
	if err := client.Ping(reach); err != nil {
		client.Close()
		if ctx.Err() != nil {
			return nil, errInterrupted
		}
		return nil, fmt.Errorf("no broker of %s answers (see --brokers): %w", strings.Join(p.kafka.Brokers(), ","), err)
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
