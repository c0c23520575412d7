package views

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"pageheat/codec"
)

// DefaultBoard is the name of the board of all behaviours.
const DefaultBoard = "all-time"

// maxBoards is the maximum number of boards in memory. There is one today; the limit is for an
// output topic that other programs write to.
const maxBoards = 1000

// Board is one published version of a board.
type Board struct {
	// Name is the board's name, the key in the output topic.
	Name string
	// Version numbers the published versions of this name. It only grows.
	Version uint64
	// Value is the published JSON object, byte for byte. It is shared: do not modify it.
	Value []byte
}

// Boards holds the newest version of every board in the output topic. It is safe for concurrent
// use. Readers never block the pipeline or each other: there are no queues, only the newest
// version and a signal for changes.
type Boards struct {
	reader reader

	mu      sync.RWMutex
	shown   bool // the topic has been read to its end at least once
	newest  map[string]Board
	changed chan struct{} // closed and replaced on every change
}

// NewBoards returns boards that follow the output topic once Run is called. It does not
// connect. The error names what the source lacks.
func NewBoards(source Source) (*Boards, error) {
	source, err := source.checked()
	if err != nil {
		return nil, err
	}
	return &Boards{
		reader:  reader{Source: source},
		newest:  make(map[string]Board),
		changed: make(chan struct{}),
	}, nil
}

// Run follows the topic until ctx is done, and then returns nil. It returns an error if it
// cannot start, for instance because the brokers are down. It may then be called again; the
// boards that were read stay readable. Do not call it concurrently.
func (b *Boards) Run(ctx context.Context) error {
	return b.reader.follow(ctx, b.update, b.show)
}

// Ready returns nil while the topic is followed and has been read to its end; else
// ErrRecovering, or an error if the brokers are unreachable.
func (b *Boards) Ready() error { return b.reader.Ready() }

// Recovered reports whether Run is active and has read the topic up to its end at the time that
// Run started. It stays true while the brokers are unreachable.
func (b *Boards) Recovered() bool { return b.reader.Recovered() }

// Newest returns the newest version of a board. It returns none until the topic has been read
// to its end once, because earlier records are history.
func (b *Boards) Newest(name string) (Board, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if !b.shown {
		return Board{}, false
	}
	board, ok := b.newest[name]
	return board, ok
}

// Changed returns a channel that is closed at the next change of any board. Call it before
// Newest, and wait on it afterwards, to miss no change.
func (b *Boards) Changed() <-chan struct{} {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.changed
}

func (b *Boards) show() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shown = true
	b.signal()
}

// update handles one record of the topic. A record that is not a board is logged and skipped:
// the next one may be valid.
func (b *Boards) update(at goka.UpdateContext, _ storage.Storage, key string, value []byte) error {
	if value == nil {
		b.forget(key)
		return nil
	}
	board, err := readBoard(key, value)
	if err == nil {
		err = b.offer(board)
	}
	if err != nil {
		b.reader.Logger.Warn("skipped a record of the output topic",
			"key", key, "partition", at.Partition(), "offset", at.Offset(), "error", err)
	}
	return nil
}

// readBoard reads the key fields of a board. It copies the bytes, because they belong to a
// fetch response with many other records.
func readBoard(key string, value []byte) (Board, error) {
	decoded, err := codec.DecodeBoard(value)
	if err != nil {
		return Board{}, fmt.Errorf("reading a board: %w", err)
	}
	if decoded.Board != key {
		return Board{}, fmt.Errorf("reading a board: its key is %q, its name %q", key, decoded.Board)
	}
	return Board{Name: key, Version: decoded.Version, Value: bytes.Clone(value)}, nil
}

// offer stores a board if it is newer than the known one. Older versions are normal: a frozen
// ranking that was replaced may publish one.
func (b *Boards) offer(board Board) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	known, ok := b.newest[board.Name]
	if ok && board.Version <= known.Version {
		return nil
	}
	if !ok && len(b.newest) >= maxBoards {
		return fmt.Errorf("keeping board %q: %d boards are kept already, which is the maximum",
			board.Name, maxBoards)
	}
	b.newest[board.Name] = board
	if b.shown {
		b.signal()
	}
	return nil
}

// forget drops a board whose key was deleted from the topic.
func (b *Boards) forget(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.newest[name]; !ok {
		return
	}
	delete(b.newest, name)
	b.signal()
}

// signal wakes all waiters; mu is held.
func (b *Boards) signal() {
	close(b.changed)
	b.changed = make(chan struct{})
}
