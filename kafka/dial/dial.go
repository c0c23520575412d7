package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// connectTimeout is how long a connection may take to be established, name
	// resolution included.
	connectTimeout = 3 * time.Second
	// AnswerTimeout is how long the first answer may take once the first request
	// is on its way. It is the answer to ApiVersions, which brokers answer at once.
	AnswerTimeout = 3 * time.Second
	// HandshakeTimeout is how long a TLS handshake may take. A broker that has just started,
	// or that many clients come back to, takes seconds for it: so a silent one costs more
	// with TLS than without.
	HandshakeTimeout = 10 * time.Second
	// silenceMemory is how long a broker that stayed silent is skipped. It is short, since
	// the broker may be the only one and come back.
	silenceMemory = 3 * time.Second
)

// Dialer opens connections, and remembers for a moment which brokers stayed silent, so
// that the next client, or a retry, does not wait for them too.
// One serves all clients of a process. With a nil Dialer, clients connect by
// themselves. It is safe for concurrent use.
type Dialer struct {
	secure                             func() (*tls.Config, error) // nil without TLS
	connect, answer, forget, handshake time.Duration

	mu     sync.Mutex
	silent map[string]silence // by address
}

// silence is that of a broker.
type silence struct {
	err   *SilentError
	until time.Time // when to try the broker again
}

// New returns a Dialer. Where secure is not nil, connections use TLS: it is called for the
// configuration of each one. Without a name in it, a broker's certificate has to be for the host
// that is connected to.
func New(secure func() (*tls.Config, error)) *Dialer {
	d := newDialer(connectTimeout, AnswerTimeout, silenceMemory)
	d.secure = secure
	return d
}

func newDialer(connect, answer, forget time.Duration) *Dialer {
	return &Dialer{connect: connect, answer: answer, forget: forget, handshake: HandshakeTimeout, silent: make(map[string]silence)}
}

// Options have a franz-go client connect with this dialer.
func (d *Dialer) Options() []kgo.Opt {
	if d == nil {
		return nil
	}
	return []kgo.Opt{kgo.Dialer(d.DialContext)}
}

// Sarama has the clients of a configuration connect with this dialer. Sarama's own
// Net.DialTimeout is not used.
func (d *Dialer) Sarama(c *sarama.Config) {
	if d == nil {
		return
	}
	c.Net.Proxy.Enable = true
	c.Net.Proxy.Dialer = d
}

// Dial is DialContext without a context, for sarama.
func (d *Dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialContext connects to a broker. The error of one that stayed silent a moment ago
// is a [SilentError], at once.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if err := d.silence(address); err != nil {
		return nil, err
	}
	plain := net.Dialer{Timeout: d.connect}
	c, err := plain.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if d.secure != nil {
		if c, err = d.shakeHands(ctx, c, address); err != nil {
			return nil, err
		}
	}
	return &conn{Conn: c, dialer: d, address: address}, nil
}

// silence is the error of a broker that is to be skipped, nil for others.
func (d *Dialer) silence(address string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, known := d.silent[address]; known && time.Now().Before(s.until) {
		return s.err
	}
	delete(d.silent, address)
	return nil
}

// staysSilent remembers a broker that did not answer, and returns the error.
func (d *Dialer) staysSilent(address string, after time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := &SilentError{address, after}
	d.silent[address] = silence{err, time.Now().Add(d.forget)}
	return err
}

// conn bounds the time to the first answer. It is safe for concurrent use as any
// net.Conn is.
type conn struct {
	net.Conn
	dialer  *Dialer
	address string

	answered atomic.Bool

	mu    sync.Mutex
	until time.Time // when the first answer has to be there; zero before the first request
	asked time.Time // the read deadline that the client has set
}

// SilentError says that a broker has taken a connection and not answered. It is a
// timeout to callers that use net.Error.
type SilentError struct {
	Broker string
	After  time.Duration
}

func (e *SilentError) Error() string {
	return fmt.Sprintf("broker %s accepted the connection but did not answer within %s", e.Broker, e.After)
}

// Timeout implements net.Error.
func (e *SilentError) Timeout() bool { return true }

// Temporary implements net.Error.
func (e *SilentError) Temporary() bool { return true }

// Unwrap says what a read without an answer in time is.
func (e *SilentError) Unwrap() error { return os.ErrDeadlineExceeded }

// Write starts the clock.
func (c *conn) Write(b []byte) (int, error) {
	if !c.answered.Load() {
		c.mu.Lock()
		if c.until.IsZero() {
			c.until = time.Now().Add(c.dialer.answer)
			_ = c.setDeadline() // the write fails for the same reason
		}
		c.mu.Unlock()
	}
	return c.Conn.Write(b)
}

// Read stops the clock.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.answered.Load() {
		return n, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 {
		c.answered.Store(true)
		if reset := c.setDeadline(); err == nil {
			err = reset
		}
		return n, err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && !c.until.IsZero() && !time.Now().Before(c.until) {
		err = c.dialer.staysSilent(c.address, c.dialer.answer)
	}
	return n, err
}

// SetReadDeadline keeps the client's deadline, unless the first answer is due earlier.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = t
	return c.setDeadline()
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

// setDeadline sets the read deadline in force; the caller holds the lock.
func (c *conn) setDeadline() error {
	at := c.asked
	if !c.answered.Load() && !c.until.IsZero() && (at.IsZero() || c.until.Before(at)) {
		at = c.until
	}
	return c.Conn.SetReadDeadline(at)
}
