package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lovoo/goka"

	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/pipeline"
	"pageheat/processors"
	"pageheat/rights"
	"pageheat/store"
	"pageheat/topics"
	"pageheat/tracing"
	"pageheat/views"
)

// Run runs the pipeline until it is drained or fails.
func (c *runCmd) Run(ctx context.Context, p *program) error {
	cfg, err := c.config(p)
	if err != nil {
		return err
	}
	err = c.look(ctx, p, &cfg)
	if errors.Is(err, errInterrupted) {
		return nil // told to end before there was anything to drain
	}
	if err != nil {
		return err
	}
	if cfg.tracer, err = tracing.Open(ctx, p.log.Logger); err != nil {
		return usageError{err}
	}
	defer cfg.tracer.Close()
	defer onHangup(func() { p.reload(&cfg) })()
	return runPipeline(ctx, cfg)
}

// reload takes over what may change while the instance runs: the lowest level to log, and
// secrets in files. What cannot be read stays as it is.
func (p *program) reload(cfg *pipelineConfig) {
	tree, err := p.reparse()
	if err == nil {
		p.log.SetLevel(tree.Log)
	}
	if err := errors.Join(err, cfg.web.Reload()); err != nil {
		p.log.Warn("not all settings were reloaded: the previous ones stay in use", "roles", cfg.roles, "error", err)
		return
	}
	p.log.Info("reloaded --log-level and the files of secrets; other settings need a restart", "roles", cfg.roles, "log_level", tree.Log.Level)
}

// look makes sure that the user has the rights that the roles need, and that their topics are as
// they must be.
func (c *runCmd) look(ctx context.Context, p *program, cfg *pipelineConfig) error {
	if err := p.reach(ctx); err != nil {
		return err
	}
	names := make([]string, len(cfg.roles))
	for i, r := range cfg.roles {
		names[i] = string(r)
	}
	needs, err := rights.Of(p.topo, names...)
	if err != nil {
		return err
	}
	cfg.rights = rights.NewWatch(p.kafka, p.log.With("roles", cfg.roles), needs)
	if err := cfg.rights.Check(ctx); err != nil {
		return interrupted(ctx, err)
	}
	needed := rights.Topics(needs)
	have, err := topics.Read(ctx, p.kafka, p.topo, needed...)
	if err != nil {
		return interrupted(ctx, err)
	}
	if problems := have.Obstacles(needed...); len(problems) > 0 {
		return fmt.Errorf("the topics do not match what pageheat needs:\n  %s", strings.Join(problems, "\n  "))
	}
	unsaid := slices.ContainsFunc(have.Unchecked, func(topic string) bool {
		return !cfg.rights.Missing(kafka.OnTopic(kafka.DescribeConfigs, topic))
	})
	if unsaid {
		p.log.Warn(have.MissingRight(), "roles", cfg.roles)
	}
	cfg.partitions = have.Partitions()
	return nil
}

