package codec

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/failure"
)

// goldenDir has a file for every version of every format that a release has written: binary ones
// as hexadecimal digits. A file never changes. A new version of a format gets another file, and
// the old one stays while the program reads it.
const goldenDir = "testdata/golden"

// readGolden returns a golden file, which must exist.
func readGolden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(goldenDir, name))
	require.NoError(t, err, "each version of a format needs a golden file, see CONTRIBUTING.md")
	if !strings.HasSuffix(name, ".hex") {
		return b
	}
	raw, err := hex.DecodeString(strings.Join(strings.Fields(string(b)), ""))
	require.NoError(t, err, name)
	return raw
}

// textFormats are the golden files of the formats without a version: headers, and the board, which
// is JSON with members that readers may ignore.
func textFormats() []string {
	return []string{"board.json", "board-day.json", "board-forgotten.json", "dead-letter.json", "event.json", "oldest.hex"}
}

// TestGoldenFiles: what releases have written is read, and written again to the byte.
func TestGoldenFiles(t *testing.T) {
	want := textFormats()
	for _, f := range formats() {
		want = append(want, f.golden+".hex")
		t.Run(f.golden, func(t *testing.T) {
			b := readGolden(t, f.golden+".hex")
			assert.True(t, strings.HasSuffix(f.golden, "-v"+strconv.Itoa(int(b[0]))), "the file is named by its version, %d", b[0])
			got, err := f.decode(b)
			require.NoError(t, err)
			assert.Equal(t, f.value, got)
			assert.Equal(t, hex.EncodeToString(b), hex.EncodeToString(f.encode(got)), "the same bytes again")
		})
	}
	entries, err := os.ReadDir(goldenDir)
	require.NoError(t, err)
	var files []string
	for _, e := range entries {
		files = append(files, e.Name())
	}
	assert.ElementsMatch(t, want, files, "a file that no format decodes, or a format without its file")
}

func TestGoldenBoard(t *testing.T) {
	for name, want := range map[string]*Board{"board.json": goldenBoard(), "board-day.json": goldenDayBoard(), "board-forgotten.json": goldenForgottenBoard()} {
		b := readGolden(t, name)
		board, err := DecodeBoard(b)
		require.NoError(t, err, name)
		assert.Equal(t, want, board, name)
		again, err := EncodeBoard(board)
		require.NoError(t, err, name)
		assert.Equal(t, string(b), string(again), name)
	}
}

func TestGoldenEvent(t *testing.T) {
	b := readGolden(t, "event.json")
	e, err := DecodeEvent(b)
	require.NoError(t, err)
	assert.Equal(t, &Event{Kind: Rose, Board: "today/sport", Version: 42, PreviousVersion: 41, At: time.UnixMilli(1_767_323_045_678).UTC(), Page: "日本語\"",
		Rank: 2, PreviousRank: 3, Places: 5, FromRank: 7, Since: time.UnixMilli(1_767_323_000_000).UTC(),
		Heat: "302.08829876", Clicks: "112", Minutes: "250.61037345", Likes: "12", Behaviours: 100}, e)
	again, err := EncodeEvent(e)
	require.NoError(t, err)
	assert.Equal(t, string(b), string(again))
}

func TestGoldenOldest(t *testing.T) {
	b := readGolden(t, "oldest.hex")
	assert.EqualValues(t, 1_767_323_045_678, DecodeOldest(b))
	assert.Equal(t, b, AppendOldest(nil, DecodeOldest(b)))
}

