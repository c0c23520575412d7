package deadletters

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/kafka"
	"pageheat/topology"
)

const (
	// replayStep is the number of messages after which the position is committed, and so the
	// maximum that is sent twice if the program is killed.
	replayStep = 1000
	// batchOverhead is the size of a batch of one record without key, value and headers,
	// rounded up.
	batchOverhead = 200
	// rememberWithin is the time limit for committing the position.
	rememberWithin = 30 * time.Second
)

// messageID identifies a message of the input. Offsets repeat when a topic is recreated; the
// content distinguishes dead letters from before topic IDs existed.
type messageID struct {
	topic, topicID string
	partition      int32
	offset         int64
	content        [16]byte
}

// identify returns the identity of the message in a dead letter.
func identify(m *Message) messageID {
	id := messageID{topic: m.Topic, topicID: m.TopicID, partition: m.Partition, offset: m.Offset}
	sum := sha256.New()
	for _, field := range [][]byte{m.Key, m.Value} {
		_, _ = fmt.Fprintf(sum, "%d/", len(field)) // writing to a hash never fails
		_, _ = sum.Write(field)
	}
	copy(id.content[:], sum.Sum(nil))
	return id
}

// Replayed has the results of a replay, in messages.
type Replayed struct {
	// Sent is the number of messages sent to the input and acknowledged.
	Sent int64
	// Twice is the number of duplicate dead letters that were skipped.
	Twice int64
	// Truncated is the number of skipped dead letters that do not hold the whole message.
	Truncated int64
	// Large is the number of skipped messages that exceed the input's maximum size
	// uncompressed.
	Large int64
}

// replay is one call of Replay.
type replay struct {
	cluster *kafka.Cluster
	group   string // its committed offsets are the position
	letters string // the topic
	input   *kafka.Sender
	most    int // maximum batch size of the input in bytes
	// seen has the messages of this call: after a crash of ingest, a message may have two dead
	// letters. It takes about 150 bytes per message.
	seen map[messageID]struct{}
	// next has the offsets up to which dead letters were queued.
	next map[int32]int64
	done Replayed
}

// Replay sends the messages in the dead-letter topic to the input again, with their original
// key, value, headers and timestamp. It sends those that were not replayed before, or all of
// them, up to the end of the topic at the time of the call. Delivery is at least once: if a
// call is killed, up to 1,000 messages may be sent again. The result is also valid if there is
// an error.
func Replay(ctx context.Context, cluster *kafka.Cluster, topo *topology.Topology, all bool) (Replayed, error) {
	r := &replay{cluster: cluster, group: topo.ReplayGroup, letters: topo.DeadLetter,
		seen: map[messageID]struct{}{}, next: map[int32]int64{}}
	bounds, err := cluster.AllBounds(ctx, r.letters)
	if err != nil {
		return Replayed{}, err
	}
	if !all {
		if err := r.skipReplayed(ctx, bounds); err != nil {
			return Replayed{}, err
		}
	}
	// The input accepts every message that it accepted before.
	r.most, err = r.mostBytes(ctx, topo.Input)
	if err != nil {
		return Replayed{}, err
	}
	sending := kafka.Bulk()
	sending.BatchBytes, sending.Dated = r.most, true
	if r.input, err = cluster.Sender("produce", topo.Input, sending); err != nil {
		return Replayed{}, err
	}
	defer r.input.Close()
	err = errors.Join(cluster.ReadBounds(ctx, r.letters, bounds, r.send), r.remember())
	r.done.Sent = r.input.Sent()
	return r.done, err
}

// skipReplayed moves the start offsets to where the last call ended.
func (r *replay) skipReplayed(ctx context.Context, bounds map[int32]kafka.Bounds) error {
	committed, err := r.cluster.Committed(ctx, r.group, r.letters)
	if err != nil {
		return err
	}
	for partition, b := range bounds {
		b.Start = max(b.Start, committed[partition])
		bounds[partition] = b
	}
	return nil
}

// mostBytes returns the maximum batch size of the input, or Kafka's default if the setting is
// not readable.
func (r *replay) mostBytes(ctx context.Context, input string) (int, error) {
	setting, err := r.cluster.Setting(ctx, input, "max.message.bytes")
	if kafka.Is(err, kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed) {
		return kafka.UsualBatchBytes, nil
	}
	if err != nil {
		return 0, err
	}
	if n, err := strconv.ParseInt(setting, 10, 32); err == nil {
		return int(n), nil
	}
	return kafka.UsualBatchBytes, nil
}

// send sends the message of one dead letter.
func (r *replay) send(record *kafka.Record) error {
	m := Read(record)
	id := identify(&m)
	_, twice := r.seen[id]
	switch {
	case m.Truncated != "":
		r.done.Truncated++
	case twice && m.Offset >= 0:
		r.done.Twice++
	case len(m.Key)+len(m.Value) > r.most-batchOverhead:
		r.done.Large++
	default:
		r.seen[id] = struct{}{}
		again := &kafka.Record{Key: m.Key, Value: m.Value, Timestamp: m.Time}
		for _, h := range m.Own {
			again.Headers = append(again.Headers, kafka.Header{Key: h.Name, Value: h.Value})
		}
		if err := r.input.Queue(again); err != nil {
			return err
		}
	}
	r.next[record.Partition] = record.Offset + 1
	if len(r.seen)%replayStep == 0 {
		return r.remember()
	}
	return nil
}

// remember waits until all queued messages are acknowledged, and commits the position.
func (r *replay) remember() error {
	if err := r.input.Drain(); err != nil {
		return err
	}
	if len(r.next) == 0 {
		return nil
	}
	// The position is committed even if the call was cancelled.
	ctx, cancel := context.WithTimeout(context.Background(), rememberWithin)
	defer cancel()
	return r.cluster.Commit(ctx, r.group, r.letters, r.next)
}
