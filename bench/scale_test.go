package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestScale simulates two small clusters and draws their costs.
func TestScale(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.txt")
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), []string{"scale", "--partitions", "2,4", "--pages", "100", "--for", "500ms", "--out", file}, &stdout, &stderr)
	require.Equal(t, 0, code, "%s%s", &stdout, &stderr)
	r, err := readReport(file)
	require.NoError(t, err)
	require.Len(t, r.runs, 2)
	for _, one := range r.runs {
		assert.Empty(t, one.wrong, one.name)
		assert.Positive(t, one.get(rangeBytesUnit), one.name)
		assert.Positive(t, one.get(boardBytesUnit), one.name)
		if threadCPU() > 0 {
			assert.Positive(t, one.get(flushUnit), one.name)
			assert.Positive(t, one.get(hearUnit), one.name)
		}
	}
	assert.Equal(t, []string{"2", "4"}, scalePanels(r.runs)[0].ticks)
	require.NoError(t, (&plotCmd{Results: file, SVG: filepath.Join(t.TempDir(), "scale.svg")}).Run())
}
