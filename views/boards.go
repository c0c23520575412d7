package views

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"pageheat/codec"
)

// DefaultBoard is the name of the board of all behaviours.
const DefaultBoard = codec.AllTime

// Bounds of the boards in memory. A board of ten pages takes about 4 KiB, so a few boards, their
// groups and years of their days are far below. A board of hours has 9,600 closed ones by default.
const (
	// maxBoards is the maximum number of boards.
	maxBoards = 50_000
	// maxBoardBytes is the maximum size of all boards together.
	maxBoardBytes = 256 << 20
	// boardOverhead is about what a board takes besides its value and definition.
	boardOverhead = 1 << 10
)

// Board is one published version of a board.
type Board struct {
	// Key is the board's key in the output topic, see [codec.SplitBoardKey].
	Key string
	// Version numbers the published versions of this key. It only grows.
	Version uint64
	// Value is the published JSON object, byte for byte. It is shared: do not modify it.
	Value []byte
	// Head is the board without its pages and offsets. It is shared: do not modify it.
	Head codec.Board
}

func (b *Board) size() int { return len(b.Value) + len(b.Head.Definition) + boardOverhead }

// Boards holds the newest version of every board in the output topic. It is safe for concurrent
// use. Readers never block the pipeline or each other: there are no queues, only the newest
// versions and signals for changes.
type Boards struct {
	reader reader

	mu      sync.RWMutex
	shown   bool // the topic has been read to its end at least once
	newest  map[string]Board
	bytes   int                      // their size
	closed  int                      // how many are of closed periods
	missed  map[string]bool          // keys that the running reading has not come across yet
	waiting map[string]chan struct{} // by key: closed and removed at the next change
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
		waiting: make(map[string]chan struct{}),
	}, nil
}

// Run follows the topic until ctx is done, and then returns nil. It returns an error if it
// cannot start, for instance because the brokers are down. It may then be called again; the
// boards that were read stay readable. Do not call it concurrently.
func (b *Boards) Run(ctx context.Context) error {
	b.begin()
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
func (b *Boards) Newest(key string) (Board, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if !b.shown {
		return Board{}, false
	}
	board, ok := b.newest[key]
	return board, ok
}

// All returns the newest versions of all boards, by key. It returns none until the topic has been
// read to its end once.
func (b *Boards) All() []Board {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if !b.shown {
		return nil
	}
	all := make([]Board, 0, len(b.newest))
	for _, board := range b.newest {
		all = append(all, board)
	}
	slices.SortFunc(all, func(x, y Board) int { return cmp.Compare(x.Key, y.Key) })
	return all
}

// Changed returns a channel that is closed at the next change of a board, its deletion included.
// Call it before Newest, and wait on it afterwards, to miss no change. Do not call it for names that
// strangers choose: the channel of a board that never comes is kept.
func (b *Boards) Changed(key string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	changed, ok := b.waiting[key]
	if !ok {
		changed = make(chan struct{})
		b.waiting[key] = changed
	}
	return changed
}

// begin starts a reading of the topic.
func (b *Boards) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.missed = make(map[string]bool, len(b.newest))
	for key := range b.newest {
		b.missed[key] = true
	}
}

// show ends the reading of what was in the topic. A board that was known before and was not in it
// has been deleted in the meantime.
func (b *Boards) show() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key := range b.missed {
		b.remove(key)
	}
	b.missed = nil
	b.shown = true
	for key := range b.waiting {
		b.signal(key)
	}
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

// readBoard reads a board. It copies the bytes, because they belong to a fetch response with many
// other records.
func readBoard(key string, value []byte) (Board, error) {
	if _, _, ok := codec.SplitBoardKey(key); !ok {
		return Board{}, errors.New("reading a board: no board has this key")
	}
	decoded, err := codec.DecodeBoard(value)
	if err != nil {
		return Board{}, fmt.Errorf("reading a board: %w", err)
	}
	if decoded.Board != key {
		return Board{}, fmt.Errorf("reading a board: its key is %q, its name %q", key, decoded.Board)
	}
	decoded.Pages, decoded.Offsets = nil, nil
	return Board{Key: key, Version: decoded.Version, Value: bytes.Clone(value), Head: *decoded}, nil
}

// offer stores a board if it is newer than the known one. Older versions are normal: a frozen
// ranking that was replaced may publish one.
func (b *Boards) offer(board Board) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.missed, board.Key)
	known, ok := b.newest[board.Key]
	if ok && board.Version <= known.Version {
		return nil
	}
	if !ok && b.full(&board) {
		b.makeRoom()
		if b.full(&board) {
			return fmt.Errorf("keeping board %q: %d boards of %d bytes are kept already, the maximum is %d boards and %d bytes",
				board.Key, len(b.newest), b.bytes, maxBoards, maxBoardBytes)
		}
	}
	if ok {
		b.count(&known, -1)
	}
	b.newest[board.Key] = board
	b.count(&board, 1)
	if b.shown {
		b.signal(board.Key)
	}
	return nil
}

// full reports whether there is no room for one more board; mu is held.
func (b *Boards) full(board *Board) bool {
	return len(b.newest) >= maxBoards || b.bytes+board.size() > maxBoardBytes
}

// makeRoom drops the older half of the boards of closed periods; mu is held. Half of them, so that
// it is rarely done.
func (b *Boards) makeRoom() {
	if b.closed == 0 {
		return
	}
	closed := make([]Board, 0, b.closed)
	for _, board := range b.newest {
		if board.Head.Final {
			closed = append(closed, board)
		}
	}
	slices.SortFunc(closed, func(x, y Board) int { return x.Head.AsOf.Compare(y.Head.AsOf) })
	closed = closed[:(len(closed)+1)/2]
	for _, board := range closed {
		b.remove(board.Key)
	}
	b.reader.Logger.Warn("dropped the oldest boards of closed periods from memory: they are in the topic only",
		"dropped", len(closed), "boards", len(b.newest), "bytes", b.bytes)
}

// forget drops a board whose key was deleted from the topic.
func (b *Boards) forget(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.missed, key)
	b.remove(key)
}

// remove drops a board; mu is held.
func (b *Boards) remove(key string) {
	board, ok := b.newest[key]
	if !ok {
		return
	}
	delete(b.newest, key)
	b.count(&board, -1)
	b.signal(key)
}

// count adds a board, or takes it away; mu is held.
func (b *Boards) count(board *Board, n int) {
	b.bytes += n * board.size()
	if board.Head.Final {
		b.closed += n
	}
}

// signal wakes those who wait for a change of a board; mu is held.
func (b *Boards) signal(key string) {
	if changed, ok := b.waiting[key]; ok {
		delete(b.waiting, key)
		close(changed)
	}
}
