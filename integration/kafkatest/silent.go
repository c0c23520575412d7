package kafkatest

import (
	"io"
	"net"
	"testing"
)

// Listen accepts connections until the test ends, and calls serve for each in its own goroutine. It
// returns the address, host:port. A test can use it as a broker that misbehaves.
func Listen(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", loopback(0))
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			go serve(c)
		}
	}()
	return l.Addr().String()
}

// Silent is for Listen: a broker that accepts connections and never answers.
func Silent(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
