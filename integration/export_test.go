package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// backup is the name of the file in the documents.
const backup = "backup.jsonl"

// exported is what a file in JSON lines holds, read without the program.
type exported struct {
	next  map[int32]int64
	pages map[string]harness.Page
	size  int
}

func readExport(t *testing.T, path string) exported {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	e := exported{next: map[int32]int64{}, pages: map[string]harness.Page{}, size: len(content)}
	for line := range bytes.Lines(content) {
		var l struct {
			Pageheat *struct {
				Partitions []struct {
					Partition int32
					Next      int64
				}
			}
			End  *struct{ Pages int }
			Page string
		}
		require.NoError(t, json.Unmarshal(line, &l))
		switch {
		case l.Pageheat != nil:
			for _, p := range l.Pageheat.Partitions {
				e.next[p.Partition] = p.Next
			}
		case l.End != nil:
			require.Len(t, e.pages, l.End.Pages)
		default:
			var page harness.Page
			require.NoError(t, json.Unmarshal(line, &page))
			e.pages[l.Page] = page
		}
	}
	return e
}

// holds compares an export with a recount of the input below its cut.
func (e *exported) holds(t *testing.T, lines [][]string) {
	t.Helper()
	want := harness.NewRecount()
	for partition, values := range lines {
		for offset, value := range values {
			if int64(offset) < e.next[int32(partition)] {
				require.NoError(t, want.Add([]byte(value), 1))
			}
		}
	}
	assert.Len(t, e.pages, len(want.Pages))
	for name := range want.Pages {
		require.Equal(t, want.Page(name), e.pages[name], name)
	}
}

// TestExportWhileCounting exports again and again while instances count: each file is a recount of the
// input below its cut, to the last digit.
func TestExportWhileCounting(t *testing.T) {
	t.Parallel()
	const inputs, heats, messages = 3, 5, 4000
	site := defaultSite(t)
	p := newPipeline(t, site, inputs, "--partitions", strconv.Itoa(heats))
	// Two owners commit at different times.
	one, two := site.Start("one", "--commit-every", "1s"), site.Start("two", "--commit-every", "3s")
	lines := make([][]string, inputs)
	var text strings.Builder
	for i := range messages {
		q := i % inputs
		lines[q] = append(lines[q], fmt.Sprintf("/page%d|%d|%d.%d|%d", i*i%97, i%5, i%7, i, i%3-1))
	}
	want := harness.NewRecount()
	var ends harness.Ends
	all := make(chan struct{})
	go func() {
		defer close(all)
		const pieces = 40
		for piece := range pieces {
			text.Reset()
			for i := piece * messages / pieces; i < (piece+1)*messages/pieces; i++ {
				text.WriteString(lines[i%inputs][i/inputs] + "\n")
			}
			assert.NoError(t, want.AddLines([]byte(text.String()), 1))
			first := piece * messages / pieces
			ends = sent(t, site, records(site, []byte(text.String()), nil, func(i int) int32 { return int32((first + i) % inputs) }))
			time.Sleep(100 * time.Millisecond) // the load of a site, in time
		}
	}()
	seen := map[string]bool{}
	for sending := true; sending; {
		select {
		case <-all:
			sending = false
		default:
		}
		path := filepath.Join(t.TempDir(), "export")
		r := site.Command("export", "--file", path)
		if strings.Contains(r.Stderr, "nothing was counted yet") {
			continue
		}
		require.Equal(t, 0, r.Code, r.Stderr)
		e := readExport(t, path)
		e.holds(t, lines)
		seen[fmt.Sprint(e.next)] = true
	}
	assert.Greater(t, len(seen), 1, "the cut moves")
	p.exact(t, one, ends, want)
	stopped(t, one, two)
	path := filepath.Join(t.TempDir(), "last")
	site.Must("export", "--file", path)
	e := readExport(t, path)
	e.holds(t, lines)
	assert.Len(t, e.pages, len(want.Pages))
}

// further are flags of instances with a board of each kind.
func further() []string {
	return []string{"--board", "hour kind=window window=1h", "--board", "trending kind=trending half-life=6h", "--board", "today kind=calendar calendar=day"}
}

