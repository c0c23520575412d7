// Package process runs the programs that tests and benchmarks observe: brokers, instances of
// pageheat, and readers for comparison.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// Process is a running program. Its methods are safe for concurrent use.
type Process struct {
	cmd   *exec.Cmd
	began time.Time
	done  chan struct{}
}

// Start starts a command. Only the returned Process waits for it. The process ends with the
// caller's process, however that ends (on Linux).
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, done: make(chan struct{})}
	cmd.SysProcAttr = diesWithParent()
	started := make(chan error)
	go func() {
		// The signal of diesWithParent comes when the thread that started the process
		// ends, so this one is kept until the process has ended.
		runtime.LockOSThread()
		defer close(p.done)
		p.began = time.Now()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in ProcessState
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	return p, nil
}

// PID is the process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Began is the start time.
func (p *Process) Began() time.Time { return p.began }

// Done is closed when the process has ended and all its output has reached the command's
// writers.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// ExitCode is the exit code, -1 after a signal. It waits for the end.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends a signal. It is not an error if the process has ended.
func (p *Process) Signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("sending %v to process %d: %w", sig, p.PID(), err)
	}
	return nil
}

// Kill ends the process at once and waits for its end.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// Wait waits for the end and returns the exit code, -1 after a signal. If ctx ends first, it
// makes the process, a Go program, print its goroutines' stacks to standard error, and kills
// it.
func (p *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.done:
		return p.ExitCode(), nil
	case <-ctx.Done():
	}
	const stacksWithin = 5 * time.Second
	_ = p.Signal(syscall.SIGCONT)
	_ = p.Signal(syscall.SIGQUIT) // the Go runtime prints all stacks, and ends
	select {
	case <-p.done:
	case <-time.After(stacksWithin):
		_ = p.Kill()
	}
	return -1, fmt.Errorf("process %d did not end in time (its log has its stacks): %w", p.PID(), context.Cause(ctx))
}

// CPU is the CPU time, user and system, of the process until now, or until its end. While the
// process runs, this needs Linux.
func (p *Process) CPU() (time.Duration, error) {
	if p.Ended() {
		state := p.cmd.ProcessState
		return state.UserTime() + state.SystemTime(), nil
	}
	return CPU(p.PID())
}

// Memory is the memory of the running process; see [Memory].
func (p *Process) Memory() (now, peak uint64, err error) { return Memory(p.PID()) }

// CPU is the CPU time, user and system, of a running process. It needs Linux.
func CPU(pid int) (time.Duration, error) {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return 0, fmt.Errorf("reading the processor time of process %d: %w", pid, err)
	}
	stat, err := proc.Stat()
	if err != nil {
		return 0, fmt.Errorf("reading the processor time of process %d: %w", pid, err)
	}
	return time.Duration(stat.CPUTime() * float64(time.Second)), nil
}

// Memory is the current and peak resident memory of a running process in bytes. It needs Linux.
// (The kernel's ru_maxrss starts with the parent's value.)
func Memory(pid int) (now, peak uint64, err error) {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	status, err := proc.NewStatus()
	if err != nil {
		return 0, 0, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	return status.VmRSS, status.VmHWM, nil
}
