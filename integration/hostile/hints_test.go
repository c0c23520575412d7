package hostile

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHintsNameSections: the sections in an instance's last log line exist.
func TestHintsNameSections(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	require.NoError(t, err)
	named := regexp.MustCompile(`\\?"([A-Z][^"\\]+)\\?" (?:of|in) docs/operations\.md`)
	found := 0
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path) //nolint:gosec // of this repository
		if err != nil {
			return err
		}
		for _, m := range named.FindAllStringSubmatch(string(source), -1) {
			found++
			assert.Regexp(t, `(?m)^#+ `+regexp.QuoteMeta(m[1])+`$`, string(text), "a section that %s names", path)
		}
		return nil
	})
	require.NoError(t, err)
	assert.Greater(t, found, 5)
}
