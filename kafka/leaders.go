package kafka

import (
	"sync"
	"time"
)

// leadersAge is how long it is believed who leads a partition. A broker that leads no more
// mostly says so; one that does not know it yet answers with what it had.
const leadersAge = time.Second

// leaders remembers who leads partitions, so that a look-up costs one question. It is safe
// for concurrent use.
type leaders struct {
	mu    sync.Mutex
	known map[string]knownLeaders
}

type knownLeaders struct {
	of    []int32
	until time.Time
}

// learn takes what brokers have said.
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

// of is who leads a partition; -1 if that is not known.
func (l *leaders) of(topic string, partition int32) int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.known[topic]
	if time.Now().After(k.until) || int(partition) >= len(k.of) {
		return -1
	}
	return k.of[partition]
}

// forget forgets who leads the partitions of a topic.
func (l *leaders) forget(topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, topic)
}
