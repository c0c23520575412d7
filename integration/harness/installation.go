package harness

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"

	"pageheat/integration/kafkatest"
	"pageheat/integration/process"
)

// Installation is one pageheat: a program, brokers, and names of its own.
type Installation struct {
	// Program is the built program.
	Program string
	// Brokers is what the processes are given as --brokers.
	Brokers string
	// Prefix, Input and Output are the names of the topics.
	Prefix, Input, Output string
	// Env is the rest of the processes' environment, beside this process's own.
	Env []string
}

// command is a command of the program with the installation's settings.
func (i *Installation) command(args []string) *exec.Cmd {
	cmd := exec.Command(i.Program, args...)
	cmd.Env = append(kafkatest.Environment(), "PAGEHEAT_BROKERS="+i.Brokers, "PAGEHEAT_PREFIX="+i.Prefix,
		"PAGEHEAT_INPUT="+i.Input, "PAGEHEAT_OUTPUT="+i.Output, "PAGEHEAT_LOG_FORMAT=json")
	cmd.Env = append(cmd.Env, i.Env...)
	return cmd
}

// Result is how a command has ended.
type Result struct {
	// Code is the exit code.
	Code int
	// Stdout and Stderr are what was written.
	Stdout, Stderr string
}

// Run runs a command of the program to its end. It is an error if the command does not
// end before ctx.
func (i *Installation) Run(ctx context.Context, stdin []byte, args ...string) (Result, error) {
	var stdout bytes.Buffer
	log := NewLog()
	cmd := i.command(args)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, log
	p, err := process.Start(cmd)
	if err != nil {
		return Result{}, err
	}
	const lines = 1000
	code, err := p.Wait(ctx)
	r := Result{Code: code, Stdout: stdout.String(), Stderr: log.Tail(lines)}
	if err != nil {
		err = fmt.Errorf("pageheat %s: %w\n%s%s", strings.Join(args, " "), err, r.Stdout, r.Stderr)
	}
	return r, err
}

// StartInstance starts an instance with more flags of "run", and does not wait until it
// does anything. It must be killed or stopped.
func (i *Installation) StartInstance(name string, flags ...string) (*Instance, error) {
	address, err := kafkatest.FreeAddress()
	if err != nil {
		return nil, err
	}
	in := &Instance{name: name, log: NewLog(), address: address}
	cmd := i.command(append([]string{"run", "--listen", address}, flags...))
	cmd.Stderr = in.log
	in.Process, err = process.Start(cmd)
	return in, err
}
