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
	// replayStep is after how many messages it is remembered that they were replayed: the
	// most that is sent twice when the program is killed.
	replayStep = 1000
	// batchOverhead is what a batch of one record takes besides key and value, without
	// headers, generously.
	batchOverhead = 200
	// rememberWithin bounds committing how far a replay is.
	rememberWithin = 30 * time.Second
)

// messageID says which message of the input a dead letter is. Offsets repeat where a topic
// was recreated; dead letters from before topic ids existed are told apart by what they hold.
type messageID struct {
	topic, topicID string
	partition      int32
	offset         int64
	content        [16]byte
}

// identify says which message a letter is.
func identify(m *Message) messageID {
	id := messageID{topic: m.Topic, topicID: m.TopicID, partition: m.Partition, offset: m.Offset}
	sum := sha256.New()
	for _, field := range [][]byte{m.Key, m.Value} {
		_, _ = fmt.Fprintf(sum, "%d/", len(field)) // a hash takes everything
		_, _ = sum.Write(field)
	}
	copy(id.content[:], sum.Sum(nil))
	return id
}

// Replayed is what a replay has done, in messages.
type Replayed struct {
	// Sent were sent to the input, and acknowledged.
	Sent int64
	// Twice were left out that stood there twice.
	Twice int64
	// Truncated were left out since their dead letters do not hold the whole message.
	Truncated int64
	// Large were left out since they are larger than the input takes uncompressed.
	Large int64
}

// replay is one call of Replay.
type replay struct {
	cluster *kafka.Cluster
	group   string // which remembers how far dead letters were replayed
	letters string // the topic
	input   *kafka.Sender
	most    int // bytes of a batch of the input
	// seen are the messages of this call: after a crash of ingest a message may stand
	// twice among the dead letters. It takes some 150 bytes for each.
	seen map[messageID]struct{}
	// next are the offsets up to which dead letters were given to the sender.
	next map[int32]int64
	done Replayed
}

// Replay sends the messages that are among the dead letters when it begins to the input,
// key, bytes, headers and times as they were: those that were not replayed before, or all
// of them. What is refused again meanwhile is for the next call. Delivery is at least
// once: a call that is killed may have sent up to 1,000 messages that it did not yet
// remember. What was done is told beside an error, too.
func Replay(ctx context.Context, cluster *kafka.Cluster, topo *topology.Topology, all bool) (Replayed, error) {
	r := &replay{cluster: cluster, group: topo.DeadLetter + "-replay", letters: topo.DeadLetter,
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
	// Whatever the input took once, it takes again.
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

// skipReplayed moves the beginnings to where the last call ended.
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

// mostBytes is the most bytes of a batch that the input takes, as far as that may be known.
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

// remember waits until all that was sent is acknowledged, and commits how far that is.
func (r *replay) remember() error {
	if err := r.input.Drain(); err != nil {
		return err
	}
	if len(r.next) == 0 {
		return nil
	}
	// What was sent is remembered even when the call is told to end.
	ctx, cancel := context.WithTimeout(context.Background(), rememberWithin)
	defer cancel()
	return r.cluster.Commit(ctx, r.group, r.letters, r.next)
}
