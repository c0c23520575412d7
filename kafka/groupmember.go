package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// groupMember is a member of a consumer group of sarama with two clients, and so with connections of
// its own for the coordinator. A broker answers the requests of a connection one after the
// other, and sarama sends the next one after that: a heartbeat would wait for a fetch that waits for records, and
// the member would hear of a rebalance as late. At the end of a session, a fetch that waits
// for records is ended: sarama gives its claims up only after the answer, and all members of the group
// wait for that.
type groupMember struct {
	sarama.ConsumerGroup
	reader, coordination sarama.Client
	fetches              *fetches
}

// groupReader is a client of sarama that leaves what concerns the coordinator to another one.
type groupReader struct {
	sarama.Client
	coordination sarama.Client
}

// Coordinator implements sarama.Client.
func (r groupReader) Coordinator(group string) (*sarama.Broker, error) {
	return r.coordination.Coordinator(group)
}

// RefreshCoordinator implements sarama.Client.
func (r groupReader) RefreshCoordinator(group string) error {
	return r.coordination.RefreshCoordinator(group)
}

// newGroupMember connects a member of a group. The configurations are those of the clients; sarama
// writes to them.
func (c *Cluster) newGroupMember(group string, reading, coordinating *sarama.Config) (*groupMember, error) {
	m := &groupMember{fetches: newFetches(reading.Net.Proxy.Dialer)}
	reading.Net.Proxy.Dialer = m.fetches
	var err error
	if m.reader, err = c.saramaClient(reading); err != nil {
		return nil, err
	}
	if m.coordination, err = c.saramaClient(coordinating); err != nil {
		return nil, errors.Join(err, m.reader.Close())
	}
	m.ConsumerGroup, err = sarama.NewConsumerGroupFromClient(group, groupReader{m.reader, m.coordination})
	if err != nil {
		return nil, errors.Join(err, m.reader.Close(), m.coordination.Close())
	}
	return m, nil
}

// Consume implements sarama.ConsumerGroup.
func (m *groupMember) Consume(ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error {
	return m.ConsumerGroup.Consume(ctx, topics, &fetchEnder{ConsumerGroupHandler: handler, fetches: m.fetches})
}

// Close implements sarama.ConsumerGroup.
func (m *groupMember) Close() error {
	err := m.ConsumerGroup.Close()
	for _, client := range []sarama.Client{m.reader, m.coordination} {
		if closed := client.Close(); closed != nil && !errors.Is(closed, sarama.ErrClosedClient) {
			err = errors.Join(err, fmt.Errorf("closing a client of a consumer group: %w", closed))
		}
	}
	return err
}

// fetchEnder ends the fetches of a session that is over.
type fetchEnder struct {
	sarama.ConsumerGroupHandler
	fetches *fetches
}

// Setup implements sarama.ConsumerGroupHandler.
func (e *fetchEnder) Setup(s sarama.ConsumerGroupSession) error {
	e.fetches.begin()
	return e.ConsumerGroupHandler.Setup(s)
}

// ConsumeClaim implements sarama.ConsumerGroupHandler. Each claim is closed before the fetches end, so that their end is
// no error to it. sarama closes it anyway, and ends the session when a handler returns.
func (e *fetchEnder) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	closer, ok := claim.(interface{ AsyncClose() })
	if !ok {
		return e.ConsumerGroupHandler.ConsumeClaim(s, claim)
	}
	e.fetches.claimed(closer.AsyncClose)
	stop := context.AfterFunc(s.Context(), e.fetches.end)
	defer e.fetches.end()
	defer stop()
	return e.ConsumerGroupHandler.ConsumeClaim(s, claim)
}
