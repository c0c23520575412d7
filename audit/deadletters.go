package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"strings"

	"pageheat/codec"
	"pageheat/kafka"
)

// letters knows which messages of the input lie among the dead letters. It keeps
// some forty bytes for each, not the messages. Once filled it is only read.
type letters struct {
	seed maphash.Seed
	held map[letter]struct{}
}

// letter is a dead letter: which message it says it is, and a hash of the key and
// the value that it holds, or of what it says of them where they were cut. Two
// different messages have the same one by a chance of 2⁻⁶⁴.
type letter struct {
	partition        int32
	offset           int64
	keyCut, valueCut bool
	content          uint64
}

func newLetters() *letters {
	return &letters{seed: maphash.MakeSeed(), held: make(map[letter]struct{})}
}

// hold reports whether some dead letter holds exactly this message, or says of it,
// where it was cut, what is so.
func (l *letters) hold(partition int32, offset int64, key, value []byte) bool {
	id := letter{partition: partition, offset: offset}
	held := func(key, value uint64) bool {
		id.content = l.both(key, value)
		_, held := l.held[id]
		return held
	}
	wholeKey, wholeValue := l.whole(key), l.whole(value)
	if held(wholeKey, wholeValue) {
		return true
	}
	shortKey := l.cut(int64(len(key)), "")
	id.keyCut = true
	if held(shortKey, wholeValue) {
		return true
	}
	sum := sha256.Sum256(value)
	shortValue := l.cut(int64(len(value)), hex.EncodeToString(sum[:]))
	id.valueCut = true
	if held(shortKey, shortValue) {
		return true
	}
	id.keyCut = false
	return held(wholeKey, shortValue)
}

func (l *letters) whole(text []byte) uint64 { return maphash.Bytes(l.seed, text) }

func (l *letters) cut(size int64, sum string) uint64 {
	return maphash.Comparable(l.seed, struct {
		size int64
		sum  string
	}{size, sum})
}

func (l *letters) both(key, value uint64) uint64 {
	return maphash.Comparable(l.seed, [2]uint64{key, value})
}

// read adds all dead letters of the messages of one input topic.
func (l *letters) read(ctx context.Context, cluster *kafka.Cluster, deadLetters topic, input string, read func(offsets int)) error {
	for partition := range deadLetters.end {
		at := deadLetters.start[partition]
		err := deadLetters.read(ctx, cluster, int32(partition), at, deadLetters.end[partition], func(records []*kafka.Record, next int64) error {
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
func (l *letters) add(r *kafka.Record, input string) {
	says := codec.ReadLetter(kafka.Headers(r))
	if says.Topic != input || says.Partition < 0 || says.Offset < 0 {
		return
	}
	id := letter{partition: says.Partition, offset: says.Offset}
	key, value := l.whole(r.Key), l.whole(r.Value)
	for what := range strings.SplitSeq(says.Cut, ",") {
		switch what {
		case codec.CutKey:
			id.keyCut, key = true, l.cut(says.KeySize, "")
		case codec.CutValue:
			id.valueCut, value = true, l.cut(says.Size, says.SHA256)
		}
	}
	id.content = l.both(key, value)
	l.held[id] = struct{}{}
}