// titles sends behaviours that say what pages are called.
func titles(t *testing.T, site *harness.Site, partitions int32, want *harness.Recount) {
	t.Helper()
	var text strings.Builder
	for i := range 17 {
		fmt.Fprintf(&text, "{\"page\":\"/page%d\",\"like\":0,\"title\":\"Page %d\"}\n", i, i)
		require.NoError(t, want.Add(fmt.Appendf(nil, "/page%d|0|0|0", i), 1))
	}
	sent(t, site, records(site, []byte(text.String()), nil, func(i int) int32 { return int32(i) % partitions }))
}

// wholeBoards checks that the boards of further have all of their past: they are those that a recount of the input
// gives, to the last digit.
func wholeBoards(t *testing.T, site *harness.Site) {
	t.Helper()
	for _, name := range []string{"hour", "trending", "today"} {
		compare := []string{"recount", "--board", name, "--compare"}
		for _, flag := range further() {
			if flag != "--board" {
				compare = append(compare, "--boards", flag)
			}
		}
		r := site.Command(compare...)
		require.Equal(t, 0, r.Code, "%s: %s%s", name, r.Stdout, r.Stderr)
		board := site.Must("top", "--once", "--json", "--board", name)
		require.NotContains(t, board, `"since"`)
		require.Contains(t, board, `"title":"Page `)
	}
}

// documentedWith follows a section, with files in a directory of the test.
func documentedWith(t *testing.T, site *harness.Site, dir, heading string) *harness.Instance {
	t.Helper()
	var in *harness.Instance
	for _, args := range documented(t, heading) {
		for i, arg := range args {
			if arg == backup {
				args[i] = filepath.Join(dir, backup)
			}
		}
		switch args[0] {
		case "run":
			in = site.Start("restored", append(args[1:], further()...)...)
		case "audit":
		default:
			site.Must(args...)
		}
	}
	return in
}

// TestBackupAndRestore backs up, counts on, loses all topics but the input, and restores: every page
// is exact, with what was counted after the backup, and with what comes then.
func TestBackupAndRestore(t *testing.T) { everywhere(t, backupAndRestore) }

func backupAndRestore(t *testing.T, site *harness.Site) {
	const partitions = 3
	p := newPipeline(t, site, partitions)
	dir, want := t.TempDir(), harness.NewRecount()
	in := site.Start("before", further()...)
	titles(t, site, partitions, want)
	p.exact(t, in, somePages(t, site, partitions, want), want)
	require.Eventually(t, func() bool { return strings.Contains(site.Command("export").Stdout, `"behaviours":77`) }, harness.Within, 100*time.Millisecond, "the first commit")
	require.Nil(t, documentedWith(t, site, dir, "### Back up"))
	p.exact(t, in, somePages(t, site, partitions, want), want)
	stopped(t, in)
	deleteTopics(t, site, ownTopics(site)...)
	ends := somePages(t, site, partitions, want)

	in = documentedWith(t, site, dir, "### Restore a backup")
	p.boards = site.Follow()
	p.exact(t, in, ends, want)
	p.audited(t)
	wholeBoards(t, site)
	p.exact(t, in, somePages(t, site, partitions, want), want)
	wholeBoards(t, site)

	r := site.Command("import", filepath.Join(dir, backup))
	assert.Equal(t, 1, r.Code, "an instance runs")
	assert.Contains(t, r.Stderr, "has members")
	stopped(t, in)
	p.audited(t)
	r = site.Command("import", filepath.Join(dir, backup))
	assert.Equal(t, 1, r.Code, "it has counted")
	assert.Contains(t, r.Stderr, "holds 257 behaviours")
	site.Must("export", "--file", filepath.Join(dir, "after"))
	assert.Len(t, readExport(t, filepath.Join(dir, "after")).pages, len(want.Pages))
}

