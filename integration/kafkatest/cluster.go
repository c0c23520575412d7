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

// ErrNoProcess is returned by methods that act on a broker's process if there is none: in
// embedded and external clusters.
var ErrNoProcess = errors.New("kafkatest: the brokers of this cluster are no processes of ours")

// Cluster is one or more brokers on loopback addresses, or an external cluster. Its methods are
// safe for concurrent use.
type Cluster struct {
	brokers []string
	fake    *kfake.Cluster
	nodes   []*node
	routes  []Route
	proxied Listener            // before the proxies
	further map[string][]string // addresses by listener
	guarded []string            // where anonymous clients connect, by broker
	login   []kgo.Opt           // of the tests' own clients

	security []Security
	secured  *secured // nil without

	scratch string // directory to remove at the end, if any
}

// Route is the path from a client through a proxy to a broker.
type Route struct {
	// Listen is the address for the proxy, host:port. The broker advertises it to clients that
	// connect through the proxy.
	Listen string
	// Upstream is the broker's address for the proxy.
	Upstream string
}

// Start starts a cluster and returns when every broker serves and the coordinators of groups
// and transactions answer. The caller calls Close. ctx only limits the start.
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
	if len(cfg.Security) > 0 {
		opts = append(opts, kfake.EnableSASL())
	}
	fake, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("kafkatest: starting the embedded broker: %w", err)
	}
	WithoutTelemetry(fake)
	c := &Cluster{fake: fake, brokers: fake.ListenAddrs()}
	switch {
	case len(cfg.Security) > 0:
		c.login = []kgo.Opt{kgo.SASL(superUser().AsMechanism())}
		if err := c.secureEmbedded(); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	case cfg.Rights: // whoever does not log in is anonymous
		c.guarded, c.login = c.brokers, []kgo.Opt{kgo.SASL(superUser().AsMechanism())}
	}
	return c, nil
}

// Brokers are the bootstrap addresses, each host:port.
func (c *Cluster) Brokers() []string { return slices.Clone(c.brokers) }

// Bootstrap is Brokers as one comma-separated string, as in --brokers.
func (c *Cluster) Bootstrap() string { return strings.Join(c.brokers, ",") }

// Connect returns the options for a client of the cluster: addresses and credentials.
func (c *Cluster) Connect() []kgo.Opt {
	return append([]kgo.Opt{kgo.SeedBrokers(c.brokers...)}, c.login...)
}

// Routes are the paths through proxies, by broker; nil without Config.Proxies. The test starts its
// proxies at their Listen addresses. A client that bootstraps from one of them reaches all
// brokers through proxies, while Brokers bypass them.
func (c *Cluster) Routes() []Route { return slices.Clone(c.routes) }

// Fake is the embedded broker. Tests can use it to inject faults, compact topics and inspect
// groups. It is nil for a real or external cluster.
func (c *Cluster) Fake() *kfake.Cluster { return c.fake }

// Close ends every broker at once and removes what Start created in the temporary directory. It
// may be called again.
func (c *Cluster) Close() error {
	if c.fake != nil {
		c.fake.Close()
	}
	// A clean stop would need a quorum of controllers until the last one.
	var errs []error
	for i := range c.nodes {
		errs = append(errs, c.Kill(i))
	}
	if c.secured != nil {
		errs = append(errs, c.secured.close())
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

// Stop makes broker i hand over its partitions and end (SIGTERM), and returns when its process
// has ended. It returns an error after a minute and a half, as happens without a majority of
// controllers.
func (c *Cluster) Stop(i int) error {
	n, err := c.node(i)
	if err != nil {
		return err
	}
	return n.end(syscall.SIGTERM)
}

// Start restarts broker i, with its data and address. It does not wait until it serves; see
// WaitReady.
func (c *Cluster) Start(i int) error {
	n, err := c.node(i)
	if err != nil {
		return err
	}
	return n.start()
}

// Freeze suspends broker i (SIGSTOP) and returns when it is suspended: its connections stay
// open but do not respond.
func (c *Cluster) Freeze(i int) error {
	n, err := c.node(i)
	if err != nil {
		return err
	}
	return n.freeze(true)
}

// Thaw resumes a frozen broker (SIGCONT).
func (c *Cluster) Thaw(i int) error {
	n, err := c.node(i)
	if err != nil {
		return err
	}
	return n.freeze(false)
}

// PID is the process ID of broker i. It returns an error if there is no process.
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

// CPU is the CPU time, user and system, of all brokers since Start, including those that have
// ended. It needs Linux.
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
