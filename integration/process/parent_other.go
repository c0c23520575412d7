//go:build !linux

package process

import "syscall"

// diesWithParent exists on Linux only; elsewhere a killed test leaves its processes
// behind.
func diesWithParent() *syscall.SysProcAttr { return nil }
