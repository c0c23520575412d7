package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every part is a valid call of bench and has its own file.
func TestParts(t *testing.T) {
	for _, set := range []string{"compare", "short", "rest"} {
		seen := make(map[string]bool)
		for _, p := range (&allCmd{Set: set}).parts() {
			parser, err := kong.New(&cli{}, kong.Exit(func(int) { t.Error("it exits") }))
			require.NoError(t, err)
			_, err = parser.Parse(strings.Fields(p.call))
			assert.NoError(t, err, p.call)
			assert.Positive(t, p.minutes, p.name)
			assert.False(t, seen[p.name], p.name)
			seen[p.name] = true
		}
	}
}

// A part leaves its results and its curves, and a failed part leaves none from an earlier run.
func TestPart(t *testing.T) {
	program, clean, err := (&outputFlags{}).build(t.Context())
	require.NoError(t, err)
	defer clean()
	all := &allCmd{Dir: t.TempDir()}
	var text bytes.Buffer
	o := out{io.Discard, &text}
	small := part{name: "growth", curves: true,
		call: "growth --broker embedded --pages 10 --messages 1000 --partitions 1 --inputs 1 --tops 5 --instances 1"}
	results, err := all.run(t.Context(), o, small, program)
	require.NoError(t, err, "%s", &text)
	assert.Len(t, results.runs, 4, "one point on each curve")
	assert.FileExists(t, filepath.Join(all.Dir, "growth.svg"))

	small.call = "growth --repeat 0"
	results, err = all.run(t.Context(), o, small, program)
	assert.ErrorContains(t, err, "bench growth --repeat 0: exit code 1")
	assert.Empty(t, results.runs)
	_, err = os.Stat(filepath.Join(all.Dir, "growth.txt"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}
