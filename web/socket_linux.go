package web

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// unacknowledged is how long the kernel keeps what a client does not take, also once
// we have closed the connection.
const unacknowledged = 20 * time.Second

// forgetful has the kernel give up a connection whose other end takes nothing.
func forgetful(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return // it is closed
	}
	_ = raw.Control(func(fd uintptr) {
		// The connection works without it, too.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledged.Milliseconds()))
	})
}
