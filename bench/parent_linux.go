package main

import "syscall"

// diesWithParent has the kernel kill a process when bench ends, however it ends.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
