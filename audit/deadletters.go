package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"strconv"
	"strings"

	"pageheat/kafka"
)

// The headers of a dead letter that say which message it is. They are part of
// what other programs rely on.
const (
	headerTopic     = "pageheat.topic"
	headerPartition = "pageheat.partition"
	headerOffset    = "pageheat.offset"

	// Of a letter that does not hold the whole message.
	headerCut     = "pageheat.cut"
	headerSize    = "pageheat.size"
	headerSHA256  = "pageheat.sha256"
	headerKeySize = "pageheat.key-size"
	cutValue      = "value"
	cutKey        = "key"
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
	shortKey := l.cut(strconv.Itoa(len(key)), "")
	id.keyCut = true
	if held(shortKey, wholeValue) {
		return true
	}
	sum := sha256.Sum256(value)
	shortValue := l.cut(strconv.Itoa(len(value)), hex.EncodeToString(sum[:]))
	id.valueCut = true
	if held(shortKey, shortValue) {
		return true
	}
	id.keyCut = false
	return held(wholeKey, shortValue)
}

func (l *letters) whole(text []byte) uint64 { return maphash.Bytes(l.seed, text) }

func (l *letters) cut(size, sum string) uint64 {
	return maphash.Comparable(l.seed, [2]string{size, sum})
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
	last := map[string]string{} // those of pageheat come after the message's own
	for _, h := range r.Headers {
		last[h.Key] = string(h.Value)
	}
	if last[headerTopic] != input {
		return
	}
	p, err := strconv.ParseInt(last[headerPartition], 10, 32)
	if err != nil {
		return
	}
	o, err := strconv.ParseInt(last[headerOffset], 10, 64)
	if err != nil {
		return
	}
	id := letter{partition: int32(p), offset: o}
	key, value := l.whole(r.Key), l.whole(r.Value)
	for what := range strings.SplitSeq(last[headerCut], ",") {
		switch what {
		case cutKey:
			id.keyCut, key = true, l.cut(last[headerKeySize], "")
		case cutValue:
			id.valueCut, value = true, l.cut(last[headerSize], last[headerSHA256])
		}
	}
	id.content = l.both(key, value)
	l.held[id] = struct{}{}
}
