package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
	"pageheat/integration/process"
)

// child is a hidden command of bench in its own process.
type child struct {
	*process.Process
	name        string
	stdout, log *harness.Log
	stdin       io.WriteCloser // closed when bench exits
}

// childEnv is the environment variable that makes the test binary run as bench.
const childEnv = "PAGEHEAT_TEST_BENCH_CHILD"

// self starts a hidden command. The caller kills the process at the end.
func self(args ...string) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("looking up the program of bench: %w", err)
	}
	c := &child{name: args[0], stdout: harness.NewLog(), log: harness.NewLog()}
	cmd := exec.Command(program, args...)
	cmd.Env = append(kafkatest.Environment(), childEnv+"=1")
	cmd.Stdout, cmd.Stderr = c.stdout, c.log
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting bench %s: %w", c.name, err)
	}
	c.Process, err = process.Start(cmd)
	return c, err
}

// result waits for the process to exit and decodes its JSON output.
func (c *child) result(ctx context.Context, into any) error {
	code, err := c.Wait(ctx)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d", code)
	}
	if err != nil {
		const lines = 40
		return fmt.Errorf("bench %s: %w\n%s", c.name, err, c.log.Tail(lines))
	}
	if err := json.Unmarshal([]byte(c.stdout.Tail(1)), into); err != nil {
		return fmt.Errorf("what bench %s says of itself: %w", c.name, err)
	}
	return nil
}

// known returns a figure of the kernel, 0 if it is not available.
func known[T any](figure T, err error) T {
	if err != nil {
		var zero T
		return zero
	}
	return figure
}

// cpu returns the CPU time of processes in seconds, 0 if it is not available.
func cpu(all ...*harness.Instance) float64 {
	var sum time.Duration
	for _, in := range all {
		sum += known(in.CPU())
	}
	return sum.Seconds()
}

// memory returns the current and the peak memory of a process in MiB, 0 if not available.
func memory(in *harness.Instance) (now, peak float64) {
	n, p, err := in.Memory()
	if err != nil {
		return 0, 0
	}
	return mib(n), mib(p)
}

// mib converts bytes to MiB.
func mib(bytes uint64) float64 { return float64(bytes) / (1 << 20) }
