package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/compressed"
)

// TestExport writes to standard output and to files, in all formats.
func TestExport(t *testing.T) {
	c := newCounted(t, "/a|1|0.5|1", "/a|111|250.11037345|-1", "/b <i>|3|2|0")
	code, out, log := c.run("export")
	require.Equal(t, exitDone, code, log)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 4)
	assert.Regexp(t, `^{"pageheat":{"version":2,"program":"[^"]+","created_at":"[^"]+","input":"user-behavior-topic",.*"partitions":\[{"partition":0,"next":3,"begin":0,"lost":0}\],.*"behaviours":3}}$`, lines[0])
	assert.Equal(t, `{"page":"/a","heat":290.08829876,"clicks":112,"minutes":250.61037345,"likes":0,"behaviours":2}`, lines[1])
	assert.Regexp(t, `^{"end":{"pages":2,"behaviours":3,"kept":0,"sha256":"[0-9a-f]{64}"}}$`, lines[3])
	assert.Contains(t, log, "exported")

	code, out, log = c.run("export", "--format", "csv", "--weight-likes", "2")
	require.Equal(t, exitDone, code, log)
	assert.Equal(t, "page,heat,clicks,minutes,likes,behaviours,title,url,state\n/a,290.08829876,112,250.61037345,0,2,,,\n/b <i>,4,3,2,0,1,,,\n", out)

	dir := t.TempDir()
	file := filepath.Join(dir, "pages.parquet")
	code, out, log = c.run("export", "--format", "parquet", "--file", file)
	require.Equal(t, exitDone, code, log)
	assert.Empty(t, out)
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(content), "PAR1"))

	code, _, log = c.run("import", file)
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, log, "export as jsonl")
	code, _, log = c.run("import", filepath.Join(dir, "missing"))
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, log, "no such file")

	for name, args := range map[string][]string{
		"format":     {"export", "--format", "xml"},
		"max-clicks": {"export", "--max-clicks", "0"},
		"weight":     {"export", "--weight-clicks", "much"},
		"input-from": {"import", "x", "--input-from", "middle"},
		"from":       {"migrate", "--to", "v2"},
		"to":         {"migrate", "--from", "pageheat", "--to", "pageheat"},
		"names":      {"migrate", "--from", "pageheat", "--to", "v2", "--heat-group", "mine"},
		"partitions": {"migrate", "--from", "pageheat", "--to", "v2", "--partitions", "-1"},
	} {
		code, _, log := c.run(args...)
		assert.Equal(t, exitUsage, code, "%v: %s", args, log)
		assert.Contains(t, log, name)
	}

	// A file that cannot be completed does not appear, and the one before stays.
	c.produce(c.topo.HeatTable, "/c", []byte("damaged"))
	code, _, log = c.run("export", "--file", file)
	assert.Equal(t, exitFailed, code, log)
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, content, again)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing is left")
}

// TestExportPacked compresses files as their names say, and reads them whatever their names are.
func TestExportPacked(t *testing.T) {
	c := newCounted(t, "/a|1|0.5|1", "/b|111|250.11037345|-1")
	code, plain, log := c.run("export")
	require.Equal(t, exitDone, code, log)
	plain = strings.SplitN(plain, "\n", 2)[1] // the manifest has the time
	plain, _, _ = strings.Cut(plain, `"sha256"`)
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	for name, magic := range map[string]string{"pages.jsonl.gz": "\x1f\x8b", "pages.jsonl.zst": "\x28\xb5\x2f\xfd", "pages.jsonl": "{"} {
		file := filepath.Join(dir, name)
		code, _, log := c.run("export", "--file", file)
		require.Equal(t, exitDone, code, log)
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(content), magic), name)
		read, err := compressed.NewReader(bytes.NewReader(content))
		require.NoError(t, err)
		text, err := io.ReadAll(read)
		require.NoError(t, err)
		require.NoError(t, read.Close())
		require.Contains(t, string(text), plain)
		require.NoError(t, os.Rename(file, other))
		code, _, log = c.run("import", other)
		require.Equal(t, exitFailed, code)
		require.Contains(t, log, "holds 2 behaviours", "its beginning was read")
	}
}

// TestExportBoards writes what was published.
func TestExportBoards(t *testing.T) {
	p := testProgram(t)
	publish(t, p, "all-time", 1, 7)
	publish(t, p, "today", 3)
	export := func(args ...string) (code int, stdout, stderr string) {
		var out, log bytes.Buffer
		code = run(t.Context(), append([]string{"export", "--brokers", strings.Join(p.kafka.Brokers(), ",")}, args...), strings.NewReader(""), &out, &log)
		return code, out.String(), log.String()
	}
	code, out, log := export("--format", "csv", "--board", "today", "--board", "all-time")
	require.Equal(t, exitDone, code, log)
	assert.Equal(t, "board,as_of,rank,previous_rank,rank_since,page,heat,clicks,minutes,likes,behaviours\n"+
		"today,,1,0,0001-01-01T00:00:00.000Z,page3,0.8,1,0,0,1\nall-time,,1,0,0001-01-01T00:00:00.000Z,page7,0.8,1,0,0,1\n", out)
	code, out, log = export("--board", "tomorrow")
	assert.Equal(t, exitFailed, code)
	assert.Empty(t, out)
	assert.Contains(t, log, "there is no board \"tomorrow\" in topic page-popularity-top10; the boards there are: all-time, today")
}

// TestWithoutParquet: the tag leaves the library out.
func TestWithoutParquet(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-tags", "noparquet", "-deps", ".").CombinedOutput()
	require.NoError(t, err, string(out))
	assert.NotContains(t, string(out), "parquet-go")
	assert.Contains(t, string(out), "pageheat/pagefile")
}
