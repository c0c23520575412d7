package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	_ "time/tzdata" // time zones of boards, where the system has none: in small containers

	"github.com/alecthomas/kong"

	"pageheat/failure"
	"pageheat/kafka"
)

func main() {
	ctx, stop := drainOnSignal(context.Background(), os.Exit)
	code := runIn(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, func(log *slog.Logger) {
		slog.SetDefault(log.With("component", "library"))
		kafka.LogSarama(log)
	})
	stop()
	os.Exit(code)
}

// run does what the arguments say and returns the exit code. A context that is
// done means: drain. Several may run at once in one process, but they share its
// environment.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return runIn(ctx, args, stdin, stdout, stderr, func(*slog.Logger) {})
}

// runIn is run in a process that takes over its log: what libraries know only one of per process.
func runIn(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, taken func(*slog.Logger)) int {
	line, err := parse(args, stdout, stderr)
	if line != nil && line.helped {
		return exitDone
	}
	if setting, ok := errors.AsType[*failure.Setting](err); ok {
		// Of a command's settings, which kong has validated: it adds the command.
		return report(stderr, nil, line.settings.explain(setting))
	}
	if err != nil {
		return refuse(stderr, err)
	}
	p, err := line.tree.program(stdin, stdout, stderr)
	if err != nil {
		return report(stderr, nil, line.settings.explain(err))
	}
	defer p.close()
	taken(p.log.Logger)
	p.reparse = func() (*cli, error) {
		again, err := parse(args, io.Discard, io.Discard)
		if err != nil {
			return nil, err
		}
		return again.tree, nil
	}
	line.parsed.BindTo(ctx, (*context.Context)(nil))
	var log *slog.Logger // of the error that ends the command
	if p.log.JSON && (line.parsed.Command() == "run" || line.tree.Log.Format == "json") {
		log = p.log.Logger
	}
	return report(stderr, log, line.settings.explain(line.parsed.Run(p)))
}

// commandLine is what arguments, environment and files say.
type commandLine struct {
	tree     *cli
	settings *settings
	parsed   *kong.Context
	helped   bool // there is nothing left to do
}

// parse reads arguments, environment and files. There is a command line beside an error, unless
// the program itself is wrong.
func parse(args []string, stdout, stderr io.Writer) (*commandLine, error) {
	line := &commandLine{tree: newCLI(), settings: &settings{}}
	parser, err := kong.New(line.tree,
		kong.Name("pageheat"),
		kong.Description("Pageheat keeps the ten hottest pages of a site, exactly, from a stream of behaviours in Kafka. To see it: pageheat demo. The manual: pageheat man | man -l -"),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { line.helped = true }), // kong exits only after --help and --version
		kong.DefaultEnvars(envPrefix),
		kong.Resolvers(line.settings),
		kong.Bind(line.settings),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
		flagGroups(),
		kong.PostBuild(defaults),
		kong.PostBuild(placeholders),
		kong.ValueFormatter(describe),
	)
	if err != nil {
		return nil, fmt.Errorf("building the command line: %w", err)
	}
	if line.parsed, err = parser.Parse(helpArgs(args)); err != nil || line.helped {
		return line, err
	}
	return line, refuseSecrets(line.parsed)
}
