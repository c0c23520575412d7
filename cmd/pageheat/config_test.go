package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/boards"
	"pageheat/demo"
	"pageheat/heat"
)

// TestReferenceIsComplete: every key that a configuration file may have is there once.
func TestReferenceIsComplete(t *testing.T) {
	var out, log bytes.Buffer
	require.Equal(t, exitDone, run(t.Context(), []string{"config", "reference"}, strings.NewReader(""), &out, &log), log.String())
	found := map[string]int{}
	for _, line := range regexp.MustCompile(`(?m)^#([a-z][a-z0-9-]*):(?: .+)?$`).FindAllStringSubmatch(out.String(), -1) {
		found[line[1]]++
	}
	parser, err := kong.New(newCLI(), kong.DefaultEnvars(envPrefix), kong.Bind(&settings{}))
	require.NoError(t, err)
	known := map[string]bool{}
	eachFlag(parser.Model.Node, func(f *kong.Flag) {
		if len(f.Envs) > 0 && f.Name != "config" {
			known[keyOf(f)] = true
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

// TestReferenceHasAnExampleOfBoards: uncommented, it can be used.
func TestReferenceHasAnExampleOfBoards(t *testing.T) {
	var out, log bytes.Buffer
	require.Equal(t, exitDone, run(t.Context(), []string{"config", "reference"}, strings.NewReader(""), &out, &log), log.String())
	_, example, found := strings.Cut(out.String(), "\n#boards:\n")
	require.True(t, found)
	example, _, _ = strings.Cut(example, "\n\n")
	code, shown, said := runFile(t, "boards:\n"+regexp.MustCompile(`(?m)^#`).ReplaceAllString(example, ""), "config", "show")
	require.Equal(t, exitDone, code, said)
	for _, name := range []string{"last-hour", "trending", "today"} {
		assert.Contains(t, shown, "\n  "+name+": {kind: ")
	}
}

// runFile runs a command with a configuration file.
func runFile(t *testing.T, content string, args ...string) (code int, out, log string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pageheat.yaml")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append(args, "--config", file), strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), strings.ReplaceAll(stderr.String(), file, "FILE")
}

// TestConfigShowsBoards, wherever they are given, with the settings that were not.
func TestConfigShowsBoards(t *testing.T) {
	const hour = "  hour: {kind: window, size: 7, window: 2h, step: 1m, weight-clicks: 0.8, weight-minutes: 0.5, weight-likes: 1, min-behaviours: 1}\n"
	const days = "  day: {kind: calendar, size: 3, calendar: day, time-zone: Europe/Berlin, grace: 1h, keep: 400d, weight-clicks: 0.8, weight-minutes: 0.5, weight-likes: 1, min-behaviours: 1, include: [a b, /c/.*]}\n"
	const file = "top: 7\nweight-minutes: 0.5\n"
	code, out, log := runFile(t, file, "config", "show")
	assert.Equal(t, exitDone, code, log)
	assert.Regexp(t, `\nboards: \{\} +# default\n$`, out)
	inFile := file + "boards:\n  hour: {kind: window, window: 2h}\n  day: {kind: calendar, calendar: day, time-zone: Europe/Berlin, size: 3, include: [a b, /c/.*]}\n"
	code, out, log = runFile(t, inFile, "config", "show")
	assert.Equal(t, exitDone, code, log)
	assert.Regexp(t, `\nboards: +# config file \S+: line 3: key "boards"\n`, out)
	assert.Contains(t, out, hour+days)
	// What is shown is a file with the same boards.
	_, shown, _ := strings.Cut(out, "\nboards:")
	code, again, log := runFile(t, "boards:"+shown, "config", "show")
	assert.Equal(t, exitDone, code, log)
	assert.Contains(t, again, hour+days)

	t.Setenv("PAGEHEAT_BOARDS", "hour kind=window window=120m; day kind=calendar calendar=day")
	code, out, log = runFile(t, inFile, "config", "show")
	assert.Equal(t, exitDone, code, log)
	assert.Regexp(t, `\nboards: +# environment variable PAGEHEAT_BOARDS\n`, out)
	assert.Contains(t, out, hour+"  day: {kind: calendar, size: 7, calendar: day, time-zone: UTC, ")
	code, out, log = runFile(t, inFile, "config", "show", "--board", "hour kind=window window=2h", "--board", "x kind=trending half-life=90m")
	assert.Equal(t, exitDone, code, log)
	assert.Regexp(t, `\nboards: +# flag\n`, out)
	assert.Contains(t, out, hour+"  x: {kind: trending, size: 7, half-life: 90m, weight-clicks: 0.8, weight-minutes: 0.5, weight-likes: 1, min-behaviours: 1}\n")
	assert.NotContains(t, out, "  day: ")
}

// TestConfigCheckNamesAllMistakesInBoards, each with the board and the setting.
func TestConfigCheckNamesAllMistakesInBoards(t *testing.T) {
	code, _, log := runFile(t, "boards:\n  hour: {kind: window, window: 61m, step: 2m, half-life: 1h}\n  all-time: {kind: all-time}\n  day: {kind: calendar, calendar: dy}\n", "config", "check")
	assert.Equal(t, exitUsage, code)
	assert.Equal(t, `pageheat: config file FILE: line 1: key "boards": --board: 4 mistakes:
  line 2: board "hour": half-life: is for a trending board
  line 2: board "hour": step: 2m does not divide the window of 1h1m
  line 3: board "all-time": name: the board of this name always exists: --top and --weight-* set its size and weights
  line 4: board "day": calendar: "dy": must be one of hour, day, week, month
`, log)
	code, _, log = runFile(t, "", "config", "check", "--board", "a kind=window window=1h", "--board", "a kind=window window=2h")
	assert.Equal(t, exitUsage, code)
	assert.Equal(t, "pageheat: --board: board \"a\": name: another board has this name already\n", log)
	many := []string{"config", "check"}
	for i := range boards.MaxBoards + 1 {
		many = append(many, "--board", fmt.Sprintf("b%d kind=window window=1h", i))
	}
	code, _, log = runFile(t, "", many...)
	assert.Equal(t, exitUsage, code)
	assert.Equal(t, "pageheat: --board: 33 boards: the maximum is 32\n", log)
	code, _, log = runFile(t, "", "config", "check", "--board", "sport kind=all-time include=/sport/.*")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, log, "--board: board \"sport\": kind: the one board of all time is all-time")
	code, _, log = runFile(t, "boards: 7\n", "config", "check")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, log, `key "boards": --board: line 1: boards must be a mapping of names to settings`)
	code, _, log = runFile(t, "boards:\n", "config", "check")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, log, `key "boards": it has no value`)
	code, _, log = runFile(t, "", "config", "check", "--board", "")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, log, `--board: no board is given`)
}

