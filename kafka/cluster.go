package kafka

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/kafka/dial"
	"pageheat/kafka/security"
)

// Config has the brokers of a process and how it connects to them.
type Config struct {
	// Brokers are the bootstrap brokers, host:port.
	Brokers []string
	// ClientID begins the client.id of every connection.
	ClientID string
	// Rack is where this process is: replicas in the same rack are read, if leaders name one.
	// Empty: leaders are read.
	Rack string
	// Logger gets what franz-go's clients log, at the debug level; nil discards it.
	Logger *slog.Logger
	// Compression is that of records that are written.
	Compression Compression
	// Security is how connections are secured; nil means that they are not.
	Security *security.Security
}

// Cluster opens the clients of one process. It is safe for concurrent use.
type Cluster struct {
	config Config
	dialer *dial.Dialer // of all clients: one that meets a silent broker tells the others

	leaders leaders // of partitions that were asked for lately

	opening sync.Mutex
	client  *kgo.Client // for look-ups, nil before the first one
	closed  bool
}

// New returns a Cluster; nothing is connected yet.
func New(c Config) *Cluster {
	c.Brokers = slices.Clone(c.Brokers)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Cluster{config: c, dialer: dial.New(c.Security.TLS())}
}

// Close ends the connections of the look-ups: nothing can be looked up afterwards. Clients
// that it opened are closed by their callers.
func (c *Cluster) Close() {
	c.opening.Lock()
	defer c.opening.Unlock()
	c.closed = true
	if c.client != nil {
		c.client.Close()
		c.client = nil
	}
}

// shared is the client of all look-ups.
func (c *Cluster) shared() (*kgo.Client, error) {
	c.opening.Lock()
	defer c.opening.Unlock()
	if c.closed {
		return nil, kgo.ErrClientClosed
	}
	if c.client == nil {
		var err error
		if c.client, err = c.Client("lookup", kgo.RetryTimeout(patience)); err != nil {
			return nil, err
		}
	}
	return c.client, nil
}

// Brokers are the bootstrap brokers, host:port. They must not be changed.
func (c *Cluster) Brokers() []string { return c.config.Brokers }

// Rack is the rack of this process, empty if it has none.
func (c *Cluster) Rack() string { return c.config.Rack }

// Exposed warns of what is sent to the brokers without encryption that should not be; it is
// empty if nothing is.
func (c *Cluster) Exposed() string { return c.config.Security.Exposed() }

// clientID is the client.id for a purpose; an empty one stands for the process.
func (c *Cluster) clientID(purpose string) string {
	if purpose == "" {
		return c.config.ClientID
	}
	return c.config.ClientID + "-" + purpose
}

// metadataMinAge is the minimum age of a franz-go client's metadata before it is refreshed
// on demand.
const metadataMinAge = 250 * time.Millisecond

// Client opens a client of franz-go for a purpose, which its client.id names. Options
// come after the common ones, and so override them. Nothing is connected before the first
// request. The caller closes it.
func (c *Cluster) Client(purpose string, options ...kgo.Opt) (*kgo.Client, error) {
	common := append(c.config.Security.Franz(),
		kgo.SeedBrokers(c.config.Brokers...),
		kgo.ClientID(c.clientID(purpose)),
		kgo.Rack(c.config.Rack),
		kgo.WithLogger(newFranzLog(c.config.Logger, c.clientID(purpose))),
		kgo.Dialer(c.dialer.DialContext),
		// A proxy in front of a broker that is down closes connections at once; other
		// brokers answer instead.
		kgo.AlwaysRetryEOF(),
		kgo.MetadataMinAge(metadataMinAge),
	)
	client, err := kgo.NewClient(append(common, options...)...)
	if err != nil {
		return nil, fmt.Errorf("making a client of %v: %w", c.config.Brokers, err)
	}
	return client, nil
}

// saramaConfig is what all clients of sarama have in common. Each needs a configuration of its
// own: goka and sarama write to it.
func (c *Cluster) saramaConfig(purpose string) *sarama.Config {
	config := sarama.NewConfig()
	config.ClientID = c.clientID(purpose)
	config.RackID = c.config.Rack
	config.Version = sarama.V3_6_0_0
	// Only "pageheat topics create" creates a missing topic: brokers would use their own
	// defaults.
	config.Metadata.AllowAutoTopicCreation = false
	config.Metadata.Retry.Max = 5
	config.Metadata.Retry.Backoff = 200 * time.Millisecond
	config.MetricRegistry = unmeasured{config.MetricRegistry}
	c.dialer.Sarama(config)
	c.config.Security.Sarama(config)
	return config
}

func (c *Cluster) saramaClient(config *sarama.Config) (sarama.Client, error) {
	client, err := sarama.NewClient(c.config.Brokers, config)
	if err != nil {
		return nil, Explain(fmt.Errorf("connecting to %v: %w", c.config.Brokers, err))
	}
	return client, nil
}
