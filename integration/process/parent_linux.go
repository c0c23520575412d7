package process

import "syscall"

// diesWithParent has the kernel kill a process when the one that started it ends,
// however it ends.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
