package kafka

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// probeTimeout bounds each connection of mismatch.
const probeTimeout = 3 * time.Second

// mismatch asks the bootstrap brokers whether they use TLS and SASL as this process does. If they
// do not, brokers only close the connection, as a proxy does if its broker is down. It returns a
// hint for the first broker that differs.
func (c *Cluster) mismatch(ctx context.Context) string {
	for _, broker := range c.config.Brokers {
		if hint := c.mismatchOf(ctx, broker); hint != "" {
			return hint
		}
	}
	return ""
}

func (c *Cluster) mismatchOf(ctx context.Context, broker string) string {
	var mechanisms []string
	ask := func(connection net.Conn) (err error) {
		mechanisms, err = saslMechanisms(connection)
		return err
	}
	secured := c.config.Security.TLS() != nil
	switch {
	case probe(ctx, c.dialer.DialContext, broker, ask) == nil:
		if len(mechanisms) > 0 && c.config.Security.Mechanism() == "" {
			return fmt.Sprintf("broker %s requires authentication: set --sasl-mechanism to one of %s", broker, strings.Join(mechanisms, ", "))
		}
	case secured && probe(ctx, plain, broker, ask) == nil:
		return removeTLS(broker)
	case !secured && probe(ctx, plain, broker, speaksTLS(ctx, broker)) == nil:
		return fmt.Sprintf("broker %s uses TLS at this port: add --tls", broker)
	}
	return ""
}

// removeTLS is the hint for a broker without TLS.
func removeTLS(broker string) string {
	return fmt.Sprintf("broker %s does not use TLS at this port: remove --tls, or use the port with TLS", broker)
}

// plain connects without TLS.
func plain(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{Timeout: probeTimeout}).DialContext(ctx, network, address)
}

// answers asks a broker for anything.
func answers(connection net.Conn) error {
	_, err := saslMechanisms(connection)
	return err
}

// probe asks a broker something over a connection of its own.
func probe(ctx context.Context, dial func(ctx context.Context, network, address string) (net.Conn, error), broker string, ask func(net.Conn) error) error {
	connection, err := dial(ctx, "tcp", broker)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }() // nothing was sent that could get lost
	defer context.AfterFunc(ctx, func() { _ = connection.Close() })()
	if err := connection.SetDeadline(time.Now().Add(probeTimeout)); err != nil {
		return err
	}
	return ask(connection)
}

// speaksTLS returns nil for a broker that answers a TLS handshake, whatever its certificate.
func speaksTLS(ctx context.Context, broker string) func(net.Conn) error {
	return func(connection net.Conn) error {
		host, _, err := net.SplitHostPort(broker)
		if err != nil {
			return err
		}
		err = tls.Client(connection, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}).HandshakeContext(ctx)
		if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
			return nil
		}
		if remote, ok := errors.AsType[*net.OpError](err); ok && remote.Op == "remote error" { // an alert
			return nil
		}
		return err
	}
}

// saslMechanisms asks a broker which SASL mechanisms it supports: none if it does not use SASL.
func saslMechanisms(connection net.Conn) ([]string, error) {
	request := kmsg.NewPtrSASLHandshakeRequest()
	request.Version = 1
	if _, err := connection.Write(kmsg.NewRequestFormatter().AppendRequest(nil, request, 1)); err != nil {
		return nil, err
	}
	const most = 1 << 16 // bytes of an answer
	var size uint32
	if err := binary.Read(connection, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	if size < 4 || size > most {
		return nil, fmt.Errorf("an answer of %d bytes", size)
	}
	answer := make([]byte, size)
	if _, err := io.ReadFull(connection, answer); err != nil {
		return nil, err
	}
	response := kmsg.NewPtrSASLHandshakeResponse()
	response.Version = request.Version
	if err := response.ReadFrom(answer[4:]); err != nil { // after the correlation id
		return nil, err
	}
	if response.ErrorCode == kerr.IllegalSaslState.Code {
		return nil, nil
	}
	return response.SupportedMechanisms, nil
}
