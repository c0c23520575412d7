package adapter

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/store"
	"pageheat/topology"
)

// closedReader is a reader that sarama has closed by itself, as it does after an offset
// that is gone: a goroutine that was busy may find its messages closed before the error.
type closedReader struct {
	sarama.PartitionConsumer
	messages chan *sarama.ConsumerMessage
	errors   chan *sarama.ConsumerError
}

func newClosedReader(messages, errors bool) *closedReader {
	r := &closedReader{messages: make(chan *sarama.ConsumerMessage), errors: make(chan *sarama.ConsumerError)}
	if messages {
		close(r.messages)
	}
	if errors {
		close(r.errors)
	}
	return r
}

func (r *closedReader) Messages() <-chan *sarama.ConsumerMessage { return r.messages }
func (r *closedReader) Errors() <-chan *sarama.ConsumerError     { return r.errors }
func (r *closedReader) Close() error                             { return nil }

// closedConsumer has such readers.
type closedConsumer struct {
	sarama.Consumer
	reader sarama.PartitionConsumer
}

func (c closedConsumer) ConsumePartition(string, int32, int64) (sarama.PartitionConsumer, error) {
	return c.reader, nil
}

// TestAReaderThatClosesIsAnError, and no nil message.
func TestAReaderThatClosesIsAnError(t *testing.T) {
	set := quiet()
	set.Topology = &topology.Topology{Output: "output", HeatTable: "table"}
	ranking := NewRanking(RankingConfig{Settings: set, Board: "board"}, "owner")
	readers := map[string]func(ctx context.Context, reader sarama.PartitionConsumer) error{
		"the newest board": func(ctx context.Context, reader sarama.PartitionConsumer) error {
			_, err := ranking.search(ctx, closedConsumer{reader: reader}, 0, 10)
			return err
		},
		"the watch over the output": func(ctx context.Context, reader sarama.PartitionConsumer) error {
			s := newSession(&fakeSession{ctx: ctx})
			f := &rankingFeed{Ranking: ranking, session: s, out: newOutlet(&backlog{})}
			return f.run(ctx, reader)
		},
		"a standby": func(ctx context.Context, reader sarama.PartitionConsumer) error {
			b := &standby{settings: set}
			return b.apply(ctx, reader, 0, store.New(store.Config{Partitions: 1}), 10, func() {})
		},
	}
	for name, read := range readers {
		for closed, reader := range map[string]*closedReader{
			"messages": newClosedReader(true, false),
			"errors":   newClosedReader(false, true),
			"both":     newClosedReader(true, true),
		} {
			t.Run(name+", "+closed, func(t *testing.T) {
				err := read(t.Context(), reader)
				require.ErrorIs(t, err, sarama.ErrOffsetOutOfRange)
			})
		}
	}
}

// TestEveryReaderMayClose: whoever receives from a sarama channel in this repository asks
// whether it is open.
func TestEveryReaderMayClose(t *testing.T) {
	asked := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		checked := make(map[ast.Expr]bool) // receives that do
		ast.Inspect(file, func(n ast.Node) bool {
			if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == 2 && len(a.Rhs) == 1 {
				checked[a.Rhs[0]] = true
			}
			if r, ok := n.(*ast.UnaryExpr); ok && r.Op == token.ARROW && isReader(r.X) {
				asked++
				assert.True(t, checked[r], "%s receives without asking whether the channel is open", files.Position(r.Pos()))
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, asked, 5)
}

// isReader reports whether an expression is a channel of one of sarama's readers or
// producers.
func isReader(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok || len(call.Args) > 0 {
		return false
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	return ok && (method.Sel.Name == "Messages" || method.Sel.Name == "Errors" || method.Sel.Name == "Successes")
}
