package audit

import (
	"context"
	"hash/maphash"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The headers of a dead letter that say which message it is. They are part of
// what other programs rely on.
const (
	headerTopic     = "pageheat.topic"
	headerPartition = "pageheat.partition"
	headerOffset    = "pageheat.offset"
)

// letters knows which messages of the input lie among the dead letters. It keeps
// some forty bytes for each, not the messages. Once filled it is only read.
type letters struct {
	seed maphash.Seed
	held map[letter]struct{}
}

// letter is a dead letter: which message it says it is, and a hash of the key and
// the value that it holds. Two different messages have the same one by a chance of
// 2⁻⁶⁴.
type letter struct {
	partition int32
	offset    int64
	content   uint64
}

func newLetters() *letters {
	return &letters{seed: maphash.MakeSeed(), held: make(map[letter]struct{})}
}

// hold reports whether some dead letter holds exactly this message.
func (l *letters) hold(partition int32, offset int64, key, value []byte) bool {
	_, held := l.held[letter{partition, offset, l.hash(key, value)}]
	return held
}

func (l *letters) hash(key, value []byte) uint64 {
	// The key ends where the value begins: its length tells.
	return maphash.Comparable(l.seed, [3]uint64{
		uint64(len(key)), maphash.Bytes(l.seed, key), maphash.Bytes(l.seed, value),
	})
}

// read adds all dead letters of the messages of one input topic.
func (l *letters) read(ctx context.Context, client *kgo.Client, deadLetters topic, input string, read func(offsets int)) error {
	for partition := range deadLetters.end {
		at := deadLetters.start[partition]
		reader := newReader(client, deadLetters, int32(partition))
		err := reader.read(ctx, at, deadLetters.end[partition], func(records []*kgo.Record, next int64) error {
			for _, r := range records {
				l.add(r, input)
			}
			read(int(next - at))
			at = next
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// add adds one dead letter. What does not say which message it holds is nobody's.
func (l *letters) add(r *kgo.Record, input string) {
	var topic, partition, offset string
	for _, h := range r.Headers {
		switch h.Key {
		case headerTopic:
			topic = string(h.Value)
		case headerPartition:
			partition = string(h.Value)
		case headerOffset:
			offset = string(h.Value)
		}
	}
	p, err := strconv.ParseInt(partition, 10, 32)
	if err != nil || topic != input {
		return
	}
	o, err := strconv.ParseInt(offset, 10, 64)
	if err != nil {
		return
	}
	l.held[letter{int32(p), o, l.hash(r.Key, r.Value)}] = struct{}{}
}
