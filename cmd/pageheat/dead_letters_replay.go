package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"

	"pageheat/kafka"
)

// deadLettersReplayCmd sends dead letters to the input again.
type deadLettersReplayCmd struct {
	All bool `help:"Begin at the beginning: what was replayed before is sent, and counted, again."`
}

// replayStep is after how many messages it is remembered that they were replayed:
// the most that is sent twice when the command is killed.
const replayStep = 1000

// batchOverhead is what a batch of one record takes besides key and value, without
// headers, generously.
const batchOverhead = 200

// messageID says which message of the input a dead letter is. Offsets repeat where a topic
// was created anew; letters of before there were topic ids are told apart by what they hold.
type messageID struct {
	topic, topicID string
	partition      int32
	offset         int64
	content        [16]byte
}

// identify says which message a letter is.
func identify(d *deadLetter) messageID {
	id := messageID{topic: d.Topic, topicID: d.TopicID, partition: d.Partition, offset: d.Offset}
	sum := sha256.New()
	for _, field := range [][]byte{d.Key, d.Value} {
		_, _ = fmt.Fprintf(sum, "%d/", len(field)) // a hash takes everything
		_, _ = sum.Write(field)
	}
	copy(id.content[:], sum.Sum(nil))
	return id
}

// replay is one call.
type replay struct {
	group  string
	topic  string
	kafka  *kafka.Cluster
	sender *sender
	// seen are the messages of this call: after a crash of ingest a message
	// may stand twice among the dead letters. It takes some 150 bytes for each.
	seen map[messageID]struct{}
	// next are the offsets up to which dead letters were given to the sender.
	next map[int32]int64
	// twice is how many were left out that stood there twice, truncated how many since they
	// are not the whole message, and large how many since the input does not take them.
	twice, truncated, large int64
	most                    int // bytes of a batch of the input
}

// Run sends what is among the dead letters when it begins: what is refused again
// meanwhile is for the next call.
func (c *deadLettersReplayCmd) Run(ctx context.Context, p *program) (err error) {
	admin, err := p.admin(ctx)
	if err != nil {
		return err
	}
	r := &replay{
		group: p.topo.DeadLetter + "-replay", topic: p.topo.DeadLetter,
		kafka: p.kafka,
		seen:  map[messageID]struct{}{}, next: map[int32]int64{},
	}
	all, err := p.spans(ctx, r.topic)
	if err != nil {
		return err
	}
	if !c.All {
		if err := r.skipReplayed(ctx, all); err != nil {
			return interrupted(ctx, err)
		}
	}
	have, err := readCluster(ctx, admin, p.topo)
	if err != nil {
		return interrupted(ctx, err)
	}
	// Whatever the input took once, it takes again.
	maxBatch := usualBatch
	if input := have.topics[p.topo.Input]; input != nil {
		if n, err := strconv.ParseInt(input.Config["max.message.bytes"], 10, 32); err == nil {
			maxBatch = int(n)
		}
	}
	if r.sender, err = newSender(ctx, p, p.topo.Input, maxBatch, 0); err != nil {
		return err
	}
	defer r.sender.close()
	r.most = maxBatch
	err = readSpans(ctx, p, r.topic, all, r.send)
	err = errors.Join(err, r.remember())
	left := fmt.Sprintf("%d left out that stood there twice", r.twice)
	if r.truncated > 0 {
		left += fmt.Sprintf(", %d truncated: they are not the whole message", r.truncated)
	}
	if r.large > 0 {
		left += fmt.Sprintf(", %d that are larger than the input takes uncompressed", r.large)
	}
	_, failed := fmt.Fprintf(p.stdout, "%d dead letters sent to %s again, %s\n", r.sender.sent(), p.topo.Input, left)
	return errors.Join(err, failed)
}

// skipReplayed moves the beginnings to where the last call ended.
func (r *replay) skipReplayed(ctx context.Context, all map[int32]offsetSpan) error {
	committed, err := r.kafka.Committed(ctx, r.group, r.topic)
	if err != nil {
		return err
	}
	for partition, span := range all {
		if at, ok := committed[partition]; ok && at > span.start {
			span.start = at
			all[partition] = span
		}
	}
	return nil
}

// send sends the message of one dead letter as it was, with its own headers and time.
func (r *replay) send(record *kafka.Record) error {
	d := readDeadLetter(record)
	id := identify(&d)
	_, twice := r.seen[id]
	switch {
	case d.Truncated != "":
		r.truncated++
	case twice && d.Offset >= 0:
		r.twice++
	case len(d.Key)+len(d.Value) > r.most-batchOverhead:
		r.large++
	default:
		r.seen[id] = struct{}{}
		again := &kafka.Record{Key: d.Key, Value: d.Value}
		for _, h := range d.Headers {
			again.Headers = append(again.Headers, kafka.Header{Key: h.Name, Value: h.Value})
		}
		if d.Time != nil {
			again.Timestamp = *d.Time
		}
		if err := r.sender.sendRecord(again); err != nil {
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
	if err := r.sender.flush(); err != nil {
		return err
	}
	if len(r.next) == 0 {
		return nil
	}
	// What was sent is remembered even when the command is told to end.
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	return r.kafka.Commit(ctx, r.group, r.topic, r.next)
}
