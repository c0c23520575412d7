package kafka

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"pageheat/kafka/dial"
)

// reachTimeout is how long is looked for a broker that answers; each further one may
// accept a connection and stay silent first.
const reachTimeout = 10 * time.Second

// Reach makes sure that a broker answers.
func (c *Cluster) Reach(ctx context.Context) error {
	client, err := c.shared()
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, reachTimeout+time.Duration(len(c.config.Brokers)-1)*dial.AnswerTimeout)
	defer cancel()
	if err := client.Ping(within); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return Explain(fmt.Errorf("no broker of %s answers (see --brokers): %w", strings.Join(c.config.Brokers, ","), err))
	}
	return nil
}

// AllBounds looks up what all partitions of a topic hold.
func (c *Cluster) AllBounds(ctx context.Context, topic string) (map[int32]Bounds, error) {
	admin, err := c.Admin()
	if err != nil {
		return nil, err
	}
	all := make(map[int32]Bounds)
	for _, which := range []struct {
		list func(context.Context, ...string) (kadm.ListedOffsets, error)
		set  func(*Bounds, int64)
	}{
		{admin.ListStartOffsets, func(b *Bounds, at int64) { b.Start = at }},
		{admin.ListCommittedOffsets, func(b *Bounds, at int64) { b.Stable = at }},
		{admin.ListEndOffsets, func(b *Bounds, at int64) { b.End = at }},
	} {
		listed, err := which.list(ctx, topic)
		if err == nil {
			err = listed.Error()
		}
		if err != nil {
			return nil, Explain(fmt.Errorf("looking up the offsets of topic %s: %w", topic, err), OnTopic("Describe", topic))
		}
		listed.Each(func(o kadm.ListedOffset) {
			b := all[o.Partition]
			which.set(&b, o.Offset)
			all[o.Partition] = b
		})
	}
	return all, nil
}
