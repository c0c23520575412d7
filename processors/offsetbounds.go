package processors

import (
	"fmt"
	"time"

	"pageheat/codec"
)

const (
	// maxStep is the largest step above the offsets claimed before that is believed
	// without an immediate look-up.
	maxStep = 1 << 20
	// maxStale is the largest distance above the end of a topic that a broker's stale
	// answer can explain.
	maxStale = 1 << 32
	// lookUpEvery is the interval of look-ups of a partition's end while records claim
	// offsets above it.
	lookUpEvery = 10 * time.Second
	// staleAnswers is for how long an end below what is known is asked for again: a broker
	// that is cut off from the controller may not have heard that others lead now.
	staleAnswers = 30 * time.Second
	// staleAnswerPause is the pause before it is asked for again.
	staleAnswerPause = time.Second
)

// EndLookup is a look-up of the end of a partition, the offset after its last record, that must
// reach an offset. Its driver asks the partition's leader, and again after each pause.
type EndLookup struct {
	// Partition is the partition.
	Partition int32
	// Least is the offset that the end must reach.
	Least int64
	// Wait is whether the claim of an [OffsetBounds] waits for the answer; otherwise the look-up
	// is made in the background.
	Wait bool

	began time.Time
}

// NewEndLookup returns a look-up that begins now.
func NewEndLookup(partition int32, least int64, now time.Time) EndLookup {
	return EndLookup{Partition: partition, Least: least, began: now}
}

// Again returns the pause after which the end is asked for again, 0 if the answer is final: it
// reaches the offset, or is no stale one.
func (l EndLookup) Again(end int64, now time.Time) (pause time.Duration) {
	if end >= l.Least || l.Least-end >= maxStale || now.Sub(l.began) > staleAnswers {
		return 0
	}
	return staleAnswerPause
}

// OffsetBounds checks that the offsets that records claim exist. An offset above the end of
// its topic would make every real record seem old. A large step is checked before it is
// believed; small steps, which every record makes, are checked every few seconds in
// the background. It asks for look-ups and does none. It belongs to one goroutine at a time.
type OffsetBounds struct {
	topic      string
	partitions map[int32]*boundary
}

// boundary is what is known about the end of one partition.
type boundary struct {
	known   int64     // the end is here or above
	claimed int64     // the highest claimed offset
	asked   time.Time // when it was looked up last in the background
	asking  bool      // now
	refuted error     // a record claimed an offset that does not exist
}

// NewOffsetBounds returns the check for a topic.
func NewOffsetBounds(topic string) *OffsetBounds {
	return &OffsetBounds{topic: topic, partitions: make(map[int32]*boundary)}
}

// Claim takes a record's claim that everything below offset next of a partition was read, and
// returns the look-up that it needs, nil for none. The result of a look-up is told by Ends,
// Missing or Unanswered. The error wraps codec.ErrMalformed: an earlier claim was false.
func (b *OffsetBounds) Claim(partition int32, next int64, now time.Time) (*EndLookup, error) {
	at := b.at(partition)
	if at.refuted != nil || next <= at.known {
		return nil, at.refuted
	}
	l := NewEndLookup(partition, next, now)
	if next-max(at.known, at.claimed) > maxStep {
		l.Wait = true
		return &l, nil
	}
	at.claimed = max(at.claimed, next)
	if at.asking || now.Sub(at.asked) < lookUpEvery {
		return nil, nil
	}
	at.asking, l.Least = true, at.claimed
	return &l, nil
}

// Ends takes the final answer to a look-up. The error wraps codec.ErrMalformed if the claim is
// false.
func (b *OffsetBounds) Ends(l EndLookup, end int64, now time.Time) error {
	at := b.answered(l, now)
	if end < l.Least {
		at.refuted = fmt.Errorf("%w: it claims offset %d of %s partition %d, which ends at offset %d",
			codec.ErrMalformed, l.Least-1, b.topic, l.Partition, end)
		return at.refuted
	}
	at.known, at.claimed = max(at.known, end), max(at.claimed, l.Least)
	return nil
}

// Missing is called when the partition does not exist. It returns the error of the claim, which
// wraps codec.ErrMalformed.
func (b *OffsetBounds) Missing(l EndLookup, now time.Time) error {
	at := b.answered(l, now)
	at.refuted = fmt.Errorf("%w: it claims %s partition %d, which does not exist", codec.ErrMalformed, b.topic, l.Partition)
	return at.refuted
}

// Unanswered is called when no broker answers. A claim that waits for the answer fails, others
// are checked by the next look-up.
func (b *OffsetBounds) Unanswered(l EndLookup, now time.Time) { b.answered(l, now) }

func (b *OffsetBounds) answered(l EndLookup, now time.Time) *boundary {
	at := b.at(l.Partition)
	at.asked = now
	if !l.Wait {
		at.asking = false
	}
	return at
}

func (b *OffsetBounds) at(partition int32) *boundary {
	at := b.partitions[partition]
	if at == nil {
		at = &boundary{}
		b.partitions[partition] = at
	}
	return at
}
