package kafkatest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Config is the kind of cluster that Start starts. The zero value is one real broker with settings
// for tests.
type Config struct {
	// Embedded asks for kfake in this process instead of Apache Kafka.
	Embedded bool
	// External are the addresses of a running cluster. It is used as it is: nothing is started,
	// and Close does not stop it.
	External []string

	// Brokers is the number of brokers, from 1 to 9; 0 means 1. A broker's index in the methods
	// of Cluster is also its node ID.
	Brokers int
	// MinInSync is the default min.insync.replicas of topics, including internal ones; 0 means 2
	// with three or more brokers, otherwise 1.
	MinInSync int
	// Properties are broker settings by their Kafka names. They override those of this package.
	// kfake refuses unknown ones.
	Properties map[string]string

	// Dir is the directory of the brokers' data and logs. It is created if missing; the data of an
	// earlier cluster of the same size is used again. Empty: a temporary directory that Close
	// removes (embedded: memory).
	Dir string
	// HeapMiB is a broker's heap in MiB; 0 means 1024 for one broker and 512 for several.
	HeapMiB int
	// Proxies gives every broker a second address, for clients that connect through a proxy; see
	// Cluster.Routes. It has no effect on embedded and external clusters.
	Proxies bool
	// Rights has the brokers check rights (ACLs), by Kafka's StandardAuthorizer or as kfake
	// does. The tests' own clients are a super user; those that come to Cluster.Guarded are
	// anonymous and may do nothing until Cluster.Allow. It has no meaning for
	// external clusters.
	Rights bool
	// Security are the ways in which users connect to real brokers: with TLS, and with the
	// rights that they were given; see Cluster.User. It includes Rights. With Proxies, users
	// of the first kind can come through the proxies. An embedded cluster has SCRAM alone, without TLS
	// and without clients that do not log in.
	Security []Security
	// Reauthenticate is how often brokers want a new login on an open connection, and how long
	// the token endpoint says that tokens last; 0 is 10 s.
	Reauthenticate time.Duration
	// Listeners are further addresses of each broker; see Cluster.Listener. They have no
	// meaning for embedded and external clusters.
	Listeners []Listener
	// Measured uses the JVM flags of Kafka's own start script, for benchmarks. Otherwise the JVM
	// gets flags with which it starts quickly and later runs at about half the speed.
	Measured bool
}

// Option changes the configuration of Embedded and Real.
type Option func(*Config)

// WithBrokers sets the number of brokers of an embedded cluster.
func WithBrokers(n int) Option { return func(c *Config) { c.Brokers = n } }

// WithProperty sets one broker setting by its Kafka name.
func WithProperty(name, value string) Option {
	return func(c *Config) {
		if c.Properties == nil {
			c.Properties = make(map[string]string)
		}
		c.Properties[name] = value
	}
}

// WithDir keeps the brokers' data in dir, so a later cluster with the same dir continues from it.
func WithDir(dir string) Option { return func(c *Config) { c.Dir = dir } }

// WithHeap sets a broker's heap in MiB.
func WithHeap(mib int) Option { return func(c *Config) { c.HeapMiB = mib } }

// WithRights makes the brokers check rights; see Config.Rights.
func WithRights() Option { return func(c *Config) { c.Rights = true } }

// WithSecurity has the brokers take users; see Config.Security.
func WithSecurity(kinds ...Security) Option {
	return func(c *Config) { c.Security = append(c.Security, kinds...) }
}

