package kafkatest

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"pageheat/integration/process"
)

// stopWithin is how long a broker gets to end after SIGTERM. A clean stop takes
// one or two seconds; without a quorum of controllers it never ends.
const stopWithin = 90 * time.Second

// node is one broker of a real cluster: its command, and its process while there is one. Its
// methods are safe for concurrent use.
type node struct {
	index   int
	port    int      // where clients connect
	command []string // program and arguments
	log     string   // file that takes the process's output

	mu     sync.Mutex
	proc   *process.Process
	frozen bool
	spent  time.Duration // CPU time of earlier processes
}

// start starts the broker's process. It does not wait until the broker serves.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil && !n.proc.Ended() {
		return fmt.Errorf("kafkatest: starting broker %d: it is running already", n.index)
	}
	out, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("kafkatest: opening the log of broker %d: %w", n.index, err)
	}
	defer func() { _ = out.Close() }() // the child has its own descriptor
	cmd := exec.Command(n.command[0], n.command[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	p, err := process.Start(cmd)
	if err != nil {
		return fmt.Errorf("kafkatest: broker %d: %w", n.index, err)
	}
	n.proc, n.frozen = p, false
	return nil
}

// end sends the signal and waits until the process has exited. It is not an error if the process
// had already exited.
func (n *node) end(sig syscall.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil {
		return nil
	}
	if err := n.proc.Signal(sig); err != nil {
		return fmt.Errorf("kafkatest: broker %d: %w", n.index, err)
	}
	timeout := time.NewTimer(stopWithin)
	defer timeout.Stop()
	select {
	case <-n.proc.Done():
	case <-timeout.C:
		return fmt.Errorf("kafkatest: broker %d still runs %v after %v; Kill ends it", n.index, stopWithin, sig)
	}
	if spent, err := n.proc.CPU(); err == nil { // always known for a process that has exited
		n.spent += spent
	}
	n.proc, n.frozen = nil, false
	return nil
}

// freeze suspends or resumes the process.
func (n *node) freeze(on bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil || n.proc.Ended() {
		return fmt.Errorf("kafkatest: freezing or thawing broker %d: it is not running", n.index)
	}
	sig := syscall.SIGCONT
	if on {
		sig = syscall.SIGSTOP
	}
	if err := n.proc.Signal(sig); err != nil {
		return fmt.Errorf("kafkatest: broker %d: %w", n.index, err)
	}
	n.frozen = on
	if on {
		if err := awaitStop(n.proc.PID()); err != nil {
			return fmt.Errorf("kafkatest: freezing broker %d: %w", n.index, err)
		}
	}
	return nil
}

// state reports whether the broker should answer, and whether its process has exited on its own
// (died).
func (n *node) state() (serving, died bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil {
		return false, false
	}
	return !n.frozen, n.proc.Ended()
}

// pid returns the process ID, 0 without a process.
func (n *node) pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil || n.proc.Ended() {
		return 0
	}
	return n.proc.PID()
}

// cpu returns the CPU time of all processes of this broker so far.
func (n *node) cpu() (time.Duration, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil {
		return n.spent, nil
	}
	now, err := n.proc.CPU()
	if err != nil {
		return 0, fmt.Errorf("kafkatest: broker %d: %w", n.index, err)
	}
	return n.spent + now, nil
}
