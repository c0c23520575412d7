package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// foreignFlags are flags of other programs that documents name, and names of CSS.
const foreignFlags = " --reset-offsets --delete --command-config --bootstrap-server --profile --no-healthcheck" +
	" --pageheat-accent --pageheat-ink --pageheat-soft --pageheat-line --pageheat-up --pageheat-down "

// TestNamesInTheDocuments: every command and flag of pageheat that a document names exists.
func TestNamesInTheDocuments(t *testing.T) {
	parser, err := kong.New(newCLI(), kong.DefaultEnvars(envPrefix), kong.Bind(&settings{}))
	require.NoError(t, err)
	commands, flags := map[string]bool{}, map[string]bool{}
	for _, c := range parser.Model.Children {
		commands[c.Name] = true
	}
	eachFlag(parser.Model.Node, func(f *kong.Flag) {
		flags["--"+f.Name] = true
		if f.Tag.Negatable != "" {
			flags["--no-"+f.Name] = true
		}
	})
	command := regexp.MustCompile("`pageheat ([a-z-]+)")
	code := regexp.MustCompile("`(?:pageheat |--)[^`\n]*`")
	flag := regexp.MustCompile(`(?:^|[\s"=(` + "`" + `])(--[a-z][a-z-]*)`)
	for _, path := range documents(t) {
		content := withoutBlocks(text(t, path))
		for _, m := range command.FindAllStringSubmatch(content, -1) {
			assert.True(t, commands[m[1]], "%s: there is no command pageheat %s", path, m[1])
		}
		if path == "docs/benchmarks.md" {
			continue // its flags are those of bench
		}
		for _, span := range code.FindAllString(content, -1) {
			for _, m := range flag.FindAllStringSubmatch(span, -1) {
				some := strings.HasSuffix(m[1], "-") // as in --weight-*
				assert.True(t, some || flags[m[1]] || strings.Contains(foreignFlags, " "+m[1]+" "), "%s: %s: there is no flag %s", path, span, m[1])
			}
		}
	}
}

func withoutBlocks(content string) string {
	return regexp.MustCompile("(?ms)^[ ]*```.*?^[ ]*```$").ReplaceAllString(content, "")
}

// TestLinksOfTheDocuments lead to files and headings that exist.
func TestLinksOfTheDocuments(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, path := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(withoutBlocks(text(t, path)), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(path), file))
			}
			if _, err := os.Stat(filepath.Join(root, target)); !assert.NoError(t, err, "%s: %s", path, m[1]) {
				continue
			}
			if anchor != "" && strings.HasSuffix(target, ".md") {
				assert.Contains(t, anchors(text(t, target)), anchor, "%s: %s", path, m[1])
			}
		}
	}
}

// anchors are the names of a document's headings in links, as GitHub makes them.
func anchors(content string) (names []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ +(.+)$`).FindAllStringSubmatch(withoutBlocks(content), -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}
