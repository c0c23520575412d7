package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"strings"

	"pageheat/codec"
	"pageheat/kafka"
	"pageheat/snapshot"
)

// deadLetters knows which messages of the input have dead letters. It takes about forty bytes
// per dead letter and does not keep the messages. Once filled it is only read.
type deadLetters struct {
	seed maphash.Seed
	held map[deadLetterID]struct{}
}

// deadLetterID identifies a dead letter: the message that it names, and a hash of its key and
// value, or of their sizes and checksums if they were truncated. Two different messages have
// the same ID with probability 2⁻⁶⁴.
type deadLetterID struct {
	partition        int32
	offset           int64
	keyCut, valueCut bool
	content          uint64
}

func newDeadLetters() *deadLetters {
	return &deadLetters{seed: maphash.MakeSeed(), held: make(map[deadLetterID]struct{})}
}

// holds reports whether a dead letter holds exactly this message or, if truncated, describes it
// correctly.
func (l *deadLetters) holds(partition int32, offset int64, key, value []byte) bool {
	id := deadLetterID{partition: partition, offset: offset}
	held := func(key, value uint64) bool {
		id.content = l.both(key, value)
		_, held := l.held[id]
		return held
	}
	wholeKey, wholeValue := l.whole(key), l.whole(value)
	if held(wholeKey, wholeValue) {
		return true
	}
	shortKey := l.truncated(int64(len(key)), "")
	id.keyCut = true
	if held(shortKey, wholeValue) {
		return true
	}
	sum := sha256.Sum256(value)
	shortValue := l.truncated(int64(len(value)), hex.EncodeToString(sum[:]))
	id.valueCut = true
	if held(shortKey, shortValue) {
		return true
	}
	id.keyCut = false
	return held(wholeKey, shortValue)
}

func (l *deadLetters) whole(text []byte) uint64 { return maphash.Bytes(l.seed, text) }

func (l *deadLetters) truncated(size int64, sum string) uint64 {
	return maphash.Comparable(l.seed, struct {
		size int64
		sum  string
	}{size, sum})
}

func (l *deadLetters) both(key, value uint64) uint64 {
	return maphash.Comparable(l.seed, [2]uint64{key, value})
}

// read adds all dead letters of the messages of one input topic.
func (l *deadLetters) read(ctx context.Context, cluster *kafka.Cluster, deadLetters snapshot.Topic, input string, read func(offsets int)) error {
	for partition := range deadLetters.End {
		at := deadLetters.Start[partition]
		err := deadLetters.Read(ctx, cluster, int32(partition), at, deadLetters.End[partition], func(records []*kafka.Record, next int64) error {
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

// add adds one dead letter. A dead letter that does not name its message matches no message.
func (l *deadLetters) add(r *kafka.Record, input string) {
	says := codec.ReadDeadLetter(kafka.Headers(r))
	if says.Topic != input || says.Partition < 0 || says.Offset < 0 {
		return
	}
	id := deadLetterID{partition: says.Partition, offset: says.Offset}
	key, value := l.whole(r.Key), l.whole(r.Value)
	for what := range strings.SplitSeq(says.Truncated, ",") {
		switch what {
		case codec.TruncatedKey:
			id.keyCut, key = true, l.truncated(says.KeySize, "")
		case codec.TruncatedValue:
			id.valueCut, value = true, l.truncated(says.Size, says.SHA256)
		}
	}
	id.content = l.both(key, value)
	l.held[id] = struct{}{}
}