// runPipeline runs the roles of cfg until ctx is done and everything is drained
// (nil), or until one fails for good.
func runPipeline(ctx context.Context, cfg pipelineConfig) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	status := newStatus()
	restored := make(chan struct{})
	if !cfg.has(roleHeat) {
		close(restored)
	}
	pl := &instance{cfg: cfg, status: status, restored: restored, settings: pipeline.Settings{
		Cluster: cfg.kafka, Member: cfg.member, Topology: cfg.topo, Logger: cfg.log, Tracer: cfg.tracer,
		Metrics: pipeline.NewMetrics(status.registry), Partitions: cfg.partitions,
		Progress: pipeline.NewProgress(), Conditions: status.conditions,
	}}
	// A name that no other process has, nor had before.
	pl.owner = host + "/" + strconv.Itoa(os.Getpid()) + "/" + strconv.FormatInt(time.Now().UnixNano(), 36)
	has := func(name string) bool { return cfg.has(role(name)) }
	unsupported, err := pl.settings.Probe(ctx, has)
	if err != nil {
		return err
	}
	pl.settings.CannotDelete = cfg.rights.Missing(kafka.OnTopic(kafka.Delete, cfg.topo.Behavior)) || slices.Contains(unsupported, kafka.RecordDeletion)
	if err := checkOrigin(ctx, pl); err != nil {
		return err
	}
	closeTable, err := pl.newTable()
	if err != nil {
		return err
	}
	// An address that is taken ends the instance before it owns anything.
	http, err := pl.newServed()
	if err != nil {
		closeTable()
		return err
	}
	pl.topics = pl.settings.NewTopicWatch(pl.settings.NeededTopics(has))
	pl.began()
	started := time.Now()
	all := newParts(ctx)
	run := map[role]func(context.Context) error{
		roleIngest: pl.ingest, roleHeat: pl.heat, roleRank: pl.rank,
	}
	for _, r := range cfg.roles {
		if run[r] != nil {
			all.run(string(r), run[r])
		}
	}
	if cfg.hasEvents() {
		all.run(pipeline.RoleEvents, pl.events)
	}
	if pl.follows() {
		all.run("pages", pl.followTable)
	}
	all.run("http", http.run)
	all.run("topics", pl.topics.Run)
	all.run("watchdog", pl.settings.Watchdog)
	if cfg.rights != nil {
		cfg.rights.Register(status.registry)
		all.run("rights", cfg.rights.Run)
	}
	givenUp, err := all.wait(cfg.drainTimeout)
	if givenUp == "" {
		closeTable()
	}
	ran := time.Since(started).Round(time.Second)
	switch {
	case givenUp != "":
		cfg.log.Warn("the drain timed out: nothing is lost, the next owners read uncommitted records again",
			"roles", cfg.roles, "after", cfg.drainTimeout, "not_ended", givenUp, "ran", ran)
	case err == nil:
		cfg.log.Info("stopped: everything is committed and handed over", "roles", cfg.roles, "ran", ran)
	}
	return err
}

// began says what this instance is.
func (pl *instance) began() {
	version, commit := buildVersion()
	cfg, s := pl.cfg, pl.cfg.settings
	storage := store.Memory
	if cfg.storeDir != "" {
		storage = cfg.storeDir
	}
	cfg.log.Info("started", "version", version, "commit", commit, "roles", cfg.roles, "brokers", strings.Join(cfg.kafka.Brokers(), ","),
		"input", cfg.topo.Input, "output", cfg.topo.Output, "prefix", cfg.topo.Prefix, "partitions", cfg.partitions,
		"weights", cfg.weights.String(), "top", s.Top, "boards", strings.Join(namesOf(cfg.boards), ", "), "max_clicks", s.Limits.MaxClicks, "max_minutes", s.Limits.MaxMinutes,
		"linger", s.Linger, "publish_every", s.PublishEvery, "commit_every", s.CommitEvery, "forget_after", s.ForgetAfter,
		"session_timeout", cfg.member.SessionTimeout, "instance_id", cfg.member.InstanceID, "standby", cfg.standby, "store", storage)
}

// originWithin bounds the look at the newest board before the roles begin.
const originWithin = 10 * time.Second

// checkOrigin compares the newest board with the settings of the instance before any role
// begins. Only what no second try mends ends the instance: its roles compare them again.
func checkOrigin(ctx context.Context, pl *instance) error {
	if slices.Equal(pl.cfg.roles, []role{roleCollect}) || pl.cfg.rights.Missing(kafka.OnTopic(kafka.Read, pl.cfg.topo.Output)) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, originWithin)
	defer cancel()
	err := pipeline.CheckOrigin(ctx, pl.settings, views.DefaultBoard, pl.cfg.awaitSwitch)
	if p := failure.As(err); p != nil {
		return p
	}
	if err != nil {
		pl.cfg.log.Debug("the newest board was not compared with the settings", "roles", pl.cfg.roles, "error", err)
	}
	return nil
}

// instance wires the roles of one process.
type instance struct {
	cfg      pipelineConfig
	settings pipeline.Settings
	status   *status
	owner    string
	restored chan struct{} // closed when heat has restored its first partitions, or there is no heat
	topics   *pipeline.TopicWatch
	table    *pipeline.Table // of the roles heat and serve, else nil
}

// supervise keeps one role alive and its state known.
func (pl *instance) supervise(ctx context.Context, name string, run func(context.Context) error) error {
	pl.status.expect(name)
	return pipeline.Supervise(ctx, pipeline.Supervised{
		Name: name, Logger: pl.cfg.log,
		Run: func(ctx context.Context) error {
			err := run(ctx)
			if err == nil || ctx.Err() != nil {
				return err
			}
			// Where a topic was replaced, that is the reason of whatever went wrong.
			if replaced := pl.topics.Check(ctx); replaced != nil {
				return replaced
			}
			return err
		},
		Observe: func(s pipeline.RoleState, err error) { pl.status.set(name, s, err) },
	})
}