// TestGoldenDeadLetter: every header that dead letters have had is read.
func TestGoldenDeadLetter(t *testing.T) {
	var headers map[string]string
	require.NoError(t, json.Unmarshal(readGolden(t, "dead-letter.json"), &headers))
	var all iter.Seq2[string, []byte] = func(yield func(string, []byte) bool) {
		for _, name := range slices.Sorted(maps.Keys(headers)) {
			if !yield(name, []byte(headers[name])) {
				return
			}
		}
	}
	assert.Equal(t, DeadLetter{
		Topic: "user-behavior-topic", TopicID: "AAAAAAAAAAAAAAAAAAAAAQ", Partition: 3, Offset: 1 << 40,
		Reason: "too-large", Detail: "The message has 70000 bytes, the most is 65536.", Truncated: "value,key,headers",
		Size: 70000, KeySize: 5000, SHA256: strings.Repeat("ab", 32), Time: time.UnixMilli(1_767_323_045_678).UTC(),
		Own: []Header{{Name: "traceparent", Value: []byte("00-1-2-00")}},
	}, ReadDeadLetter(all))

	var names []string
	for name, value := range constants(t) {
		if text, err := strconv.Unquote(value); err == nil && strings.HasPrefix(name, "Header") && name != "HeaderPrefix" {
			names = append(names, text)
		}
	}
	// These are on their way within the process, or have golden files of their own.
	others := []string{HeaderNoKey, HeaderOwn, HeaderTime, HeaderPositions, HeaderOldest, HeaderEvent, HeaderEventID, HeaderRemoved}
	assert.ElementsMatch(t, names, append(slices.DeleteFunc(slices.Collect(maps.Keys(headers)), func(name string) bool {
		return !strings.HasPrefix(name, HeaderPrefix)
	}), others...), "a header without a golden value")
}

// TestEveryVersionedFormatHasAGoldenFile looks through the source for decoders: each that checks a
// version is among the formats, with the version that it reads.
func TestEveryVersionedFormatHasAGoldenFile(t *testing.T) {
	values := constants(t)
	found := map[string]bool{}
	inspect(t, func(n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return
		}
		if name, ok := call.Fun.(*ast.Ident); !ok || name.Name != "newReader" {
			return
		}
		what, ok := call.Args[0].(*ast.BasicLit)
		require.True(t, ok, "newReader takes the format's name as a literal")
		version, ok := call.Args[2].(*ast.Ident)
		require.True(t, ok, "newReader takes the format's version as a constant")
		name, err := strconv.Unquote(what.Value)
		require.NoError(t, err)
		found[strings.ReplaceAll(name, " ", "-")+"-v"+values[version.Name]] = true
	})
	var listed []string
	for _, f := range formats() {
		listed = append(listed, f.golden)
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(found)), listed,
		"a format, or a version of it, without a golden file: see CONTRIBUTING.md")
}

// constants are the package's constants with a literal value, as in the source.
func constants(t *testing.T) map[string]string {
	t.Helper()
	values := map[string]string{}
	inspect(t, func(n ast.Node) {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return
		}
		for i, name := range spec.Names {
			if i < len(spec.Values) {
				if value, ok := spec.Values[i].(*ast.BasicLit); ok {
					values[name.Name] = value.Value
				}
			}
		}
	})
	return values
}

// inspect visits every node of the package without its tests.
func inspect(t *testing.T, visit func(ast.Node)) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			visit(n)
			return true
		})
	}
}

// TestVersionsOfFormatsSayToUpgrade: an operator who goes back to an older program is not told
// that the record is damaged.
func TestVersionsOfFormatsSayToUpgrade(t *testing.T) {
	for _, f := range formats() {
		b := bytes.Clone(f.encode(f.value))
		for b[0]++; slices.ContainsFunc(formats(), func(o format) bool {
			return o.golden == strings.ReplaceAll(f.name, " ", "-")+"-v"+strconv.Itoa(int(b[0]))
		}); {
			b[0]++
		}
		_, err := f.decode(b)
		require.ErrorIs(t, err, ErrVersion, f.name)
		assert.Contains(t, hint(err), "upgrade this instance", f.name)
	}
}

func hint(err error) string {
	if p := failure.As(err); p != nil {
		return p.Hint
	}
	return ""
}
