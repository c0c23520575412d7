package harness

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"pageheat/integration/kafkatest"
	"pageheat/integration/process"
)

// Installation is one deployment of pageheat: a program, brokers, and unique names.
type Installation struct {
	// Program is the built program.
	Program string
	// Brokers is the value of --brokers.
	Brokers string
	// Prefix, Input and Output are the names of the topics.
	Prefix, Input, Output string
	// Env is added to the environment of the processes.
	Env []string

	access *access // nil where nobody logs in; see Secure
}

// command returns a command of the program with the installation's settings, and others that Env
// overrides.
func (i *Installation) command(args, settings []string) *exec.Cmd {
	cmd := exec.Command(i.Program, args...)
	cmd.Env = append(kafkatest.Environment(), "PAGEHEAT_BROKERS="+i.Brokers, "PAGEHEAT_PREFIX="+i.Prefix,
		"PAGEHEAT_INPUT="+i.Input, "PAGEHEAT_OUTPUT="+i.Output, "PAGEHEAT_LOG_FORMAT=json")
	cmd.Env = append(append(cmd.Env, settings...), i.Env...)
	return cmd
}

// Result is the result of a command.
type Result struct {
	// Code is the exit code.
	Code int
	// Stdout and Stderr are its output.
	Stdout, Stderr string
}

// Run runs a command of the program to its end. It returns an error if ctx ends first.
func (i *Installation) Run(ctx context.Context, stdin []byte, args ...string) (Result, error) {
	return i.run(ctx, stdin, func(*process.Process) {}, args)
}

// Interrupt runs a command of the program, and sends it SIGINT after a time unless it has ended. It returns an error if
// ctx ends first.
func (i *Installation) Interrupt(ctx context.Context, after time.Duration, args ...string) (Result, error) {
	return i.run(ctx, nil, func(p *process.Process) {
		time.AfterFunc(after, func() { _ = p.Signal(syscall.SIGINT) }) // its end shows whether it arrived
	}, args)
}

// run runs a command to its end, and calls started when it has started.
func (i *Installation) run(ctx context.Context, stdin []byte, started func(*process.Process), args []string) (Result, error) {
	var stdout bytes.Buffer
	log := NewLog()
	login, err := i.enter(ctx, args)
	if err != nil {
		return Result{}, err
	}
	cmd := i.command(args, login)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, log
	p, err := process.Start(cmd)
	if err != nil {
		return Result{}, err
	}
	started(p)
	const lines = 1000
	code, err := p.Wait(ctx)
	r := Result{Code: code, Stdout: stdout.String(), Stderr: log.Tail(lines)}
	if err != nil {
		err = fmt.Errorf("pageheat %s: %w\n%s%s", strings.Join(args, " "), err, r.Stdout, r.Stderr)
	}
	return r, err
}

// StartInstance starts an instance with additional flags of "run". It does not wait until the
// instance is active. The caller kills or stops it.
func (i *Installation) StartInstance(name string, flags ...string) (*Instance, error) {
	address, err := kafkatest.FreeAddress()
	if err != nil {
		return nil, err
	}
	in := &Instance{name: name, log: NewLog(), address: address}
	args := append([]string{"run", "--listen", address}, flags...)
	ctx, cancel := context.WithTimeout(context.Background(), Within)
	defer cancel()
	login, err := i.enter(ctx, args)
	if err != nil {
		return nil, err
	}
	cmd := i.command(args, login)
	cmd.Stderr = in.log
	in.Process, err = process.Start(cmd)
	return in, err
}