// TestImportIntoOtherInputs imports into other clusters: with a new input, with a copy that has other
// offsets, and with one that has the same, each with another number of partitions.
func TestImportIntoOtherInputs(t *testing.T) {
	t.Parallel()
	const partitions = 3
	source, _, want := countedBefore(t, partitions)
	dir := t.TempDir()
	for name, from := range map[string]struct {
		from            string
		copied, audited bool
	}{
		"a new input":             {from: "earliest"},
		"a copy":                  {from: "latest", copied: true},
		"a copy with its offsets": {from: "same-offsets", copied: true, audited: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(dir, from.from)
			source.Must("export", "--file", file)
			target := defaultSite(t)
			if from.copied {
				mirror(t, from.from, source.Cluster, target.Cluster, source.Input)
				target.Input = from.from + "." + source.Input
			} else {
				kafkatest.CreateTopic(t, target.Cluster, target.Input, 2)
			}
			target.Must("topics", "create", "--partitions", "5")
			r := target.Command("import", file)
			require.Equal(t, 2, r.Code, "only the operator knows: %s", r.Stderr)
			require.Contains(t, r.Stderr, "--input-from")
			target.Must("import", file, "--input-from", from.from)
			r = target.Command("import", file, "--input-from", from.from)
			require.Equal(t, 1, r.Code)
			require.Contains(t, r.Stderr, "already")

			here := harness.NewRecount()
			for name, sum := range want.Pages {
				copied := *sum
				here.Pages[name] = &copied
			}
			here.Counted = want.Counted
			p := &pipeline{target, target.Follow()}
			in := target.Start("in")
			p.exact(t, in, somePages(t, target, 2, here), here)
			stopped(t, in)
			r = target.Command("audit")
			if from.audited {
				assert.Equal(t, 0, r.Code, r.Stdout+r.Stderr)
			} else {
				assert.Equal(t, 1, r.Code)
				assert.Contains(t, r.Stdout, "of an earlier input")
			}
		})
	}
}

// TestMigrate moves to more and to fewer partitions, while the source goes on, is interrupted, and is repeated.
func TestMigrate(t *testing.T) { everywhere(t, migrate) }

func migrate(t *testing.T, site *harness.Site) {
	const partitions = 3
	p := newPipeline(t, site, partitions)
	want := harness.NewRecount()
	in := site.Start("goes on", further()...)
	titles(t, site, partitions, want)
	p.exact(t, in, somePages(t, site, partitions, want), want)
	require.Eventually(t, func() bool { return strings.Contains(site.Command("export").Stdout, `"behaviours":77`) }, harness.Within, 100*time.Millisecond, "the first commit")
	to, one := *site, *site
	to.Prefix, to.Output = site.Prefix+"-v2", site.Output+"-v2"
	one.Prefix, one.Output = site.Prefix+"-one", site.Output+"-one"
	// Killed at any time, it has copied everything or nothing.
	move := []string{"migrate", "--from", site.Prefix, "--to", to.Prefix, "--partitions", "5", "--output", to.Output}
	for after := 20 * time.Millisecond; ; after = after * 3 / 2 {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		r, err := site.Run(ctx, nil, move...)
		cancel()
		if err == nil {
			require.Equal(t, 0, r.Code, r.Stdout+r.Stderr)
			break
		}
	}
	ends := somePages(t, site, partitions, want)
	p.exact(t, in, ends, want)

	moved := &pipeline{&to, to.Follow()}
	second := to.Start("moved", further()...)
	moved.exact(t, second, ends, want)
	wholeBoards(t, &to)
	r := site.Command(move...)
	assert.Equal(t, 1, r.Code, "it has counted")
	moved.exact(t, second, somePages(t, site, partitions, want), want)
	stopped(t, second, in)
	moved.audited(t)

	back := []string{"migrate", "--from", to.Prefix, "--to", one.Prefix, "--partitions", "1", "--output", one.Output}
	site.Must(back...)
	assert.Contains(t, site.Must(back...), "nothing to do")
	last := &pipeline{&one, one.Follow()}
	third := one.Start("one", further()...)
	last.exact(t, third, somePages(t, site, partitions, want), want)
	wholeBoards(t, &one)
	stopped(t, third)
	last.audited(t)
}
