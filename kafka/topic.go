package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"pageheat/kafka/dial"
)

const (
	// patience is how long a look-up outlives a broker that goes away, or a partition
	// that moves to another leader. The caller's context may end before.
	patience = 30 * time.Second
	// unknownPatience is how long a topic may be unknown before the answer is trusted: a broker
	// may not know a new topic yet.
	unknownPatience = time.Second
	// answerWithin bounds one request for topics or offsets, which brokers answer at once;
	// after it another broker is asked. A broker that hangs would take the client's request
	// timeout, which must be longer than the slowest request.
	answerWithin = dial.AnswerTimeout
	// retryPause is the pause between two attempts.
	retryPause = 100 * time.Millisecond
)

// Topic describes a topic.
type Topic struct {
	// Name is its name.
	Name string
	// ID differs when a topic was deleted and recreated. It is zero where brokers
	// give none.
	ID [16]byte
	// Leaders are the brokers that lead the partitions, by partition, -1 where there is
	// none.
	Leaders []int32
	// Err is why the rest is unknown.
	Err error
}

// Topic asks brokers for a topic. A client caches topics, and
// a recreated one with its old id: this asks each time.
func (c *Cluster) Topic(ctx context.Context, name string) (Topic, error) {
	var found Topic
	began := time.Now()
	err := patiently(ctx, func() error {
		all, err := c.Topics(ctx, name)
		if err != nil {
			return err
		}
		var ok bool
		if found, ok = all[name]; !ok {
			return fmt.Errorf("%w: the broker did not answer for topic %s", errUnreadable, name)
		}
		if errors.Is(found.Err, kerr.UnknownTopicOrPartition) && time.Since(began) > unknownPatience {
			return nil
		}
		return found.Err
	})
	if err == nil {
		err = found.Err
	}
	return found, err
}

// Topics asks any broker for topics, once. An error means that there was no answer; the
// error of an unknown topic is in its Err.
func (c *Cluster) Topics(ctx context.Context, names ...string) (map[string]Topic, error) {
	answer, err := c.topics(ctx, false, names...)
	if err != nil {
		return nil, Explain(fmt.Errorf("looking up topics: %w", err))
	}
	all := make(map[string]Topic, len(answer))
	for _, t := range answer {
		if t.Topic != nil {
			all[*t.Topic] = topicOf(t)
			c.leaders.learn(all[*t.Topic])
		}
	}
	return all, nil
}

func topicOf(t kmsg.MetadataResponseTopic) Topic {
	found := Topic{Name: *t.Topic, ID: t.TopicID, Leaders: make([]int32, len(t.Partitions))}
	err := kerr.ErrorForCode(t.ErrorCode)
	for _, p := range t.Partitions {
		if p.Partition < 0 || int(p.Partition) >= len(found.Leaders) {
			err = fmt.Errorf("%w: the broker names partition %d of %d", errUnreadable, p.Partition, len(found.Leaders))
			break
		}
		found.Leaders[p.Partition] = p.Leader
	}
	if err != nil {
		found.Err = Explain(fmt.Errorf("looking up topic %s: %w", found.Name, err), OnTopic(Describe, found.Name))
	}
	return found
}