func (pl *instance) ingest(ctx context.Context) error {
	return pl.supervise(ctx, string(roleIngest), func(ctx context.Context) error {
		runner := pipeline.NewIngest(pipeline.IngestConfig{Settings: pl.settings.Of(string(roleIngest)), Linger: pl.cfg.settings.Linger})
		return runner.Run(ctx, func(options ...goka.ProcessorOption) (*goka.Processor, error) {
			return processors.NewIngest(processors.IngestConfig{
				Brokers: pl.cfg.kafka.Brokers(), Topology: pl.cfg.topo, Limits: pl.cfg.settings.Limits, Targets: pl.cfg.partitions, DropTitles: pl.cfg.settings.DropTitles,
				Observe: pl.status.observe,
			}, options...)
		})
	})
}

func (pl *instance) heat(ctx context.Context) error {
	// One runner for all attempts: each of its sessions has an owner's name of its own.
	runner := pipeline.NewHeat(pipeline.HeatConfig{Settings: pl.settings.Of(string(roleHeat)), Table: pl.table,
		PublishEvery: pl.cfg.settings.LeadersEvery(pl.cfg.partitions), CommitEvery: pl.cfg.settings.CommitEvery, ForgetAfter: pl.cfg.forgetAfter,
		Standby: pl.cfg.standby, Restored: sync.OnceFunc(func() { close(pl.restored) })}, pl.owner)
	return pl.supervise(ctx, string(roleHeat), func(ctx context.Context) error {
		return runner.Run(ctx, func(options ...goka.ProcessorOption) (*goka.Processor, error) {
			return processors.NewHeat(processors.HeatConfig{Brokers: pl.cfg.kafka.Brokers(), Topology: pl.cfg.topo}, options...)
		})
	})
}

func (pl *instance) rank(ctx context.Context) error {
	// One runner for all attempts: each of its sessions has an owner's name of its own.
	runner := pipeline.NewRanking(pipeline.RankingConfig{Settings: pl.settings.Of(string(roleRank)), Board: views.DefaultBoard,
		Boards: namesOf(pl.cfg.boards), Grouped: namesOf(grouped(pl.cfg.boards)), PublishEvery: pl.cfg.settings.PublishEvery}, pl.owner)
	return pl.supervise(ctx, string(roleRank), func(ctx context.Context) error {
		return pl.owningOutput(ctx, func() error {
			return runner.Run(ctx, func(options ...goka.ProcessorOption) (*goka.Processor, error) {
				return processors.NewRanking(processors.RankingConfig{Brokers: pl.cfg.kafka.Brokers(), Topology: pl.cfg.topo,
					Ranker: processors.RankerConfig{Board: views.DefaultBoard, Scorer: pl.cfg.weights, Top: pl.cfg.settings.Top, Boards: pl.cfg.boards},
					Check:  runner.Check, Differ: runner.Differ, DifferOnBoard: runner.DifferOnBoard, BoardDue: runner.BoardDue,
				}, options...)
			})
		})
	})
}

// owningOutput runs a role once the output belongs to this prefix, with --await-switch, and again when it was
// handed over to another and back.
func (pl *instance) owningOutput(ctx context.Context, run func() error) error {
	if !pl.cfg.awaitSwitch {
		return run()
	}
	for {
		if err := pipeline.AwaitSwitch(ctx, pl.settings, views.DefaultBoard); err != nil {
			return err
		}
		if err := run(); !errors.Is(err, processors.ErrOtherGroup) {
			return err
		}
	}
}

// events writes what happens on boards.
func (pl *instance) events(ctx context.Context) error {
	runner := pipeline.NewEvents(pipeline.EventsConfig{Settings: pl.settings.Of(pipeline.RoleEvents), Rules: pl.cfg.events}, pl.owner)
	return pl.supervise(ctx, pipeline.RoleEvents, func(ctx context.Context) error {
		return pl.owningOutput(ctx, func() error { return runner.Run(ctx) })
	})
}
