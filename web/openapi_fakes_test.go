package web

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pb33f/libopenapi-validator/errors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	validator "github.com/pb33f/libopenapi-validator"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/views"
)

// world is the back end of the handlers, for one request at a time.
type world struct {
	boards  map[string]views.Board
	pages   map[string]heat.Totals
	unready error // of what is read
	err     error // of what is written
	cluster *kafkatest.Cluster
}

func (w *world) Write(context.Context, [][]byte) error { return w.err }

func (w *world) Newest(name string) (views.Board, bool) {
	board, ok := w.boards[name]
	return board, ok
}

func (w *world) All() []views.Board             { return slices.Collect(maps.Values(w.boards)) }
func (w *world) Changed(string) <-chan struct{} { return nil }
func (w *world) Ready() error                   { return w.unready }

func (w *world) publish(t *testing.T, board *codec.Board) {
	t.Helper()
	w.boards[board.Board] = published(t, board)
}

type pages struct{ *world }

func (p pages) Get(page string) (codec.PageState, bool, error) {
	totals, ok := p.pages[page]
	return codec.PageState{Totals: totals}, ok, p.unready
}

// aBoard has everything that a board may have.
func aBoard() *codec.Board {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	return &codec.Board{
		Board: views.DefaultBoard, Version: 42, UpdatedAt: at, Counted: 5_000_000, Offsets: codec.NewOffsets([]int64{5, 0, 7}),
		Pages: []codec.BoardPage{
			{Rank: 1, PreviousRank: 3, RankSince: at, Page: "page37", Heat: "302.08829876", Clicks: "112", Minutes: "250.61037345", Likes: "12", Behaviours: 100},
			{Rank: 2, RankSince: at, Page: `"><script>`, Heat: "-1.5", Clicks: "0", Minutes: "0", Likes: "-2", Behaviours: 2},
		},
	}
}

// refusedMessages has a message for each reason for refusing text.
func refusedMessages() []string {
	return []string{
		"a|1|1", "|1|1|1", strings.Repeat("x", 101) + "|1|1|1", strings.Repeat("x", 1025) + "|1|1|1", "a\x01|1|1|1",
		"a|x|1|1", "a|-1|1|1", "a|1|x|1", "a|1|-1|1", "a|1|1|x", "a|1|1|2", "{", `[5]`, `{"page":7}`, "\xff",
	}
}

// streamOnce reads the start of an event stream.
func (s everything) streamOnce(t *testing.T, v validator.Validator, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	s.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), "id: 42\n")
	valid, wrong := v.ValidateHttpResponse(r, w.Result())
	assert.True(t, valid, "%v", texts(wrong))
}

// begun is a recorder that signals when something is sent.
type begun struct {
	*httptest.ResponseRecorder
	once  sync.Once
	began chan struct{}
}

func (b *begun) Write(p []byte) (int, error) {
	b.once.Do(func() { close(b.began) })
	return len(p), nil
}

// follow starts a client that follows an event stream until the test ends.
func (s everything) follow(t *testing.T, path, client string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Header.Set("X-Forwarded-For", client)
	w := &begun{ResponseRecorder: httptest.NewRecorder(), began: make(chan struct{})}
	var ended sync.WaitGroup
	ended.Go(func() { s.ServeHTTP(w, r) })
	t.Cleanup(ended.Wait)
	<-w.began
}

func texts(wrong []*errors.ValidationError) []string {
	var out []string
	for _, w := range wrong {
		out = append(out, w.Error())
		for _, s := range w.SchemaValidationErrors {
			out = append(out, s.Reason)
		}
	}
	return out
}