// topics asks any broker for topics, and what the user may do with them.
func (c *Cluster) topics(ctx context.Context, withRights bool, names ...string) ([]kmsg.MetadataResponseTopic, error) {
	client, err := c.shared()
	if err != nil {
		return nil, err
	}
	request := kmsg.NewPtrMetadataRequest()
	request.AllowAutoTopicCreation = false
	request.IncludeTopicAuthorizedOperations = withRights
	for _, name := range names {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = new(name)
		request.Topics = append(request.Topics, topic)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	return response.Topics, nil
}

// Bounds are the offsets that a partition holds.
type Bounds struct {
	// Start is the offset of the first record.
	Start int64
	// Stable is the last stable offset: where the first open transaction begins, and End
	// if there is none. What is below it can be read as committed.
	Stable int64
	// End is the offset after the last record.
	End int64
}

// Bounds looks up the offsets that a partition holds. A missing partition is retried for a
// while, since it may be new; then the error is [ErrNoPartition].
func (c *Cluster) Bounds(ctx context.Context, topic string, partition int32) (Bounds, error) {
	var b Bounds
	p := c.partition(topic, partition)
	err := p.patiently(ctx, func() error {
		asked, ctx := errgroup.WithContext(ctx)
		for _, which := range []struct {
			timestamp int64
			isolation int8
			offset    *int64
		}{{earliest, isolationReadCommitted, &b.Start}, {latest, isolationReadCommitted, &b.Stable}, {latest, 0, &b.End}} {
			asked.Go(func() (err error) {
				*which.offset, err = p.offset(ctx, which.timestamp, which.isolation)
				return err
			})
		}
		return asked.Wait()
	})
	if err != nil {
		return Bounds{}, Explain(fmt.Errorf("looking up the offsets of %s partition %d: %w", topic, partition, err), OnTopic(Describe, topic))
	}
	return b, nil
}

// OffsetSince looks up the first record of a partition with a timestamp that is not before a time: all
// records below its offset have earlier ones, in whatever order they are. It is the last stable offset if
// there is no such record.
func (c *Cluster) OffsetSince(ctx context.Context, topic string, partition int32, since time.Time) (int64, error) {
	var at int64
	p := c.partition(topic, partition)
	err := p.patiently(ctx, func() (err error) {
		if at, err = p.offset(ctx, max(since.UnixMilli(), 0), isolationReadCommitted); err != nil || at >= 0 {
			return err
		}
		at, err = p.offset(ctx, latest, isolationReadCommitted)
		return err
	})
	if err != nil {
		return 0, Explain(fmt.Errorf("looking up the offset of a time in %s partition %d: %w", topic, partition, err), OnTopic(Describe, topic))
	}
	return at, nil
}

// What the protocol calls the first offset and the one after the last, and reading as
// committed.
const (
	earliest               = -2
	latest                 = -1
	isolationReadCommitted = 1
)

// partition is one partition and its leader. It belongs to one goroutine.
type partition struct {
	cluster *Cluster
	topic   string
	number  int32
	leader  int32 // -1: to be asked for
	near    nearReplica
}

func (c *Cluster) partition(topic string, number int32) *partition {
	return &partition{cluster: c, topic: topic, number: number, leader: -1, near: nearReplica{broker: -1}}
}

// patiently asks the leader, and retries if the partition moves to another one.
func (p *partition) patiently(ctx context.Context, ask func() error) error {
	return patiently(ctx, func() error {
		err := p.findLeader(ctx)
		if err == nil {
			err = ask()
		}
		if err != nil {
			p.leader = -1
			p.cluster.leaders.forget(p.topic)
		}
		return err
	})
}

// findLeader asks which broker leads the partition, if it is not known.
func (p *partition) findLeader(ctx context.Context) error {
	if p.leader >= 0 {
		return nil
	}
	if p.leader = p.cluster.leaders.of(p.topic, p.number); p.leader >= 0 {
		return nil
	}
	all, err := p.cluster.Topics(ctx, p.topic)
	t := all[p.topic]
	switch {
	case err != nil:
	case t.Err != nil:
		err = t.Err
	case int(p.number) >= len(t.Leaders):
		err = fmt.Errorf("%w: %w", ErrNoPartition, kerr.UnknownTopicOrPartition)
	case t.Leaders[p.number] < 0:
		err = kerr.LeaderNotAvailable
	default:
		p.leader = t.Leaders[p.number]
		return nil
	}
	return fmt.Errorf("asking for the leader: %w", err)
}

// ErrNoPartition says that an existing topic does not have the partition.
var ErrNoPartition = errors.New("the topic has no such partition")

// request asks the leader.
func (p *partition) request(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	client, err := p.cluster.shared()
	if err != nil {
		return nil, err
	}
	return client.Broker(int(p.leader)).Request(ctx, request)
}

// offset asks for an offset by its timestamp, earliest or latest.
func (p *partition) offset(ctx context.Context, timestamp int64, isolation int8) (int64, error) {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	request.IsolationLevel = isolation
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = p.topic
	asked := kmsg.NewListOffsetsRequestTopicPartition()
	asked.Partition, asked.Timestamp = p.number, timestamp
	topic.Partitions = append(topic.Partitions, asked)
	request.Topics = append(request.Topics, topic)
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	answer, err := p.request(ctx, request)
	if err != nil {
		return 0, err
	}
	response, ok := answer.(*kmsg.ListOffsetsResponse)
	if !ok || len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("%w: broker %d did not answer for the partition", errUnreadable, p.leader)
	}
	got := response.Topics[0].Partitions[0]
	return got.Offset, kerr.ErrorForCode(got.ErrorCode)
}

