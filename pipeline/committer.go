package pipeline

import "time"

// committer commits the offsets of a session at intervals, in a goroutine of its own: others
// must not wait for a broker.
type committer struct {
	session *session
	allowed func() bool
	stop    chan struct{}
	done    chan struct{}
}

// commitInterval is how often offsets are committed.
const commitInterval = 500 * time.Millisecond

// startCommitter begins to commit, whenever allowed says so.
func startCommitter(s *session, allowed func() bool) *committer {
	c := &committer{session: s, allowed: allowed, stop: make(chan struct{}), done: make(chan struct{})}
	go c.run()
	return c
}

func (c *committer) run() {
	defer close(c.done)
	ticker := time.NewTicker(commitInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-c.stop:
		}
		if c.allowed() {
			c.session.commit()
		}
		select {
		case <-c.stop:
			return
		default:
		}
	}
}

// finish commits a last time and ends the committer.
func (c *committer) finish() {
	close(c.stop)
	<-c.done
}
