package integration

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
)

// dataFile is real traffic with its exact result from an independent program.
type dataFile struct {
	name  string
	lines []byte            // one behaviour per line
	pages map[string][]byte // one line per page of the result: page, clicks, minutes, likes, heat
	top   []harness.Page    // the board, without history and counts of behaviours
}

// smallest is the file in this package.
const smallest = "elastic-apache"

// dataFiles are the file in this package and, if available and not with -short, larger ones.
func dataFiles(t *testing.T) []dataFile {
	t.Helper()
	files := []dataFile{readData(t, "testdata", smallest)}
	if testing.Short() {
		return files
	}
	dir := os.Getenv("PAGEHEAT_SHARED_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.top10.json"))
	require.NoError(t, err)
	for _, path := range found {
		if name := strings.TrimSuffix(filepath.Base(path), ".top10.json"); name != smallest {
			files = append(files, readData(t, dir, name))
		}
	}
	return files
}

func readData(t *testing.T, dir, name string) dataFile {
	t.Helper()
	f := dataFile{name: name, lines: unzip(t, filepath.Join(dir, name+".behaviour.txt.gz")), pages: map[string][]byte{}}
	for line := range bytes.Lines(unzip(t, filepath.Join(dir, name+".heat.tsv.gz"))) {
		page, _, _ := bytes.Cut(line, []byte{'\t'})
		f.pages[string(page)] = bytes.TrimSuffix(line, []byte{'\n'})
	}
	text, err := os.ReadFile(filepath.Join(dir, name+".top10.json"))
	require.NoError(t, err)
	var answer struct {
		Top10 []struct {
			Rank   int
			Page   string
			Clicks json.Number
			Like   json.Number
			// Decimals that were written as texts.
			Minutes, Heat string
		}
	}
	require.NoError(t, json.Unmarshal(text, &answer))
	for _, p := range answer.Top10 {
		f.top = append(f.top, harness.Page{Rank: p.Rank, Page: p.Page, Heat: json.Number(p.Heat),
			Clicks: p.Clicks, Minutes: json.Number(p.Minutes), Likes: p.Like})
	}
	require.NotEmpty(t, f.top)
	return f
}

func unzip(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }() // read only: nothing can get lost
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	return text
}

// recount counts the file several times. In the file with attack probes, page names may start
// with '{', like JSON.
func (f *dataFile) recount(t *testing.T, times int64) *harness.Recount {
	t.Helper()
	r := harness.NewRecount()
	for line := range bytes.Lines(f.lines) {
		require.NoError(t, r.Add(line, times))
	}
	return r
}

// bare returns a page without history and behaviour count, which the results do not have.
func bare(p harness.Page) harness.Page {
	p.PreviousRank, p.RankSince, p.Behaviours = 0, "", ""
	return p
}

// row is a page as the answers write it.
func row(p harness.Page) string {
	return strings.Join([]string{p.Page, string(p.Clicks), string(p.Minutes), string(p.Likes), string(p.Heat)}, "\t")
}

// TestDataFiles sends real traffic through two instances: the board and every page match the
// results of an independent program.
func TestDataFiles(t *testing.T) {
	for _, file := range dataFiles(t) {
		t.Run(file.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, site *harness.Site) {
				p := newPipeline(t, site, 3)
				first, second := site.Start("first"), site.Start("second")
				site.ProduceFile(file.lines)
				counted := file.recount(t, 1)
				board := p.exact(t, second, site.Ends(), counted)
				require.Len(t, board.Pages, len(file.top))
				for i, want := range file.top {
					assert.Equal(t, want, bare(board.Pages[i]))
				}
				ctx := within(t)
				require.NoError(t, first.WaitReady(ctx))
				for name, want := range file.pages {
					page, known, err := first.Page(ctx, name)
					require.NoError(t, err)
					assert.True(t, known, "page %q", name)
					assert.Equal(t, string(want), row(page))
				}
				for i := range board.Pages[:3] {
					name := board.Pages[i].Page
					var page harness.Page
					require.NoError(t, json.Unmarshal([]byte(site.Must("page", "--json", "--", name)), &page))
					assert.Equal(t, string(file.pages[name]), row(page))
				}
				assert.Equal(t, 1, site.Command("page", "--", "no such page").Code)
				p.audited(t)
				stopped(t, first, second)
			})
		})
	}
}

// TestFileSentAgain sends a file three times, concurrently.
func TestFileSentAgain(t *testing.T) {
	file := readData(t, "testdata", smallest)
	everywhere(t, func(t *testing.T, site *harness.Site) {
		const times = 3
		p := newPipeline(t, site, 3)
		in := site.Start("only")
		path := filepath.Join(t.TempDir(), "behaviours.txt")
		require.NoError(t, os.WriteFile(path, file.lines, 0o600))
		sent := make(chan harness.Result, times)
		for range times {
			go func() { sent <- site.Command("produce", "--file", path) }()
		}
		for range times {
			r := <-sent
			require.Equal(t, 0, r.Code, "%s%s", r.Stdout, r.Stderr)
		}
		p.exact(t, in, site.Ends(), file.recount(t, times))
		p.audited(t)
		stopped(t, in)
	})
}
