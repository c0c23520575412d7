package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// HandshakeError says that a connection to a broker could not be secured.
type HandshakeError struct {
	// Broker is its address.
	Broker string
	err    error
}

// Error names the broker.
func (e *HandshakeError) Error() string {
	return fmt.Sprintf("TLS handshake with broker %s: %v", e.Broker, e.err)
}

// Unwrap is what went wrong.
func (e *HandshakeError) Unwrap() error { return e.err }

// Timeout is false: a broker that stayed silent has a [SilentError].
func (e *HandshakeError) Timeout() bool { return false }

// Temporary has clients try again: certificates are renewed on both sides.
func (e *HandshakeError) Temporary() bool { return true }

// shakeHands secures a connection, which it closes where that fails.
func (d *Dialer) shakeHands(ctx context.Context, c net.Conn, address string) (net.Conn, error) {
	config, err := d.secure()
	if err != nil {
		_ = c.Close() // the error that matters is the other one
		return nil, &HandshakeError{address, err}
	}
	if config.ServerName == "" {
		config = config.Clone()
		if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
			config.ServerName = address
		}
	}
	within, cancel := context.WithTimeout(ctx, d.handshake)
	defer cancel()
	secured := tls.Client(c, config)
	if err := secured.HandshakeContext(within); err != nil {
		_ = c.Close() // as above
		if errors.Is(within.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
			return nil, d.staysSilent(address, d.handshake)
		}
		return nil, &HandshakeError{address, err}
	}
	return secured, nil
}
