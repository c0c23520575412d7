package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/kafkatest"
	"pageheat/integration/samples"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	return string(text)
}

// The README's picture is what the program prints.
func TestTheREADMEShowsTheTopology(t *testing.T) {
	var out, errs bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"topology"}, strings.NewReader(""), &out, &errs), errs.String())
	require.Contains(t, readme(t), "```\n"+strings.TrimRight(out.String(), "\n")+"\n```")
}

// TestTheREADMEsCommands runs the commands of the README in their order, each as it stands
// there, against a broker of the test.
func TestTheREADMEsCommands(t *testing.T) {
	cluster := kafkatest.Embedded(t)
	t.Setenv("PAGEHEAT_BROKERS", cluster.Bootstrap())
	block := regexp.MustCompile("(?s)```(?:sh)?\n(.*?)```")
	line := regexp.MustCompile(`(?m)^(?:go run \./cmd/)?pageheat ([^#\n]*?)(&?)\s*(?:#.*)?$`)
	var commands [][]string
	for _, b := range block.FindAllStringSubmatch(readme(t), -1) {
		commands = append(commands, line.FindAllStringSubmatch(b[1], -1)...)
	}
	var background sync.WaitGroup
	defer background.Wait()
	ctx, end := context.WithTimeout(t.Context(), 2*time.Minute)
	defer end()
	seen := map[string]bool{}
	for _, c := range commands {
		args := strings.Fields(c[1])
		seen[args[0]] = true
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		out, log := &samples.Output{}, &samples.Output{}
		switch args[0] {
		case "run":
			ready := make(chan struct{})
			log.Want, log.Came = "owns the ranking", func() { close(ready) }
			background.Go(func() {
				assert.Equal(t, exitDone, run(ctx, append(args, "--listen", "127.0.0.1:0"), strings.NewReader(""), out, log), log.String())
			})
			select {
			case <-ready:
			case <-ctx.Done():
				t.Fatal("the pipeline does not begin: " + log.String())
			}
			continue
		case "demo":
			args = append(args, "--listen", "127.0.0.1:0")
			out.Want, out.Came = "behaviours counted", stop
		case "top": // until somebody ends it
			out.Want, out.Came = "behaviours counted", stop
		}
		code := run(ctx, args, strings.NewReader(""), out, log)
		assert.Equal(t, exitDone, code, "%s\n%s%s", c[0], out.String(), log.String())
		assert.NotEmpty(t, out.String(), c[0])
	}
	for _, command := range []string{"demo", "topics", "run", "produce", "top", "page", "audit", "dead-letters"} {
		assert.True(t, seen[command], "the README does not show pageheat %s", command)
	}
	end()
}
