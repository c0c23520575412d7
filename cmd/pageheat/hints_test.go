package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/failure"
	"pageheat/kafka"
)

// inBackquotes is a command of a hint.
var inBackquotes = regexp.MustCompile("`pageheat ([^`]+)`")

// hintCheck remembers the commands that it has parsed: many hints name the same ones.
type hintCheck map[string]bool

// check checks that a hint names at least one command, and that each can be run.
func (known hintCheck) check(t *testing.T, where, hint string) {
	t.Helper()
	commands := inBackquotes.FindAllStringSubmatch(hint, -1)
	assert.NotEmpty(t, commands, "%s: the way on after a permanent error is a command: %q", where, hint)
	for _, c := range commands {
		if known[c[1]] {
			continue
		}
		line, err := parse(strings.Fields(c[1]), io.Discard, io.Discard)
		if assert.NoError(t, err, "%s: `pageheat %s`", where, c[1]) {
			known[c[1]] = assert.NotNil(t, line.parsed.Selected(), "%s: `pageheat %s` is no command", where, c[1])
		}
	}
}

// TestHintsOfBrokersErrorsAreCommands: for every code that Kafka has.
func TestHintsOfBrokersErrorsAreCommands(t *testing.T) {
	t.Parallel()
	rights := []kafka.Right{kafka.OnTopic(kafka.Write, "t"), kafka.OnGroup(kafka.Read, "g"), kafka.OnTransactions(kafka.Write, "x")}
	permanent, hints := 0, hintCheck{}
	const most = 200 // codes
	for code := int16(-1); code < most; code++ {
		broker := kerr.ErrorForCode(code)
		if broker == nil {
			continue
		}
		for _, needs := range [][]kafka.Right{nil, rights} {
			if p := failure.As(kafka.Explain(fmt.Errorf("asking: %w", broker), needs...)); p != nil {
				permanent++
				hints.check(t, broker.Error(), p.Hint)
			}
		}
	}
	assert.Greater(t, permanent, 20)
}

// TestHintsAreCommands finds every permanent error in the source, and reads its hint.
func TestHintsAreCommands(t *testing.T) {
	t.Parallel()
	files, constants := source(t)
	found, hints := 0, hintCheck{}
	check := func(where string, hint ast.Expr) {
		found++
		if text := value(hint, constants); text != unknown {
			hints.check(t, where, text)
		} else if !strings.HasPrefix(where, "kafka/failure.go:") && !strings.HasPrefix(where, "pipeline/gokaerror.go:") &&
			!strings.HasPrefix(where, "processors/topicwatch.go:") && !strings.HasPrefix(where, "failure/failure.go:") {
			assert.Fail(t, "a hint that this test cannot read", where)
		}
	}
	for path, file := range files {
		ast.Inspect(file.tree, func(n ast.Node) bool {
			if n == nil {
				return true
			}
			where := fmt.Sprintf("%s:%d", path, file.set.Position(n.Pos()).Line)
			switch n := n.(type) {
			case *ast.CallExpr:
				switch called(n) {
				case "failure.New":
					check(where, n.Args[0])
				case "failure.Known":
					check(where, n.Args[1])
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && (key.Name == "Hint" && strings.Contains(path, "/") || key.Name == "RecreatedHint") {
					check(where, n.Value)
				}
			}
			return true
		})
	}
	assert.Greater(t, found, 30, "the source has that many permanent errors at least")
}

// parsedFile is a file of the source.
type parsedFile struct {
	tree *ast.File
	set  *token.FileSet
}

// source parses all files without tests, by path, and collects their constants: those of package
// failure by their qualified names.
func source(t *testing.T) (files map[string]parsedFile, constants map[string]ast.Expr) {
	t.Helper()
	files, constants = map[string]parsedFile{}, map[string]ast.Expr{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(filepath.ToSlash(path), root+"/")
		if entry.IsDir() && (name == "integration" || name == "bench" || name == ".git" || name == "cmd/pageheat") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files[name] = parsedFile{tree, set}
		ast.Inspect(tree, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				for i, ident := range spec.Names {
					if i < len(spec.Values) {
						constants[ident.Name] = spec.Values[i]
						constants[tree.Name.Name+"."+ident.Name] = spec.Values[i]
					}
				}
			}
			return true
		})
		return nil
	}))
	return files, constants
}

// called is the name of a called function of another package.
func called(c *ast.CallExpr) string {
	if s, ok := c.Fun.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok {
			return x.Name + "." + s.Sel.Name
		}
	}
	return ""
}

// unknown is the value of what is not constant.
const unknown = "?"

// value is that of a constant expression. What is not constant in a sum is left out.
func value(e ast.Expr, constants map[string]ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			return text
		}
	case *ast.BinaryExpr:
		left, right := value(e.X, constants), value(e.Y, constants)
		switch {
		case left == unknown:
			return right
		case right == unknown:
			return left
		}
		return left + right
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			if c := constants[x.Name+"."+e.Sel.Name]; c != nil {
				return value(c, constants)
			}
		}
	case *ast.Ident:
		if c := constants[e.Name]; c != nil && e.Name != "hint" {
			return value(c, constants)
		}
	}
	return unknown
}