// withDefaults fills in what was left open and refuses what cannot be.
func (c Config) withDefaults() (Config, error) {
	if c.Embedded && len(c.External) > 0 {
		return c, errors.New("kafkatest: a cluster is embedded or external, not both")
	}
	if c.Embedded && slices.ContainsFunc(c.Security, func(s Security) bool { return s != SCRAM }) {
		return c, errors.New("kafkatest: users of an embedded cluster have passwords")
	}
	c.Rights = c.Rights || len(c.Security) > 0
	if c.Brokers == 0 {
		c.Brokers = 1
	}
	if c.Brokers < 1 || c.Brokers > 9 {
		return c, fmt.Errorf("kafkatest: %d brokers asked for: 1 to 9 can be started", c.Brokers)
	}
	if c.MinInSync == 0 {
		c.MinInSync = 1
		if c.Brokers >= 3 {
			c.MinInSync = 2
		}
	}
	if c.MinInSync < 1 || c.MinInSync > c.replication() {
		return c, fmt.Errorf("kafkatest: min.insync.replicas of %d with %d replicas", c.MinInSync, c.replication())
	}
	if c.HeapMiB == 0 {
		c.HeapMiB = 512
		if c.Brokers == 1 {
			c.HeapMiB = 1024
		}
	}
	return c, nil
}

// replication is the default replication factor of topics.
func (c Config) replication() int { return min(3, c.Brokers) }

// jvmFlags are the flags of every broker's JVM.
func (c Config) jvmFlags() []string {
	flags := []string{
		fmt.Sprintf("-Xmx%dm", c.HeapMiB),
		fmt.Sprintf("-Xms%dm", min(256, c.HeapMiB)),
		"-Xshare:auto",
		"-Djava.awt.headless=true",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
	}
	if c.Measured {
		// bin/kafka-run-class.sh of Apache Kafka 4.1, KAFKA_JVM_PERFORMANCE_OPTS.
		return append(flags, "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
			"-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent")
	}
	return append(flags, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
}

// properties are the settings that all brokers share, without addresses and
// directories.
func (c Config) properties() map[string]string {
	replication, inSync := strconv.Itoa(c.replication()), strconv.Itoa(c.MinInSync)
	p := map[string]string{
		"process.roles":                      "broker,controller",
		"controller.listener.names":          "CONTROLLER",
		"inter.broker.listener.name":         "BROKER",
		"listener.security.protocol.map":     "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"auto.create.topics.enable":          "false",
		"default.replication.factor":         replication,
		"min.insync.replicas":                inSync,
		"offsets.topic.num.partitions":       "5",
		"transaction.state.log.min.isr":      inSync,
		"group.min.session.timeout.ms":       "6000",
		"num.network.threads":                "2",
		"num.io.threads":                     "4",
		"controller.quorum.append.linger.ms": "5",

		"offsets.topic.replication.factor":                 replication,
		"transaction.state.log.num.partitions":             "5",
		"transaction.state.log.replication.factor":         replication,
		"share.coordinator.state.topic.num.partitions":     "5",
		"share.coordinator.state.topic.replication.factor": replication,
		"share.coordinator.state.topic.min.isr":            inSync,
		// Kafka waits 3 s for more members before a group's first assignment.
		"group.initial.rebalance.delay.ms": "0",
		// A killed broker is noticed after 6 s (by default 9).
		"broker.session.timeout.ms":    "6000",
		"broker.heartbeat.interval.ms": "1000",
		// An abandoned transaction is aborted soon after its timeout.
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",

		// Retention and compaction come within a second or two of being due, and the
		// compactor's buffer (128 MiB by default) fits a small heap.
		"log.initial.task.delay.ms":       "1000",
		"log.retention.check.interval.ms": "1000",
		"log.segment.delete.delay.ms":     "1000",
		"log.cleaner.backoff.ms":          "500",
		"log.cleaner.dedupe.buffer.size":  strconv.Itoa(32 << 20),
	}
	maps.Copy(p, c.Properties)
	return p
}

// embeddedProperties are the default settings of an embedded cluster.
func (c Config) embeddedProperties() map[string]string {
	p := map[string]string{
		"min.insync.replicas":        strconv.Itoa(c.MinInSync),
		"default.replication.factor": strconv.Itoa(c.replication()),
	}
	maps.Copy(p, c.Properties)
	return p
}
