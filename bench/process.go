package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"pageheat/integration/kafkatest"
)

// stopWithin is how long a process gets to end after SIGTERM.
const stopWithin = 60 * time.Second

// process is a running program that is measured.
type process struct {
	cmd    *exec.Cmd
	began  time.Time
	log    *lines        // standard error
	stdout io.ReadCloser // to be read to its end
	stdin  io.WriteCloser
	done   chan struct{} // closed when it has ended
}

// start starts a program. It ends with bench, however that ends (on Linux).
func start(program string, env []string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), log: newLines(), done: make(chan struct{})}
	p.cmd.Env = append(kafkatest.Environment(), env...)
	p.cmd.Stderr = p.log
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	// Not StdoutPipe: Wait would close it before all is read.
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	p.stdout, p.cmd.Stdout = reader, writer
	p.cmd.SysProcAttr = diesWithParent()
	started := make(chan error)
	go func() {
		// The signal of diesWithParent comes when the thread that started the
		// process ends, so this one is kept until the process has ended.
		runtime.LockOSThread()
		defer close(p.done)
		p.began = time.Now()
		err := p.cmd.Start()
		_ = writer.Close() // the child has its own
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // how it ended is in ProcessState
		}
	}()
	if err := <-started; err != nil {
		_ = reader.Close()
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	return p, nil
}

// self starts a hidden command of bench as a process.
func self(env []string, args ...string) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("looking up the program of bench: %w", err)
	}
	return start(program, append(env, childEnv+"=1"), args...)
}

// childEnv tells the test binary that it is a process of bench.
const childEnv = "PAGEHEAT_TEST_BENCH_CHILD"

// cpu is the processor time that the process has used, user and system.
func (p *process) cpu() time.Duration { return cpuOf(p.cmd.Process.Pid) }

// cpuOf is the processor time of a process, 0 where it cannot be had.
func cpuOf(pid int) time.Duration {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return 0
	}
	stat, err := proc.Stat()
	if err != nil {
		return 0
	}
	return time.Duration(stat.CPUTime() * float64(time.Second))
}

// memory is what a process holds now and has held at most, in bytes.
type memory struct{ now, peak uint64 }

// memory is 0 where it cannot be had. (The kernel's ru_maxrss is no good: it
// begins with what the parent held.)
func (p *process) memory() memory { return memoryOf(p.cmd.Process.Pid) }

func memoryOf(pid int) memory {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return memory{}
	}
	status, err := proc.NewStatus()
	if err != nil {
		return memory{}
	}
	return memory{now: status.VmRSS, peak: status.VmHWM}
}

// signal sends a signal; a process that has ended is no error.
func (p *process) signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("sending %v to process %d: %w", sig, p.cmd.Process.Pid, err)
	}
	return nil
}

// stop has the process drain and end, and returns an error unless it ends with
// exit code 0.
func (p *process) stop() error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(stopWithin):
		p.kill()
		return fmt.Errorf("%s did not end within %v\n%s", p, stopWithin, p.log.tail())
	}
	return p.outcome()
}

// outcome is an error unless the process, which must have ended, did so with exit
// code 0.
func (p *process) outcome() error {
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with exit code %d\n%s", p, code, p.log.tail())
	}
	return nil
}

// kill ends the process at once, if it still runs.
func (p *process) kill() {
	_ = p.signal(syscall.SIGKILL)
	<-p.done
	_ = p.stdout.Close()
}

// output waits for the end of the process and returns what it wrote to its
// standard output. When ctx ends first, the process is killed.
func (p *process) output(ctx context.Context) ([]byte, error) {
	defer context.AfterFunc(ctx, func() { _ = p.signal(syscall.SIGKILL) })()
	text, err := io.ReadAll(p.stdout)
	if err != nil {
		return nil, fmt.Errorf("reading what %s writes: %w", p, err)
	}
	<-p.done
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w\n%s", p, context.Cause(ctx), p.log.tail())
	}
	return text, p.outcome()
}

func (p *process) String() string {
	command := ""
	if len(p.cmd.Args) > 1 {
		command = " " + p.cmd.Args[1]
	}
	return fmt.Sprintf("process %d (%s%s)", p.cmd.Process.Pid, p.cmd.Path, command)
}

// command runs a program to its end and returns its exit code and all that it
// wrote.
func command(ctx context.Context, env []string, program string, args ...string) (int, string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(kafkatest.Environment(), env...)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && ctx.Err() == nil:
		return exit.ExitCode(), string(text), nil
	case err != nil:
		return -1, string(text), fmt.Errorf("running %s %s: %w\n%s", program, args[0], err, text)
	}
	return 0, string(text), nil
}

// lines are what a process has written to its standard error.
type lines struct {
	mu      sync.Mutex
	part    []byte
	all     []string
	changed chan struct{}
}

func newLines() *lines { return &lines{changed: make(chan struct{})} }

// Write implements io.Writer; it never fails.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, b...)
	for {
		line, rest, whole := bytes.Cut(l.part, []byte{'\n'})
		if !whole {
			return len(b), nil
		}
		l.all = append(l.all, string(line))
		l.part = append([]byte(nil), rest...)
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

// wait waits until so many lines hold the text.
func (l *lines) wait(ctx context.Context, text string, count int) error {
	for {
		l.mu.Lock()
		found, changed := 0, l.changed
		for _, line := range l.all {
			if strings.Contains(line, text) {
				found++
			}
		}
		l.mu.Unlock()
		if found >= count {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d lines with %q: %w after %d\n%s", count, text, context.Cause(ctx), found, l.tail())
		}
	}
}

// lines are all that are whole.
func (l *lines) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.all)
}

// tail is the end of the log, for somebody who looks for what went wrong.
func (l *lines) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	const most = 40
	return strings.Join(append(l.all[max(0, len(l.all)-most):len(l.all):len(l.all)], string(l.part)), "\n")
}
