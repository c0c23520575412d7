package logfile

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/accesslog"
)

// followed is a file that is followed, by a test that waits for each line.
type followed struct {
	*testing.T
	path  string
	lines chan string
	idle  chan time.Duration
	stop  func() error // and the error that it ended with
}

func follow(t *testing.T, content string) *followed {
	f := &followed{T: t, path: filepath.Join(t.TempDir(), "access.log"), lines: make(chan string, 100), idle: make(chan time.Duration)}
	f.append(content)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		for l, err := range Follow(ctx, f.path) {
			switch {
			case err != nil:
				ended <- err
			case l.Idle != 0:
				select {
				case f.idle <- l.Idle:
				default:
				}
			default:
				f.lines <- string(l.Text)
			}
		}
	}()
	f.stop = func() error { cancel(); return <-ended }
	t.Cleanup(func() { _ = f.stop() })
	return f
}

func (f *followed) append(text string) {
	f.Helper()
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(f, err)
	_, err = file.WriteString(text)
	require.NoError(f, err)
	require.NoError(f, file.Close())
}

func (f *followed) expect(want ...string) {
	f.Helper()
	for _, w := range want {
		select {
		case got := <-f.lines:
			require.Equal(f, w, got)
		case <-time.After(time.Minute):
			require.Fail(f, "no line came", "%q", w)
		}
	}
}

func TestFollow(t *testing.T) {
	f := follow(t, "a\nb")
	f.expect("a")
	assert.Positive(t, <-f.idle)
	f.append("c\nd\n")
	f.expect("bc", "d")

	// A server goes on with the old file until it is told.
	old, err := os.OpenFile(f.path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	defer old.Close()
	require.NoError(t, os.Rename(f.path, f.path+".1"))
	_, err = old.WriteString("e\n")
	require.NoError(t, err)
	f.expect("e")
	f.append("g\n")
	_, err = old.WriteString("f without an end")
	require.NoError(t, err)
	f.expect("f without an end", "g")
	f.append("h\n")
	f.expect("h")

	// Truncated, as by copytruncate.
	require.NoError(t, os.Truncate(f.path, 0))
	<-f.idle // from before
	f.append("i\n")
	f.expect("i")

	require.NoError(t, f.stop())
	assert.Empty(t, f.lines)
}

func TestFollowWhatCannotBe(t *testing.T) {
	dir := t.TempDir()
	_, err := collected(Follow(t.Context(), filepath.Join(dir, "none")))
	require.ErrorIs(t, err, os.ErrNotExist)
	packed := filepath.Join(dir, "packed")
	require.NoError(t, os.WriteFile(packed, gzipped("a\n"), 0o600))
	_, err = collected(Follow(t.Context(), packed))
	assert.ErrorContains(t, err, "gzip")
}

func TestFollowMayBeLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	require.NoError(t, os.WriteFile(path, []byte("a\nb\n"), 0o600))
	for _, leave := range []func(l accesslog.Line) bool{
		func(l accesslog.Line) bool { return l.Number == 1 },
		func(l accesslog.Line) bool { return l.Idle != 0 },
	} {
		for l, err := range Follow(t.Context(), path) {
			require.NoError(t, err)
			if leave(l) {
				break
			}
		}
	}
}

func TestLive(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	step := 0
	for l, err := range Live(ctx, r) {
		require.NoError(t, err)
		switch step++; {
		case l.Idle != 0 && step == 1:
			go func() { _, _ = io.WriteString(w, "a\nb\n") }() // the pipe ends with the test
		case l.Idle != 0:
			step--
		case step == 2:
			assert.Equal(t, "a", string(l.Text))
		case step == 3:
			assert.Equal(t, "b", string(l.Text))
			cancel() // though the read does not return
		}
	}
	assert.Equal(t, 3, step)

	got, err := collected(Live(t.Context(), strings.NewReader(string(gzipped("a\nb\n")))))
	require.NoError(t, err)
	assert.Equal(t, []string{"1 a", "2 b"}, got)
	_, err = collected(Live(t.Context(), strings.NewReader(string(gzipped("a\nb\n"))[:12])))
	assert.Error(t, err)
}
