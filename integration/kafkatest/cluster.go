package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrNoProcess is what the methods that act on a broker's process return where
// there is none: embedded and external clusters.
var ErrNoProcess = errors.New("kafkatest: the brokers of this cluster are no processes of ours")

// Cluster is one or more brokers that answer on loopback addresses, or wherever
// an external cluster is. Its methods may be called concurrently.
type Cluster struct {
	brokers []string
	fake    *kfake.Cluster
	nodes   []*node
	routes  []Route
	guarded []string  // where anonymous clients connect, by broker
	login   []kgo.Opt // of the tests' own clients
	scratch string    // directory to remove at the end, if any
}

// Route is the way from a client through a proxy to a broker.
type Route struct {
	// Listen is where the proxy has to listen, host:port: it is what the broker
	// tells the clients that come this way as its own address.
	Listen string
	// Upstream is where the broker listens for what comes through the proxy.
	Upstream string
}

// Start brings up a cluster and returns when every broker serves and the group
// and transaction coordinators answer. Close must be called at the end; ctx only
// bounds the start.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	switch {
	case len(cfg.External) > 0:
		c := &Cluster{brokers: slices.Clone(cfg.External)}
		if err := c.WaitReady(ctx); err != nil {
			return nil, err
		}
		return c, nil
	case cfg.Embedded:
		return startEmbedded(cfg)
	}
	// A port that was free when it was chosen may have been taken since.
	const tries = 3
	for try := 1; ; try++ {
		c, err := startReal(ctx, cfg)
		if err == nil || try == tries || !errors.Is(err, errPortTaken) {
			return c, err
		}
	}
}

func startEmbedded(cfg Config) (*Cluster, error) {
	opts := []kfake.Opt{
		kfake.NumBrokers(cfg.Brokers),
		kfake.BrokerConfigs(cfg.embeddedProperties()),
	}
	if cfg.Dir != "" {
		opts = append(opts, kfake.DataDir(cfg.Dir))
	}
	if cfg.Rights {
		u := superUser()
		opts = append(opts, kfake.EnableACLs(), kfake.Superuser("PLAIN", u.User, u.Pass))
	}
	fake, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("kafkatest: starting the embedded broker: %w", err)
	}
	c := &Cluster{fake: fake, brokers: fake.ListenAddrs()}
	if cfg.Rights { // whoever does not log in is anonymous
		c.guarded, c.login = c.brokers, []kgo.Opt{kgo.SASL(superUser().AsMechanism())}
	}
	return c, nil
}

// Brokers are the addresses that clients begin with, each host:port.
func (c *Cluster) Brokers() []string { return slices.Clone(c.brokers) }

// Bootstrap is Brokers as one comma-separated string, as in --brokers.
func (c *Cluster) Bootstrap() string { return strings.Join(c.brokers, ",") }

// Connect are the options of a client of the cluster: where it is, and who the client is.
func (c *Cluster) Connect() []kgo.Opt {
	return append([]kgo.Opt{kgo.SeedBrokers(c.brokers...)}, c.login...)
}

// Routes are the ways through proxies, by broker; nil without WithProxies. Nothing
// listens at their beginnings until the test starts its proxies there. A client
// that begins with one of them comes to all brokers through proxies, while
// Brokers lead past them.
func (c *Cluster) Routes() []Route { return slices.Clone(c.routes) }

// Fake is the embedded broker, through which a test can inject faults, compact
// topics and see into groups. It is nil for a real or external cluster.
func (c *Cluster) Fake() *kfake.Cluster { return c.fake }

// Close ends every broker at once and removes what Start has made in the
// temporary directory. It may be called again.
func (c *Cluster) Close() error {
	if c.fake != nil {
		c.fake.Close()
	}
	// A clean stop would need a quorum of controllers until the last of them.
	var errs []error
	for i := range c.nodes {
		errs = append(errs, c.Kill(i))
	}
	if c.scratch != "" {
		if err := os.RemoveAll(c.scratch); err != nil {
			errs = append(errs, fmt.Errorf("kafkatest: removing the brokers' data: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Kill ends broker i at once (SIGKILL) and returns when its process has ended.
func (c *Cluster) Kill(i int) error {
	n, err := c.node(i)
	if err != nil {
		return err
	}
	return n.end(syscall.SIGKILL)
}

// Stop has broker i hand over its partitions and end (SIGTERM), and returns when
// its process has ended; an error if it takes more than half a minute, as it
// does without a majority of controllers.
func (c *Cluster) Stop(i int) error {
	n, err := c.node(i)
	if err != nil {
		return err
	}
	return n.end(syscall.SIGTERM)
}

// Start starts broker i again, with its data and at its old address. It does not
// wait until it serves: WaitReady does.
func (c *Cluster) Start(i int) error {
	n, err := c.node(i)
	if err != nil {
		return err
	}
	return n.start()
}

// Freeze stops broker i where it stands (SIGSTOP) and returns when it does nothing
// more: its connections stay open and get no answer.
func (c *Cluster) Freeze(i int) error {
	n, err := c.node(i)
	if err != nil {
		return err
	}
	return n.freeze(true)
}

// Thaw lets a frozen broker go on (SIGCONT).
func (c *Cluster) Thaw(i int) error {
	n, err := c.node(i)
	if err != nil {
		return err
	}
	return n.freeze(false)
}

// PID is the process id of broker i, an error if it has none now.
func (c *Cluster) PID(i int) (int, error) {
	n, err := c.node(i)
	if err != nil {
		return 0, err
	}
	pid := n.pid()
	if pid == 0 {
		return 0, fmt.Errorf("kafkatest: broker %d is not running", i)
	}
	return pid, nil
}

// CPU is the processor time, user and system, that all brokers have used since
// Start, those ended since among them. It needs Linux.
func (c *Cluster) CPU() (time.Duration, error) {
	if len(c.nodes) == 0 {
		return 0, ErrNoProcess
	}
	var sum time.Duration
	for _, n := range c.nodes {
		d, err := n.cpu()
		if err != nil {
			return 0, err
		}
		sum += d
	}
	return sum, nil
}

func (c *Cluster) node(i int) (*node, error) {
	if len(c.nodes) == 0 {
		return nil, ErrNoProcess
	}
	if i < 0 || i >= len(c.nodes) {
		return nil, fmt.Errorf("kafkatest: no broker %d in a cluster of %d", i, len(c.nodes))
	}
	return c.nodes[i], nil
}
