package main

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/topology"
)

// role is a part of the pipeline that an instance may run.
type role string

// The roles. Those of defaultRoles run where --roles does not say otherwise.
const (
	roleIngest role = "ingest" // reads the input
	roleHeat   role = "heat"   // keeps the totals
	roleRank   role = "rank"   // makes the board
	roleServe  role = "serve"  // answers over HTTP

	roleCollect role = "collect" // takes behaviours over HTTP
)

func defaultRoles() []role { return []role{roleIngest, roleHeat, roleRank, roleServe} }

// allRoles are those that may be named.
func allRoles() []role { return append(defaultRoles(), roleCollect) }

// maxTop is the largest board: topology.MaxMessageBytes is made for it.
const maxTop = 1000

// pipelineConfig is all that the pipeline needs to run. It has been checked.
type pipelineConfig struct {
	kafka *kafka.Cluster
	topo  *topology.Topology
	log   *slog.Logger

	roles []role    // without repetition, in the order of allRoles
	web   webConfig // what is served over HTTP

	linger       time.Duration // how long behaviours are gathered at most
	publishEvery time.Duration // shortest time between two boards
	commitEvery  time.Duration // longest time between two commits of the table

	weights heat.Weights
	limits  heat.Limits
	top     int // pages of a board, 1 to maxTop

	partitions     int           // of the heat table
	sessionTimeout time.Duration // how long a group waits for a silent member
	drainTimeout   time.Duration // how long an instance that was told to end takes at most

	instanceID string // group.instance.id of static membership; empty: dynamic
	standby    bool   // keep copies of the tables of others, for a quicker take-over
	storeDir   string // where the pages of the heat table are kept; empty: in memory

	// listening, if not nil, is told the address that HTTP is served at, once.
	listening func(address string)
}

// has reports whether the instance runs a role.
func (c *pipelineConfig) has(r role) bool { return slices.Contains(c.roles, r) }

// pipelineFlags are the flags that shape the pipeline, for run and demo alike.
type pipelineFlags struct {
	Linger       time.Duration `default:"5ms" help:"Maximum time to batch behaviours before sending."`
	PublishEvery time.Duration `default:"10ms" help:"Minimum interval between two boards."`
	CommitEvery  time.Duration `default:"15s" help:"Maximum interval between two commits of the table; shorter when idle."`

	Top        int    `default:"10" help:"Number of pages on the board, from 1 to 1000."`
	MaxClicks  uint32 `default:"1000000" help:"Maximum clicks of a valid behaviour."`
	MaxMinutes uint32 `default:"1440" help:"Maximum minutes of a valid behaviour."`

	weightFlags
}

// weightFlags are the weights of the heat, as decimals.
type weightFlags struct {
	WeightClicks  string `default:"0.8" placeholder:"HEAT" help:"Heat added by a click."`
	WeightMinutes string `default:"0.8" placeholder:"HEAT" help:"Heat added by a minute."`
	WeightLikes   string `default:"1" placeholder:"HEAT" help:"Heat added by a like; a dislike subtracts it."`
}

// weights checks the weights one by one, so that the error names the flag.
func (f *weightFlags) weights() (heat.Weights, error) {
	for _, w := range []struct{ flag, clicks, minutes, likes string }{
		{"weight-clicks", f.WeightClicks, "0", "0"},
		{"weight-minutes", "0", f.WeightMinutes, "0"},
		{"weight-likes", "0", "0", f.WeightLikes},
	} {
		if _, err := heat.NewWeights(w.clicks, w.minutes, w.likes); err != nil {
			return heat.Weights{}, badFlag(w.flag, "%w", err)
		}
	}
	return heat.NewWeights(f.WeightClicks, f.WeightMinutes, f.WeightLikes)
}

