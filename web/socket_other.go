//go:build !linux

package web

import "net"

// forgetful has the kernel give up a connection whose other end takes nothing, where
// that is possible.
func forgetful(*net.TCPConn) {}
