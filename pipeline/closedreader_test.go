package pipeline

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/processors"
	"pageheat/store"
)

// TestAReaderThatClosesIsAnError, and no nil record: it does so by itself after an offset
// that is gone.
func TestAReaderThatClosesIsAnError(t *testing.T) {
	c := kafkatest.Embedded(t)
	set, topo := tableSettings(t, c)
	set.Metrics, set.Conditions = NewMetrics(prometheus.NewRegistry()), NewConditions()
	topo.Output = topo.HeatTable
	kafkatest.ProduceRecords(t, c, &kgo.Record{Topic: topo.HeatTable}, &kgo.Record{Topic: topo.HeatTable}, &kgo.Record{Topic: topo.HeatTable})
	require.NoError(t, set.Cluster.DeleteRecords(t.Context(), topo.HeatTable, 0, 2))
	topic, err := set.Cluster.Topic(t.Context(), topo.HeatTable)
	require.NoError(t, err)
	ranking := NewRanking(RankingConfig{Settings: set, Board: "board"}, "owner")
	for name, read := range map[string]func(ctx context.Context) error{
		"the newest board": func(ctx context.Context) error {
			return ranking.read(ctx, kafka.Span{Topic: topic, From: 1, To: 3}, func(uint64, processors.Output) {})
		},
		"the watch over the output": func(ctx context.Context) error {
			output, err := set.Cluster.Follow(ctx, "test", topo.Output, map[int32]int64{0: 1})
			require.NoError(t, err)
			defer output.Close()
			s := testSession(&fakeSession{ctx: ctx})
			stage := processors.NewRankStage(processors.RankStart{})
			require.Equal(t, codec.EpochKey(), stage.Next(time.Now()).Key)
			require.NoError(t, stage.Stored(codec.AppendEpoch(nil, codec.Epoch{Epoch: 1, Output: topo.Output})))
			f := &rankingDriver{Ranking: ranking, session: s, out: newFeeder(&backlog{}), stage: stage, output: output, removals: ranking.newRemovals(ctx)}
			return f.run(ctx)
		},
		"what follows the table": func(ctx context.Context) error {
			partition := store.New(store.Config{Partitions: 1})
			require.NoError(t, partition.SetOffset(0)) // it goes on at offset 1
			return NewTable(TableConfig{Settings: set}).tail(ctx, map[int32]*store.Partition{0: partition})
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, read(t.Context()), kerr.OffsetOutOfRange)
		})
	}
}

// TestEveryReaderMayClose: every receiver from a channel of a client in this repository asks
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
		named := make(map[string]bool)     // variables that such a channel is assigned to
		ast.Inspect(file, func(n ast.Node) bool {
			a, ok := n.(*ast.AssignStmt)
			for i := 0; ok && len(a.Lhs) == len(a.Rhs) && i < len(a.Lhs); i++ {
				if name, ok := a.Lhs[i].(*ast.Ident); ok && isReader(a.Rhs[i]) {
					named[name.Name] = true
				}
			}
			return true
		})
		ast.Inspect(file, func(n ast.Node) bool {
			if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == 2 && len(a.Rhs) == 1 {
				checked[a.Rhs[0]] = true
			}
			r, ok := n.(*ast.UnaryExpr)
			if !ok || r.Op != token.ARROW {
				return true
			}
			if name, ok := r.X.(*ast.Ident); isReader(r.X) || ok && named[name.Name] {
				asked++
				assert.True(t, checked[r], "%s receives without asking whether the channel is open", files.Position(r.Pos()))
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	require.GreaterOrEqual(t, asked, 6, "as many as there are")
}

// isReader reports whether an expression is a channel of a reader or producer.
func isReader(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok || len(call.Args) > 0 {
		return false
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	return ok && (method.Sel.Name == "Messages" || method.Sel.Name == "Errors" || method.Sel.Name == "Successes" || method.Sel.Name == "Records")
}
