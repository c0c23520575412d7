package kafka

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"pageheat/failure"
	"pageheat/kafka/security"
)

// Settings say how the brokers are reached.
type Settings struct {
	// Brokers are the bootstrap brokers; see [Settings.Config].
	Brokers []string `placeholder:"HOST[:PORT]" help:"Bootstrap brokers; the default port is 9092."`
	// Rack is the rack of this process, as broker.rack names it.
	Rack string `placeholder:"NAME" help:"Rack of this process: replicas there are read instead of leaders, if brokers have broker.rack and replica.selector.class."`
	// ClientID begins the client.id of every connection; empty for the name of the process.
	ClientID string `name:"client-id" placeholder:"NAME" help:"Prefix of client IDs, which brokers use in logs and quotas. Default: --prefix."`
	// CompressionType is how records that are written are compressed.
	CompressionType Compression `placeholder:"CODEC" help:"Compression of records that are written: none, gzip, snappy, lz4 or zstd. Default: none for pageheat's own topics, snappy for the input."`
	// Security is how connections are secured.
	Security security.Settings `embed:""`
}

// DefaultSettings are for a Kafka on this machine.
func DefaultSettings() Settings { return Settings{Brokers: []string{"localhost:" + defaultPort}} }

// Config validates the settings of a process, whose connections have client IDs that begin with
// its name, process, unless ClientID is set. A broker is host, host:port, an IPv6 address alone, or
// in brackets with or without a port; blanks around it and empty ones are ignored. The logger gets a
// warning when a certificate or password cannot be reloaded later. The error is a
// [failure.Setting].
func (s Settings) Config(process string, logger *slog.Logger) (Config, error) {
	brokers, err := parseBrokers(s.Brokers)
	if err != nil {
		return Config{}, &failure.Setting{Name: "brokers", Err: err}
	}
	if err := s.CompressionType.validate(); err != nil {
		return Config{}, &failure.Setting{Name: "compression-type", Err: err}
	}
	secured, err := s.Security.Open(logger.With("component", "kafka"))
	if err != nil {
		return Config{}, err
	}
	return Config{Brokers: brokers, ClientID: cmp.Or(s.ClientID, process), Rack: s.Rack, Logger: logger,
		Compression: s.CompressionType, Security: secured}, nil
}

// DefaultMember is a dynamic member.
func DefaultMember() Member { return Member{SessionTimeout: 10 * time.Second} }

// Validate returns a [failure.Setting] of what is out of range.
func (m Member) Validate() error {
	if m.SessionTimeout < time.Second || m.SessionTimeout > 30*time.Minute {
		return failure.BadSetting("session-timeout", "%s: must be from 1s to 30m, within the broker's group.min.session.timeout.ms and group.max.session.timeout.ms", m.SessionTimeout)
	}
	return nil
}

// defaultPort is the port of a broker that is given without one.
const defaultPort = "9092"

// parseBrokers reads brokers, each once.
func parseBrokers(values []string) ([]string, error) {
	var brokers []string
	for _, value := range values {
		value = strings.TrimSpace(value)
		if value == "" {
			continue
		}
		broker, err := parseBroker(value)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", value, err)
		}
		if !slices.Contains(brokers, broker) {
			brokers = append(brokers, broker)
		}
	}
	if len(brokers) == 0 {
		return nil, errors.New("name at least one broker, host:port")
	}
	return brokers, nil
}

// parseBroker reads one broker and returns it as host:port.
func parseBroker(value string) (string, error) {
	if scheme, rest, found := strings.Cut(value, "://"); found {
		return "", fmt.Errorf("leave out %s://, give only %s", scheme, rest)
	}
	host, port := value, ""
	switch inner, bracketed := strings.CutPrefix(value, "["); {
	case bracketed:
		var closed bool
		host, port, closed = strings.Cut(inner, "]")
		if !closed || port != "" && port[0] != ':' {
			return "", errors.New("must be [address]:port")
		}
		port = strings.TrimPrefix(port, ":")
		if !isIPv6(host) {
			return "", errors.New("only an IPv6 address stands in brackets")
		}
	case isIPv6(value):
	default:
		host, port, _ = strings.Cut(value, ":")
		if strings.Contains(port, ":") {
			return "", errors.New("must be host:port; an IPv6 address with a port stands in brackets, [address]:port")
		}
	}
	if host == "" {
		return "", errors.New("the host is missing")
	}
	if i := strings.IndexFunc(host, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`/\@?#;"'`, r) }); i >= 0 {
		return "", fmt.Errorf("a host does not contain %q", host[i])
	}
	if port == "" {
		port = defaultPort
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("the port must be a number from 1 to 65535, but is %q", port)
	}
	return net.JoinHostPort(host, port), nil
}

// isIPv6 reports whether s is an IPv6 address, with or without a zone.
func isIPv6(s string) bool {
	address, err := netip.ParseAddr(s)
	return err == nil && address.Is6()
}
