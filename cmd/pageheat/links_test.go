package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHeavyLibrariesAreNotLinked: every package that is linked costs each instance resident memory, whether or
// not it is used: its initialization, its types and its part of the tables of functions are read at the start. What
// only builds or tests need belongs there, and for the rest there is something smaller.
func TestHeavyLibrariesAreNotLinked(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").CombinedOutput()
	require.NoError(t, err, string(out))
	linked := strings.Fields(string(out))
	require.Contains(t, linked, "pageheat/kafka")
	for heavy, instead := range map[string]string{
		"github.com/tdewolff/":          "a test minifies the scripts (web/site)",
		"google.golang.org/grpc":        "spans are sent over HTTP (tracing)",
		"google.golang.org/genproto/":   "spans are sent over HTTP (tracing)",
		"github.com/stretchr/testify":   "for tests",
		"github.com/chromedp/":          "for tests",
		"github.com/pb33f/":             "for tests",
		"github.com/santhosh-tekuri/":   "for tests",
		"github.com/compose-spec/":      "for tests",
		"github.com/tsenart/vegeta":     "for tests",
		"github.com/Shopify/toxiproxy/": "for tests",
	} {
		for _, name := range linked {
			assert.False(t, strings.HasPrefix(name, heavy), "%s is linked: %s", name, instead)
		}
	}
}