// Committed are the offsets that a group has committed for a topic, by partition. A
// partition without one is left out.
func (c *Cluster) Committed(ctx context.Context, group, topic string) (map[int32]int64, error) {
	admin, err := c.Admin()
	if err != nil {
		return nil, err
	}
	offsets := make(map[int32]int64)
	err = patiently(ctx, func() error {
		all, err := admin.FetchOffsets(ctx, group)
		if errors.Is(err, kerr.GroupIDNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for p, o := range all[topic] {
			if o.Err != nil {
				return fmt.Errorf("partition %d: %w", p, o.Err)
			}
			if o.At >= 0 {
				offsets[p] = o.At
			}
		}
		return nil
	})
	if err != nil {
		return nil, Explain(fmt.Errorf("looking up the offsets of group %s for %s: %w", group, topic, err),
			OnGroup(Describe, group), OnTopic(Describe, topic))
	}
	return offsets, nil
}

// Commit stores offsets of a group that has no members, by partition.
func (c *Cluster) Commit(ctx context.Context, group, topic string, next map[int32]int64) error {
	admin, err := c.Admin()
	if err != nil {
		return err
	}
	var offsets kadm.Offsets
	for partition, at := range next {
		offsets.AddOffset(topic, partition, at, -1)
	}
	if err := admin.CommitAllOffsets(ctx, group, offsets); err != nil {
		return Explain(fmt.Errorf("committing offsets of group %s for %s: %w", group, topic, err), OnGroup(Read, group), OnTopic(Read, topic))
	}
	return nil
}

// DeleteRecords deletes the records of a partition below an offset. It does not retry.
func (c *Cluster) DeleteRecords(ctx context.Context, topic string, partition int32, below int64) error {
	admin, err := c.Admin()
	if err != nil {
		return err
	}
	var offsets kadm.Offsets
	offsets.AddOffset(topic, partition, below, -1)
	answers, err := admin.DeleteRecords(ctx, offsets)
	if err == nil {
		err = answers.Error()
	}
	if err != nil {
		return Explain(fmt.Errorf("deleting the records of %s partition %d below offset %d: %w", topic, partition, below, err), OnTopic(Delete, topic))
	}
	return nil
}

// Setting is a setting of a topic, such as max.message.bytes; empty if brokers do not
// say.
func (c *Cluster) Setting(ctx context.Context, topic, name string) (string, error) {
	admin, err := c.Admin()
	if err != nil {
		return "", err
	}
	all, err := admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return "", Explain(fmt.Errorf("looking up %s of %s: %w", name, topic, err), OnTopic(DescribeConfigs, topic))
	}
	for _, found := range all {
		if found.Err != nil {
			return "", Explain(fmt.Errorf("looking up %s of %s: %w", name, topic, found.Err), OnTopic(DescribeConfigs, topic))
		}
		for _, setting := range found.Configs {
			if setting.Key == name {
				return setting.MaybeValue(), nil
			}
		}
	}
	return "", nil
}

// errUnreadable marks answers that a retry would not read either.
var errUnreadable = errors.New("the answer cannot be read")

// stays reports whether a retry would give the same error. That a broker does not answer is
// transient.
func stays(err error) bool {
	var code *kerr.Error
	return errors.Is(err, errUnreadable) || errors.Is(err, kgo.ErrClientClosed) ||
		errors.As(err, &code) && !code.Retriable
}

// patiently asks, and retries transient errors for a while.
func patiently(ctx context.Context, ask func() error) error {
	for deadline := time.Now().Add(patience); ; {
		err := ask()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case stays(err) || time.Now().After(deadline):
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(retryPause):
		}
	}
}

// StableEnds are the last stable offsets of a topic, by partition, as far as they are known.
func (c *Cluster) StableEnds(ctx context.Context, topic string) (map[int32]int64, error) {
	admin, err := c.Admin()
	if err != nil {
		return nil, err
	}
	listed, err := admin.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return nil, Explain(fmt.Errorf("looking up the ends of %s: %w", topic, err), OnTopic(Describe, topic))
	}
	ends := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			ends[o.Partition] = o.Offset
		}
	})
	return ends, nil
}

// OpenTransactions names the producers with an open transaction in a partition, and where
// it begins.
func (c *Cluster) OpenTransactions(ctx context.Context, topic string, partition int32) ([]string, error) {
	admin, err := c.Admin()
	if err != nil {
		return nil, err
	}
	producers, err := admin.DescribeProducers(ctx, kadm.TopicsSet{topic: {partition: {}}})
	if err != nil {
		return nil, Explain(fmt.Errorf("looking up the producers of %s partition %d: %w", topic, partition, err), OnTopic(Read, topic))
	}
	var open []string
	for _, p := range producers.SortedProducers() {
		if p.CurrentTxnStartOffset >= 0 {
			open = append(open, fmt.Sprintf("producer id %d (epoch %d) since offset %d", p.ProducerID, p.ProducerEpoch, p.CurrentTxnStartOffset))
		}
	}
	slices.Sort(open)
	return open, nil
}