// TestBoardsOfTheDemo can be used.
func TestBoardsOfTheDemo(t *testing.T) {
	further := boardsSettings{Boards: boardList{lines: demo.Boards()}}
	defined, err := further.make(10, heat.DefaultWeightSettings())
	require.NoError(t, err)
	assert.Equal(t, []string{"trending", "last-hour", "today"}, namesOf(defined))
}

// TestAKeyMeansOneThing: in a file or an environment that commands share. A flag whose name means
// something else in another command has a key with the name of its command.
func TestAKeyMeansOneThing(t *testing.T) {
	// The same thing, said or preset in another way.
	alike := map[string]bool{"board": true, "boards": true, "top": true, "json": true, "listen": true, "max-clicks": true, "max-minutes": true, "pages": true, "rate": true,
		"roles": true, "zipf": true}
	parser, err := kong.New(newCLI(), kong.DefaultEnvars(envPrefix), kong.Bind(&settings{}))
	require.NoError(t, err)
	kind := func(f *kong.Flag) string {
		return fmt.Sprintf("%s %s %s %s", f.Target.Type(), f.Enum, f.Default, f.Help)
	}
	first, own := map[string]*kong.Flag{}, 0
	for _, command := range parser.Model.Leaves(false) {
		for _, flag := range command.Flags {
			if len(flag.Envs) == 0 {
				continue
			}
			key := keyOf(flag)
			if ofCommand(flag) {
				own++
				assert.Equal(t, strings.ReplaceAll(command.Path(), " ", "-")+"-"+flag.Name, key)
			}
			if key != flag.Name {
				assert.Equal(t, []string{envOf(key)}, flag.Envs)
			}
			if known := first[key]; known != nil && !alike[key] {
				assert.Equal(t, kind(known), kind(flag), "%s --%s: give it a key of its own", command.Path(), flag.Name)
			} else if known != nil {
				assert.Equal(t, known.Enum, flag.Enum, key)
			}
			first[key] = flag
		}
	}
	assert.Equal(t, 14, own)
}

// TestAPlainKeyIsOfItsCommand: what produce sends must not be what export overwrites.
func TestAPlainKeyIsOfItsCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pageheat.yaml")
	require.NoError(t, os.WriteFile(file, []byte("file: sent.txt\n"), 0o600))
	line, err := parse([]string{"export", "--config", file}, io.Discard, io.Discard)
	require.NoError(t, err)
	assert.Empty(t, line.tree.Export.File)
	line, err = parse([]string{"produce", "--config", file}, io.Discard, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, "sent.txt", line.tree.Produce.File)
}

// TestForgetAfterMustBeAsLongAsBoards: no page leaves a further board because it is dropped.
func TestForgetAfterMustBeAsLongAsBoards(t *testing.T) {
	for board, least := range map[string]string{
		"w kind=window window=36h step=1h": "2d", "t kind=trending half-life=6h": "16d", "h kind=calendar calendar=hour": "1d",
		"d kind=calendar calendar=day": "2d", "m kind=calendar calendar=month": "32d",
	} {
		code, _, log := runFile(t, "", "config", "check", "--board", board, "--forget-after", least)
		assert.Equal(t, exitDone, code, log)
		var days int
		_, err := fmt.Sscanf(least, "%dd", &days)
		require.NoError(t, err)
		if days == 1 {
			continue
		}
		code, _, log = runFile(t, "", "config", "check", "--board", board, "--forget-after", fmt.Sprintf("%dd", days-1))
		assert.Equal(t, exitUsage, code)
		assert.Contains(t, log, "--forget-after: "+fmt.Sprint(days-1)+"d: board "+board[:1]+" (")
		assert.Contains(t, log, "must be at least "+least)
	}
	code, _, log := runFile(t, "", "config", "check", "--forget-after", "90")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, log, "such as 90d")
}
