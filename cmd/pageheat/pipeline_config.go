package main

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"pageheat/boards"
	"pageheat/collect"
	"pageheat/events"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/processors"
	"pageheat/rights"
	"pageheat/store"
	"pageheat/topology"
	"pageheat/tracing"
	"pageheat/web"
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

// pipelineConfig is all that the pipeline needs to run. It has been checked.
type pipelineConfig struct {
	kafka *kafka.Cluster
	topo  *topology.Topology
	log   *slog.Logger

	roles    []role              // without repetition, in the order of allRoles
	settings processors.Settings // that all instances share
	weights  heat.Weights        // those of settings
	boards   []*boards.Board     // beside all-time
	// forgetAfter is the number of days after which a page without a behaviour is dropped; 0 if none is.
	forgetAfter int
	partitions  int          // of the heat table
	events      events.Rules // what is written of boards, if the topology has events

	web       web.Config     // what is served over HTTP
	collector collect.Config // of the role collect

	tracer *tracing.Tracer // nil: nothing is followed
	rights *rights.Watch   // of the roles; nil for a broker of our own

	member       kafka.Member
	drainTimeout time.Duration // how long an instance that was told to end takes at most
	standby      bool          // keep copies of the tables of others, for a quicker take-over
	storeDir     string        // where the pages of the heat table are kept; empty: in memory
	awaitSwitch  bool          // publish nothing while the output belongs to another prefix

	// listening, if not nil, is told the address that HTTP is served at, once.
	listening func(address string)
}

// has reports whether the instance runs a role.
func (c *pipelineConfig) has(r role) bool { return slices.Contains(c.roles, r) }

// hasEvents reports whether the instance writes events of boards: the role rank does.
func (c *pipelineConfig) hasEvents() bool { return c.has(roleRank) && c.topo.HasEvents }

// newPipelineConfig checks the settings of the pipeline and of what is served.
func newPipelineConfig(p *program, s processors.Settings, further boardsSettings, served web.Settings) (pipelineConfig, error) {
	cfg := pipelineConfig{kafka: p.kafka, topo: p.topo, log: p.log.Logger, settings: s, drainTimeout: defaultDrain}
	err := s.Validate()
	if err == nil {
		cfg.weights, err = s.Weights.Weights()
	}
	if err == nil {
		cfg.events, err = events.DefaultSettings().Rules()
	}
	if err == nil {
		cfg.boards, err = further.make(s.Top, s.Weights)
	}
	if err == nil {
		cfg.forgetAfter, err = forgetAfter(s, cfg.boards)
	}
	if err == nil {
		cfg.web, err = served.Config()
	}
	if err == nil {
		cfg.collector, err = served.Collector.Config()
	}
	return cfg, err
}

// forgetAfter returns the number of days after which a page without a behaviour is dropped, 0 if none is: not before
// its behaviours count on no further board.
func forgetAfter(s processors.Settings, further []*boards.Board) (days int, err error) {
	if days, err = s.ForgetAfterDays(); err != nil || days == 0 {
		return 0, err
	}
	for _, b := range further {
		d := b.Definition()
		if reach := d.Reach(); reach > time.Duration(days)*24*time.Hour {
			return 0, failure.BadSetting("forget-after", "%s: board %s (%s) counts behaviours for up to %s: must be at least %dd",
				s.ForgetAfter, d.Name, d.Kind, reach, (reach+24*time.Hour-1)/(24*time.Hour))
		}
	}
	return days, nil
}

// runCmd runs the pipeline.
type runCmd struct {
	Pipeline processors.Settings `embed:""`
	Boards   boardsSettings      `embed:""`

	Events events.Settings `embed:""`

	Roles        []string       `help:"Roles of this instance: ingest, heat, rank, serve, collect."`
	Member       kafka.Member   `embed:""`
	DrainTimeout time.Duration  `help:"Maximum time to drain after a signal."`
	Standby      bool           `help:"Follow the partitions of other instances, for faster take-overs."`
	Store        store.Settings `embed:""`
	AwaitSwitch  bool           `help:"Publish nothing while the output belongs to another prefix, until 'pageheat switch' hands it over."`

	Web web.Settings `embed:""`
}

// defaultRun has the defaults of the settings of an instance.
func defaultRun() runCmd {
	c := runCmd{Pipeline: processors.DefaultSettings(), Events: events.DefaultSettings(), Member: kafka.DefaultMember(), DrainTimeout: defaultDrain, Web: web.DefaultSettings()}
	for _, r := range defaultRoles() {
		c.Roles = append(c.Roles, string(r))
	}
	return c
}

// config checks the flags.
func (c *runCmd) config(p *program) (pipelineConfig, error) {
	cfg, err := newPipelineConfig(p, c.Pipeline, c.Boards, c.Web)
	if err != nil {
		return cfg, err
	}
	if cfg.roles, err = parseRoles(c.Roles); err != nil {
		return cfg, err
	}
	if cfg.events, err = c.Events.Rules(); err != nil {
		return cfg, err
	}
	if err := c.Member.Validate(); err != nil {
		return cfg, err
	}
	if c.DrainTimeout < time.Second || c.DrainTimeout > time.Hour {
		return cfg, failure.BadSetting("drain-timeout", "%s: must be from 1s to 1h", c.DrainTimeout)
	}
	cfg.member, cfg.drainTimeout, cfg.standby, cfg.awaitSwitch = c.Member, c.DrainTimeout, c.Standby, c.AwaitSwitch
	if cfg.storeDir, err = c.Store.Dir(p.topo.HeatTable); err != nil {
		return cfg, err
	}
	if cfg.storeDir != "" && len(cfg.boards) > 0 {
		return cfg, failure.BadSetting("store", "%s has the board all-time alone: keep the pages in memory for the boards %s",
			c.Store.Store, strings.Join(namesOf(cfg.boards), ", "))
	}
	return cfg, nil
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
			return nil, failure.BadSetting("roles", "%q: choose among ingest, heat, rank, serve, collect", name)
		}
		wanted[r] = true
	}
	if len(wanted) == 0 {
		return nil, failure.BadSetting("roles", "name at least one of ingest, heat, rank, serve, collect")
	}
	return slices.DeleteFunc(allRoles(), func(r role) bool { return !wanted[r] }), nil
}
