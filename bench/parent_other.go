//go:build !linux

package main

import "syscall"

// diesWithParent is only to be had on Linux.
func diesWithParent() *syscall.SysProcAttr { return nil }
