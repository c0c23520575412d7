package web

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/views"
)

// fakeBoards is a BoardReader that tests publish to.
type fakeBoards struct {
	mu      sync.Mutex
	boards  map[string]views.Board
	changed chan struct{}
	err     error
}

func newFakeBoards() *fakeBoards {
	return &fakeBoards{boards: make(map[string]views.Board), changed: make(chan struct{})}
}

func (f *fakeBoards) publish(b views.Board) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.boards[b.Key] = b
	close(f.changed)
	f.changed = make(chan struct{})
}

// publishBoard publishes a board as the pipeline does.
func (f *fakeBoards) publishBoard(t *testing.T, b *codec.Board) {
	t.Helper()
	f.publish(published(t, b))
}

func (f *fakeBoards) delete(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.boards, key)
	close(f.changed)
	f.changed = make(chan struct{})
}

// All returns the boards in a random order.
func (f *fakeBoards) All() []views.Board {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Values(f.boards))
}

func (f *fakeBoards) Newest(name string) (views.Board, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.boards[name]
	return b, ok
}

func (f *fakeBoards) Changed(string) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *fakeBoards) Ready() error { return f.err }

// fakePages is a PageReader over a map.
type fakePages struct {
	pages map[string]heat.Totals
	err   error
}

func (f *fakePages) Get(page string) (codec.PageState, bool, error) {
	if f.err != nil {
		return codec.PageState{}, false, f.err
	}
	t, ok := f.pages[page]
	return codec.PageState{Totals: t}, ok, nil
}

func (f *fakePages) Ready() error { return f.err }

// published returns a board as it is read from the output topic.
func published(t *testing.T, b *codec.Board) views.Board {
	t.Helper()
	value, err := codec.EncodeBoard(b)
	require.NoError(t, err)
	head := *b
	head.Pages, head.Offsets = nil, nil
	return views.Board{Key: b.Board, Version: b.Version, Value: value, Head: head}
}

// boardOf is a published board; padding makes its value longer by that many bytes.
func boardOf(version uint64, padding int) views.Board {
	return views.Board{Key: views.DefaultBoard, Version: version, Value: fmt.Appendf(nil,
		`{"board":"all-time","version":%d,"pages":[],"padding":%q}`, version, strings.Repeat("x", padding))}
}
