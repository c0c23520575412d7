package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line. bench starts the hidden commands as processes to measure.
type cli struct {
	Throughput throughputCmd `cmd:"" default:"withargs" help:"Messages a second until all are on the board, and what they cost."`
	Latency    latencyCmd    `cmd:"" help:"From a message's creation to the board in a reader's hands."`
	Pages      pagesCmd      `cmd:"" help:"Memory per page, and how long a restore takes."`
	Growth     growthCmd     `cmd:"" help:"What more partitions, larger boards and more instances cost."`
	Streams    streamsCmd    `cmd:"" help:"What a thousand clients that follow the board cost, and when they see it."`
	Idle       idleCmd       `cmd:"" help:"What an instance costs while little or nothing is sent."`

	Compression compressionCmd `cmd:"" help:"What the compression of pageheat's own topics costs and saves."`
	Scale       scaleCmd       `cmd:"" help:"What the stages cost at the size of a large cluster, simulated."`

	All   allCmd   `cmd:"" help:"Several of these, with results and curves in a directory."`
	Judge judgeCmd `cmd:"" help:"Judge the medians of several reports."`

	Plot plotCmd `cmd:"" help:"Draw curves of growth, latency or scale as SVG."`

	Broker brokerCmd `cmd:"" hidden:""`
	Reader readerCmd `cmd:"" hidden:""`
	Goka   gokaCmd   `cmd:"" hidden:""`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// out has the writers of a command: one for results, one for progress.
type out struct{ results, progress io.Writer }

// say prints a progress line.
func (o out) say(format string, args ...any) {
	_, _ = fmt.Fprintf(o.progress, format+"\n", args...) // a missing line does no harm
}

// execute runs the arguments and returns the exit code: 1 also for a wrong result, 2 for wrong
// usage.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var tree cli
	helped := false
	parser, err := kong.New(&tree, kong.Name("bench"),
		kong.Description("Compares pageheat with a bare consumer and with goka alone. docs/benchmarks.md explains the numbers"),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	parsed, err := parser.Parse(args)
	if helped {
		return 0
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(out{stdout, stderr}); err != nil {
		_, _ = fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}
