package main

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/kafkatest"
)

// TestManPage renders the man page as man does: it has no mistakes, and it has every command,
// every flag and every section of the manual.
func TestManPage(t *testing.T) {
	kafkatest.NeedTool(t, "mandoc")
	var page, log bytes.Buffer
	require.Equal(t, exitDone, run(t.Context(), []string{"man"}, strings.NewReader(""), &page, &log), log.String())
	lint := exec.CommandContext(t.Context(), "mandoc", "-T", "lint", "-W", "error")
	lint.Stdin = bytes.NewReader(page.Bytes())
	out, err := lint.CombinedOutput()
	require.NoError(t, err, "%s", out)
	show := exec.CommandContext(t.Context(), "mandoc", "-T", "ascii", "-O", "width=500")
	show.Stdin = bytes.NewReader(page.Bytes())
	out, err = show.Output()
	require.NoError(t, err)
	text := regexp.MustCompile(".\b").ReplaceAllString(string(out), "") // bold and italics are overstrikes

	parser, err := kong.New(newCLI(), kong.DefaultEnvars(envPrefix), kong.Bind(&settings{}))
	require.NoError(t, err)
	for _, command := range parser.Model.Leaves(true) {
		assert.Contains(t, text, "\n   pageheat "+command.Path())
		for _, flag := range command.Flags {
			if !flag.Hidden {
				assert.Regexp(t, `(?m)^ +--`+flag.Name+`\b`, text, command.Path())
			}
		}
	}
	for _, heading := range regexp.MustCompile(`(?m)^// # (.*)$`).FindAllStringSubmatch(manual, -1) {
		assert.Contains(t, text, "\n   "+heading[1]+"\n")
	}
	assert.Contains(t, text, "--format kafka-acls|strimzi", "nothing is taken for a table")
	assert.Contains(t, text, "$PAGEHEAT_COLLECT_MAX_BYTES", "nor underscores for emphasis")
}
