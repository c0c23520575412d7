package kafkatest

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// awaitStop waits until all threads of a child have stopped, or until it has exited: threads run
// for a moment after the signal is sent. The child remains waitable.
func awaitStop(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return fmt.Errorf("waiting until process %d has stopped: %w", pid, err)
		}
	}
}
