package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"pageheat/failure"
)

func main() {
	ctx, stop := drainOnSignal(context.Background(), os.Exit)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run does what the arguments say and returns the exit code. A context that is
// done means: drain. Several may run at once in one process, but they share its
// environment.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	tree := newCLI()
	set := &settings{}
	helped := false
	args = helpArgs(args)
	parser, err := kong.New(tree,
		kong.Name("pageheat"),
		kong.Description("Pageheat keeps the ten hottest pages of a site, exactly, from a stream of behaviours in Kafka. To see it: pageheat demo. The manual: go doc ./cmd/pageheat"),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }), // kong exits only after --help and --version
		kong.DefaultEnvars(envPrefix),
		kong.Resolvers(set),
		kong.Bind(set),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
		kong.PostBuild(defaults),
		kong.PostBuild(placeholders),
		kong.ValueFormatter(describe),
	)
	if err != nil {
		return report(stderr, fmt.Errorf("build the command line: %w", err))
	}
	parsed, err := parser.Parse(args)
	if helped {
		return exitDone
	}
	if setting, ok := errors.AsType[*failure.Setting](err); ok {
		// Of a command's settings, which kong has validated: it adds the command.
		return report(stderr, set.explain(setting))
	}
	if err != nil {
		return refuse(stderr, err)
	}
	if err := refuseSecrets(parsed); err != nil {
		return report(stderr, err)
	}
	p, err := tree.program(stdin, stdout, stderr)
	if err != nil {
		return report(stderr, set.explain(err))
	}
	defer p.kafka.Close()
	parsed.BindTo(ctx, (*context.Context)(nil))
	return report(stderr, set.explain(parsed.Run(p)))
}
