package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// event is a board that a client received by its event stream.
type event struct {
	version uint64
	at      time.Time
}

// streams are clients that follow the board by server-sent events, each on its own connection.
type streams struct {
	stop    context.CancelFunc
	clients []*streamClient
	done    sync.WaitGroup
}

// streamClient is one of them.
type streamClient struct {
	mu     sync.Mutex
	events []event
	failed error
	more   chan struct{} // has an element after each event
}

// openStreams connects a number of clients and returns when all are served. The caller calls
// close.
func openStreams(ctx context.Context, address string, n int) (*streams, error) {
	reading, stop := context.WithCancel(context.Background())
	s := &streams{stop: stop}
	transport := &http.Transport{DialContext: (&net.Dialer{}).DialContext, DisableCompression: true}
	client := &http.Client{Transport: transport}
	for range n {
		request, err := http.NewRequestWithContext(reading, http.MethodGet, "http://"+address+"/api/v1/boards/all-time/events", nil)
		if err != nil {
			s.close()
			return nil, fmt.Errorf("asking for an event stream: %w", err)
		}
		give := context.AfterFunc(ctx, stop) // the request's own context lives on
		answer, err := client.Do(request)
		give()
		if err == nil && answer.StatusCode != http.StatusOK {
			err = errors.Join(errors.New(answer.Status), answer.Body.Close())
		}
		if err != nil {
			s.close()
			return nil, fmt.Errorf("opening event stream %d of %d: %w", len(s.clients)+1, n, err)
		}
		c := &streamClient{more: make(chan struct{}, 1)}
		s.clients = append(s.clients, c)
		s.done.Go(func() {
			c.read(bufio.NewReader(answer.Body))
			_ = answer.Body.Close() // already at its end
		})
	}
	return s, nil
}

// read records when each event was complete.
func (c *streamClient) read(lines *bufio.Reader) {
	var version uint64
	for {
		line, err := lines.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) { // a board is one long line
			_, err = lines.ReadSlice('\n')
			line = nil
		}
		if err == nil && len(line) == 1 && version > 0 {
			c.take(event{version, time.Now()}, nil)
			version = 0
		}
		if id, ok := strings.CutPrefix(string(line[:min(len(line), idLength)]), "id: "); ok && err == nil {
			version, err = strconv.ParseUint(strings.TrimSpace(id), 10, 64)
		}
		if err != nil {
			c.take(event{}, fmt.Errorf("reading an event stream: %w", err))
			return
		}
	}
}

// idLength is longer than the line with the longest id.
const idLength = 32

func (c *streamClient) take(e event, failed error) {
	c.mu.Lock()
	if failed == nil {
		c.events = append(c.events, e)
	}
	c.failed = failed
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// wait waits until every client has a version or a newer one.
func (s *streams) wait(ctx context.Context, version uint64) error {
	for i, c := range s.clients {
		for {
			c.mu.Lock()
			n, failed := len(c.events), c.failed
			has := n > 0 && c.events[n-1].version >= version
			c.mu.Unlock()
			if has {
				break
			}
			if failed != nil {
				return fmt.Errorf("event stream %d: %w", i, failed)
			}
			select {
			case <-c.more:
			case <-ctx.Done():
				return fmt.Errorf("waiting for version %d on event stream %d, after %d events: %w", version, i, n, context.Cause(ctx))
			}
		}
	}
	return nil
}

// all returns the events of each client so far.
func (s *streams) all() [][]event {
	all := make([][]event, len(s.clients))
	for i, c := range s.clients {
		c.mu.Lock()
		all[i] = c.events
		c.mu.Unlock()
	}
	return all
}

// close ends all streams. It may be called twice.
func (s *streams) close() {
	s.stop()
	s.done.Wait()
}
