package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReferenceIsComplete: every key that a configuration file may have is there once.
func TestReferenceIsComplete(t *testing.T) {
	var out, log bytes.Buffer
	require.Equal(t, exitDone, run(t.Context(), []string{"config", "reference"}, strings.NewReader(""), &out, &log), log.String())
	found := map[string]int{}
	for _, line := range regexp.MustCompile(`(?m)^#([a-z][a-z0-9-]*): .+$`).FindAllStringSubmatch(out.String(), -1) {
		found[line[1]]++
	}
	parser, err := kong.New(newCLI(), kong.DefaultEnvars(envPrefix), kong.Bind(&settings{}))
	require.NoError(t, err)
	known := map[string]bool{}
	eachFlag(parser.Model.Node, func(f *kong.Flag) {
		if len(f.Envs) > 0 && f.Name != "config" {
			known[f.Name] = true
			assert.NotEmpty(t, f.Help, f.Name)
		}
	})
	require.NotEmpty(t, known)
	for name := range known {
		assert.Equal(t, 1, found[name], name)
	}
	for name := range found {
		assert.True(t, known[name], name)
	}
}