// config checks the flags and fills the part of the configuration that is theirs.
func (f *pipelineFlags) config(p *program) (pipelineConfig, error) {
	for _, d := range []struct {
		flag       string
		value      time.Duration
		least, top time.Duration
	}{
		{"linger", f.Linger, 0, time.Minute},
		{"publish-every", f.PublishEvery, 0, time.Hour},
		{"commit-every", f.CommitEvery, 10 * time.Millisecond, 10 * time.Minute},
	} {
		if d.value < d.least || d.value > d.top {
			return pipelineConfig{}, badFlag(d.flag, "%s: must be from %s to %s", d.value, d.least, d.top)
		}
	}
	if f.Top < 1 || f.Top > maxTop {
		return pipelineConfig{}, badFlag("top", "%d: must be from 1 to %d", f.Top, maxTop)
	}
	limits := heat.DefaultLimits()
	limits.MaxClicks = f.MaxClicks
	if err := limits.Validate(); err != nil {
		return pipelineConfig{}, badFlag("max-clicks", "%w", err)
	}
	limits.MaxMinutes = f.MaxMinutes
	if err := limits.Validate(); err != nil {
		return pipelineConfig{}, badFlag("max-minutes", "%w", err)
	}
	weights, err := f.weights()
	if err != nil {
		return pipelineConfig{}, err
	}
	return pipelineConfig{
		kafka: p.kafka, topo: p.topo, log: p.log,
		linger: f.Linger, publishEvery: f.PublishEvery, commitEvery: f.CommitEvery,
		weights: weights, limits: limits, top: f.Top,
	}, nil
}

// runCmd runs the pipeline.
type runCmd struct {
	pipelineFlags

	Roles          []string      `default:"ingest,heat,rank,serve" help:"Roles of this instance: ingest, heat, rank, serve, collect."`
	InstanceID     string        `placeholder:"ID" help:"Group instance ID for static membership: unique, and stable across restarts."`
	SessionTimeout time.Duration `default:"10s" help:"Time after which the partitions of a silent instance move to others."`
	DrainTimeout   time.Duration `default:"8s" help:"Maximum time to drain after a signal."`
	Standby        bool          `help:"Follow the partitions of other instances, for faster take-overs."`
	Store          string        `default:"memory" enum:"memory,disk" help:"Storage for the pages of role heat."`
	StoreDir       string        `placeholder:"DIR" help:"Scratch directory for --store disk, one for each instance."`

	webFlags
}

// config checks the flags.
func (c *runCmd) config(p *program) (pipelineConfig, error) {
	cfg, err := c.pipelineFlags.config(p)
	if err != nil {
		return cfg, err
	}
	if cfg.roles, err = parseRoles(c.Roles); err != nil {
		return cfg, err
	}
	if cfg.web, err = c.webFlags.config(); err != nil {
		return cfg, err
	}
	if c.SessionTimeout < time.Second || c.SessionTimeout > 30*time.Minute {
		return cfg, badFlag("session-timeout", "%s: must be from 1s to 30m, within the broker's group.min.session.timeout.ms and group.max.session.timeout.ms", c.SessionTimeout)
	}
	if c.DrainTimeout < time.Second || c.DrainTimeout > time.Hour {
		return cfg, badFlag("drain-timeout", "%s: must be from 1s to 1h", c.DrainTimeout)
	}
	cfg.drainTimeout = c.DrainTimeout
	if cfg.storeDir, err = c.storeDir(p); err != nil {
		return cfg, err
	}
	cfg.instanceID, cfg.standby, cfg.sessionTimeout = c.InstanceID, c.Standby, c.SessionTimeout
	return cfg, nil
}

// The values of --store.
const (
	storeMemory = "memory"
	storeDisk   = "disk"
)

// storeDir is the directory of the heat table, which may share --store-dir with those
// of other prefixes; empty for memory.
func (c *runCmd) storeDir(p *program) (string, error) {
	switch {
	case c.Store == storeMemory && c.StoreDir != "":
		return "", badFlag("store-dir", "is for --store %s alone", storeDisk)
	case c.Store == storeMemory:
		return "", nil
	case c.StoreDir == "":
		return "", badFlag("store-dir", "must name a directory for --store %s", storeDisk)
	}
	return filepath.Join(c.StoreDir, p.topo.HeatTable), nil
}

// parseRoles reads --roles.
func parseRoles(names []string) ([]role, error) {
	wanted := map[role]bool{}
	for _, name := range names {
		r := role(strings.TrimSpace(name))
		if r == "" {
			continue
		}
		if !slices.Contains(allRoles(), r) {
			return nil, badFlag("roles", "%q: choose among ingest, heat, rank, serve, collect", name)
		}
		wanted[r] = true
	}
	if len(wanted) == 0 {
		return nil, badFlag("roles", "name at least one of ingest, heat, rank, serve, collect")
	}
	return slices.DeleteFunc(allRoles(), func(r role) bool { return !wanted[r] }), nil
}
