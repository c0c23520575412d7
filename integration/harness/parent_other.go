//go:build !linux

package harness

import "syscall"

// diesWithParent can be had on Linux only; elsewhere a killed test leaves its
// instances behind.
func diesWithParent() *syscall.SysProcAttr { return nil }
