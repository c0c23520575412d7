package pipeline

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Conditions are what keeps running roles of this process from their work: a missing topic, a stalled partition, settings that
// differ. They turn /readyz red until they are over. A nil *Conditions does
// nothing. It is safe for concurrent use.
type Conditions struct {
	mu     sync.Mutex
	active map[condition]error
}

// AboutRestart is what the condition of a role is about that ended with an error: it
// works again once it has its partitions, not when it is started again.
const AboutRestart = "restart"

type condition struct{ role, about string }

// NewConditions returns Conditions of which none is active.
func NewConditions() *Conditions { return &Conditions{active: make(map[condition]error)} }

// Set sets what is wrong with a role (a sentence for an operator), or clears it if err is
// nil. about tells several conditions of one role apart, such as "partition 3 is stalled". It reports whether that is news,
// so that each episode is logged once.
func (c *Conditions) Set(role, about string, err error) (changed bool) {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := condition{role, about}
	_, active := c.active[key]
	if err == nil {
		delete(c.active, key)
	} else {
		c.active[key] = err
	}
	return active != (err != nil)
}

// Of returns what is wrong with a role now, nil if nothing is.
func (c *Conditions) Of(role string) error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(c.active), func(a, b condition) int {
		return cmp.Or(cmp.Compare(a.role, b.role), cmp.Compare(a.about, b.about))
	})
	var sentences []string
	for _, key := range keys {
		if key.role == role {
			sentences = append(sentences, c.active[key].Error())
		}
	}
	if len(sentences) == 0 {
		return nil
	}
	return errors.New(strings.Join(sentences, "; "))
}
