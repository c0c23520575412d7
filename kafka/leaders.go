package kafka

import (
	"sync"
	"time"
)

// leadersAge is how long a known leader of a partition is trusted. A broker that lost
// leadership mostly says so; one that does not know yet answers with old data.
const leadersAge = time.Second

// leaders caches the leaders of partitions, so that a look-up costs one request. It is safe
// for concurrent use.
type leaders struct {
	mu    sync.Mutex
	known map[string]knownLeaders
}

type knownLeaders struct {
	of    []int32
	until time.Time
}

// learn takes brokers' metadata.
func (l *leaders) learn(t Topic) {
	if t.Err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = make(map[string]knownLeaders)
	}
	l.known[t.Name] = knownLeaders{t.Leaders, time.Now().Add(leadersAge)}
}

// of is the leader of a partition, -1 if unknown.
func (l *leaders) of(topic string, partition int32) int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.known[topic]
	if time.Now().After(k.until) || int(partition) >= len(k.of) {
		return -1
	}
	return k.of[partition]
}

// forget drops the leaders of a topic's partitions.
func (l *leaders) forget(topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, topic)
}
