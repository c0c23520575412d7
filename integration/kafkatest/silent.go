package kafkatest

import (
	"io"
	"net"
	"testing"
)

// Listen takes connections until the test ends and hands each to serve, in a goroutine of
// its own. It returns the address, host:port: of a broker that does what a test needs, for
// one.
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

// Silent is what a broker does, for Listen, that takes connections and never answers.
func Silent(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
