package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The README's picture is what the program prints.
func TestTheREADMEShowsTheTopology(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	var out, errs bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"topology"}, strings.NewReader(""), &out, &errs), errs.String())
	require.Contains(t, string(readme), "```\n"+strings.TrimRight(out.String(), "\n")+"\n```")
}
