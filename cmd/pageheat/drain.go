package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// defaultDrain is how long an instance drains at most: longer than the group waits for
// a flush that does not get on, and shorter than what supervisors allow by default.
const defaultDrain = 8 * time.Second

// parts are what an instance runs at the same time: when one ends with an error all end.
type parts struct {
	group *errgroup.Group
	ctx   context.Context

	mu      sync.Mutex
	running []string
}

func newParts(ctx context.Context) *parts {
	p := &parts{}
	p.group, p.ctx = errgroup.WithContext(ctx)
	return p
}

// run runs a part until the context of all ends.
func (p *parts) run(name string, part func(context.Context) error) {
	p.mu.Lock()
	p.running = append(p.running, name)
	p.mu.Unlock()
	p.group.Go(func() error {
		defer func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.running = slices.DeleteFunc(p.running, func(other string) bool { return other == name })
		}()
		return part(p.ctx)
	})
}

// left are the parts that have not ended.
func (p *parts) left() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.running, ", ")
}

// wait returns when all parts have ended, with the first error. Once they have been told
// to end, it waits for at most that time, and returns the parts that were given up.
func (p *parts) wait(drain time.Duration) (givenUp string, err error) {
	ended := make(chan error, 1)
	go func() { ended <- p.group.Wait() }()
	select {
	case err := <-ended:
		return "", err
	case <-p.ctx.Done():
	}
	select {
	case err := <-ended:
		return "", err
	case <-time.After(drain):
	}
	// The error that ended the others, if it was one; told to end from outside, there is none.
	if cause := context.Cause(p.ctx); cause != p.ctx.Err() { //nolint:errorlint // the same value, or another
		err = cause
	}
	return p.left(), err
}
