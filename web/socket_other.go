//go:build !linux

package web

import "net"

// forgetful makes the kernel drop a connection whose peer does not read, if the system supports
// that.
func forgetful(*net.TCPConn) {}
