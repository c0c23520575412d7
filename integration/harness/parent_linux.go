package harness

import "syscall"

// diesWithParent has the kernel kill an instance when the test's process ends,
// however it ends.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
