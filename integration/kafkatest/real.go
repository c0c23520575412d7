package kafkatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

var errPortTaken = errors.New("another program has taken the port since it was chosen")

// clusterID is the ID of all clusters of this package: 16 bytes in Kafka's base64.
const clusterID = "cGFnZWhlYXQta2Fma2F0QQ"

// startReal lays out, formats and starts the brokers of a real cluster.
func startReal(ctx context.Context, cfg Config) (c *Cluster, err error) {
	java, err := javaProgram()
	if err != nil {
		return nil, err
	}
	jars, err := Jars(ctx)
	if err != nil {
		return nil, err
	}
	c = &Cluster{}
	dir := cfg.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "pageheat-kafka-"); err != nil {
			return nil, fmt.Errorf("kafkatest: making a directory for the brokers' data: %w", err)
		}
		c.scratch = dir
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
			c = nil
		}
	}()
	var security []Listener
	if len(cfg.Security) > 0 {
		if security, err = c.secure(ctx, cfg); err != nil {
			return c, err
		}
		cfg.Listeners = append(slices.Clone(cfg.Listeners), security...)
	}
	// A broker's ports: its own, the controller's, two for a proxy, one for anonymous clients,
	// and those of further listeners.
	const fixed = 5
	ports, err := freePorts((fixed + len(cfg.Listeners)) * cfg.Brokers)
	if err != nil {
		return c, err
	}
	address := func(kind, broker int) string { return loopback(ports[kind*cfg.Brokers+broker]) }
	c.further = make(map[string][]string)
	for i := range cfg.Brokers {
		if cfg.Proxies {
			c.routes = append(c.routes, Route{Listen: address(2, i), Upstream: address(3, i)})
			c.proxied = proxied(security)
		}
		if cfg.Rights {
			c.guarded = append(c.guarded, address(4, i))
			c.login = []kgo.Opt{kgo.SASL(superUser().AsMechanism())}
		}
		for k, l := range cfg.Listeners {
			c.further[l.Name] = append(c.further[l.Name], address(fixed+k, i))
		}
	}
	c.security = slices.Clone(cfg.Security)
	jvm := append([]string{java}, cfg.jvmFlags()...)
	jvm = append(jvm, "-cp", filepath.Join(jars, "*"))
	for i := range cfg.Brokers {
		n, err := c.layOut(dir, i, ports, cfg)
		if err != nil {
			return c, err
		}
		if err := format(ctx, n, jvm, propertiesFile(dir, i)); err != nil {
			return c, err
		}
		n.command = append(slices.Clone(jvm), "kafka.Kafka", propertiesFile(dir, i))
		c.nodes = append(c.nodes, n)
		c.brokers = append(c.brokers, loopback(n.port))
	}
	for _, n := range c.nodes {
		if err := n.start(); err != nil {
			return c, err
		}
	}
	return c, c.WaitReady(ctx)
}

func propertiesFile(dir string, i int) string {
	return filepath.Join(dir, fmt.Sprintf("broker-%d.properties", i))
}

// layOut writes the server.properties of broker i. ports begins with the ports of the brokers,
// followed by those of the controllers.
func (c *Cluster) layOut(dir string, i int, ports []int, cfg Config) (*node, error) {
	voters := make([]string, cfg.Brokers)
	for k := range voters {
		voters[k] = fmt.Sprintf("%d@%s", k, loopback(ports[cfg.Brokers+k]))
	}
	p := cfg.properties()
	p["node.id"] = strconv.Itoa(i)
	p["broker.rack"] = fmt.Sprintf("rack-%d", i)
	p["listeners"] = "BROKER://" + loopback(ports[i]) + ",CONTROLLER://" + loopback(ports[cfg.Brokers+i])
	p["advertised.listeners"] = "BROKER://" + loopback(ports[i])
	if len(c.guarded) > 0 {
		maps.Copy(p, rightsProperties())
		p["listeners"] += ",GUARDED://" + c.guarded[i]
		p["advertised.listeners"] += ",GUARDED://" + c.guarded[i]
	}
	if len(c.routes) > 0 {
		c.proxied.add(p, c.routes[i].Upstream, c.routes[i].Listen)
	}
	for _, l := range cfg.Listeners {
		l.add(p, c.further[l.Name][i], c.further[l.Name][i])
	}
	p["controller.quorum.voters"] = strings.Join(voters, ",")
	p["log.dirs"] = filepath.ToSlash(filepath.Join(dir, fmt.Sprintf("broker-%d", i)))

	var text bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&text, "%s=%s\n", name, p[name])
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("kafkatest: making a directory for broker %d: %w", i, err)
	}
	if err := os.WriteFile(propertiesFile(dir, i), text.Bytes(), 0o600); err != nil {
		return nil, fmt.Errorf("kafkatest: writing the settings of broker %d: %w", i, err)
	}
	return &node{index: i, port: ports[i], log: filepath.Join(dir, fmt.Sprintf("broker-%d.log", i))}, nil
}

// format prepares the data directory of a broker if it has none.
func format(ctx context.Context, n *node, jvm []string, properties string) error {
	args := append(slices.Clone(jvm[1:]), "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
		"kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", clusterID, "-c", properties)
	cmd := exec.CommandContext(ctx, jvm[0], args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kafkatest: formatting the data directory of broker %d (it needs Java 17 or later): %w\n%s", n.index, err, out)
	}
	return nil
}

// javaProgram returns the java of JAVA_HOME, or the one on the path.
func javaProgram() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java := filepath.Join(home, "bin", "java")
		if _, err := os.Stat(java); err == nil {
			return java, nil
		}
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return "", fmt.Errorf("kafkatest: Apache Kafka needs Java 17 or later: %w", err)
	}
	return java, nil
}

// lastWords returns the last lines of a broker's log.
func (n *node) lastWords() string {
	text, err := os.ReadFile(n.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-30):], []byte("\n")))
}
