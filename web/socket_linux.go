package web

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// unacknowledged is how long the kernel keeps unacknowledged data, even after we have closed
// the connection.
const unacknowledged = 20 * time.Second

// forgetful makes the kernel drop a connection whose peer does not read.
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
