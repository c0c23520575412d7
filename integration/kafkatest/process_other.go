//go:build !linux

package kafkatest

import "syscall"

// diesWithParent can be had on Linux only; elsewhere a killed test leaves its
// brokers behind.
func diesWithParent() *syscall.SysProcAttr { return nil }

// awaitStop is for Linux only; elsewhere a frozen broker may answer for a moment.
func awaitStop(int) error { return nil }
