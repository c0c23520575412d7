package kafkatest

import "syscall"

// diesWithParent has the kernel kill a broker when the process that started it
// ends, however it ends.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
