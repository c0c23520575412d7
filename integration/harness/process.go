package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"pageheat/integration/kafkatest"
)

// stopWithin is how long a process gets to end after SIGTERM.
const stopWithin = 40 * time.Second

// process is one run of the program.
type process struct {
	cmd    *exec.Cmd
	log    *Log
	stdout bytes.Buffer  // to be read when done is closed
	done   chan struct{} // closed when the process has ended
}

// startProcess starts the program.
func startProcess(program string, env, args []string, stdin []byte) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), log: newLog(), done: make(chan struct{})}
	p.cmd.Env = append(kafkatest.Environment(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, p.log
	if stdin != nil {
		p.cmd.Stdin = bytes.NewReader(stdin)
	}
	p.cmd.SysProcAttr = diesWithParent()
	started := make(chan error)
	go func() {
		// The signal of diesWithParent comes when the thread that started the
		// process ends, so this one is kept until the process has ended.
		runtime.LockOSThread()
		defer close(p.done)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // how it ended is in ProcessState
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	return p, nil
}

// signal sends a signal; a process that has ended is no error.
func (p *process) signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("sending %v to process %d: %w", sig, p.cmd.Process.Pid, err)
	}
	return nil
}

// ended reports whether the process has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// wait waits for the end and returns the exit code, -1 after a signal. When ctx
// ends first, the process is made to write down what its goroutines do, and is
// killed.
func (p *process) wait(ctx context.Context) (int, error) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
	}
	const stacksWithin = 5 * time.Second
	_ = p.signal(syscall.SIGCONT)
	_ = p.signal(syscall.SIGQUIT) // the Go runtime prints all stacks, and ends
	select {
	case <-p.done:
	case <-time.After(stacksWithin):
		_ = p.signal(syscall.SIGKILL)
		<-p.done
	}
	return -1, fmt.Errorf("process %d did not end in time (its log has its stacks): %w", p.cmd.Process.Pid, ctx.Err())
}

// kill ends the process at once.
func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}
