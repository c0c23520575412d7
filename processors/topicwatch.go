package processors

import (
	"time"

	"pageheat/codec"
	"pageheat/failure"
)

// missingLooks is in how many looks one after the other a topic must be missing:
// a broker that has just been started may not know it yet.
const missingLooks = 3

// WatchedTopic is a topic that roles of a process need.
type WatchedTopic struct {
	Name string
	// Roles cannot work while it is missing.
	Roles []string
	// RecreatedHint is what to do when it was deleted and recreated, where what is known
	// elsewhere belongs to the topic as it was; empty where the roles just go on.
	RecreatedHint string
	// Partitions is how many it must have; 0 for any number.
	Partitions int
}

// TopicWatch judges whether a topic is still the one that a process began with. Its driver looks
// at the topic again and again, and tells each answer by Missing or Exists; a look without an
// answer is not told. It belongs to one goroutine at a time.
type TopicWatch struct {
	topic   WatchedTopic
	id      codec.TopicID
	seen    bool
	missing int // looks one after the other
	since   time.Time
}

// NewTopicWatch returns the watch of a topic that was not looked at yet.
func NewTopicWatch(topic WatchedTopic) *TopicWatch { return &TopicWatch{topic: topic} }

// TopicMissing is the result of a look that has not found a topic.
type TopicMissing struct {
	// Since is when the topic was missed first, the zero time until it counts as missing.
	Since time.Time
	// News is whether it counts as missing since this look.
	News bool
}

// Missing takes the answer that the topic does not exist.
func (w *TopicWatch) Missing(now time.Time) TopicMissing {
	if w.missing++; w.missing == 1 {
		w.since = now
	}
	if w.missing < missingLooks {
		return TopicMissing{}
	}
	return TopicMissing{Since: w.since, News: w.missing == missingLooks}
}

// TopicFound is the result of a look that has found a topic.
type TopicFound struct {
	// MissingSince is since when the topic counted as missing until this look, the zero time if it
	// did not.
	MissingSince time.Time
	// Replaced is whether the topic was deleted and recreated since the last look, and the
	// pipeline continues with the new one.
	Replaced bool
}

// Exists takes the answer that the topic exists, with its ID, which is zero from brokers that give
// none, and its number of partitions. It returns a [failure.Permanent] if the roles cannot go on
// with the topic, besides the result, which counts in any case.
func (w *TopicWatch) Exists(id codec.TopicID, partitions int) (found TopicFound, err error) {
	if w.missing >= missingLooks {
		found.MissingSince = w.since
	}
	w.missing = 0
	before := w.id
	if id.IsZero() {
		id = before // of brokers of different versions, some give no ids
	}
	if w.seen && id != before && !before.IsZero() {
		if w.topic.RecreatedHint != "" {
			return found, failure.New(w.topic.RecreatedHint, "the topic %s was deleted and recreated: its topic id was %s and is %s", w.topic.Name, before, id)
		}
		found.Replaced = true
	}
	w.id, w.seen = id, true
	if w.topic.Partitions > 0 {
		err = SamePartitions(w.topic.Name, w.topic.Partitions, partitions)
	}
	return found, err
}

// SamePartitions returns a [failure.Permanent] if the number of a topic's partitions, which decides
// where each page is, has changed.
func SamePartitions(topic string, was, is int) error {
	if was == is {
		return nil
	}
	return failure.New(failure.Partitions, "%s had %d partitions and has %d", topic, was, is)
}
