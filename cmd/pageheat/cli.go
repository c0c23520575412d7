package main

import (
	"io"
	"log/slog"

	"pageheat/demo"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/processors"
	"pageheat/topology"
	"pageheat/traffic"
	"pageheat/views"
)

// cli is the command line: the flags that all commands share, and the commands.
type cli struct {
	common

	Demo        demoCmd        `cmd:"" help:"Try everything in one process: embedded broker, simulator, pipeline, board."`
	Run         runCmd         `cmd:"" help:"Run the pipeline against your brokers, in any number of instances."`
	Topics      topicsCmd      `cmd:"" help:"Create or check the topics, or print the rights on them."`
	Topology    topologyCmd    `cmd:"" help:"Print the graph of consumer groups, streams and tables."`
	Produce     produceCmd     `cmd:"" help:"Send simulated behaviours, or the lines of a file, to the input."`
	Top         topCmd         `cmd:"" help:"Show the board, live or once."`
	Page        pageCmd        `cmd:"" help:"Show the totals of one page and the parts of its heat."`
	Audit       auditCmd       `cmd:"" help:"Recount the input and compare the totals of every page."`
	DeadLetters deadLettersCmd `cmd:"" help:"List or replay refused messages."`
	Status      statusCmd      `cmd:"" help:"Show topics, groups, lag and problems; exit code 3 if something is wrong."`
	Reset       resetCmd       `cmd:"" help:"Delete pageheat's topics and groups, except the input, to start over."`
	Settings    configCmd      `cmd:"" name:"config" help:"Show, check or list settings."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask an instance on this machine whether it is ready; exit code 1 if not."`
	Completion  completionCmd  `cmd:"" help:"Print the completion script of a shell."`
	Man         manCmd         `cmd:"" help:"Print the manual as a man page."`
	Version     versionCmd     `cmd:"" help:"Print the version, the commit and the Go version."`
	Help        helpCmd        `cmd:"" help:"Describe a command and its flags."`

	PrintVersion versionFlag `name:"version" env:"-" help:"Print the version and exit."`
}

// common are the flags of every command.
type common struct {
	Config          configFile      `placeholder:"FILE" help:"YAML file with settings; its keys are the names of flags."`
	KafkaProperties propertiesFile  `placeholder:"FILE" help:"Properties file of Kafka's Java clients, for brokers, TLS and SASL."`
	Kafka           kafka.Settings  `embed:""`
	Names           topology.Config `embed:""`

	LogLevel  string `default:"info" enum:"debug,info,warn,error" help:"Lowest level to log."`
	LogFormat string `default:"text" enum:"text,json" help:"Format of the log."`
}

// newCLI is the command line with the defaults that packages give their settings.
func newCLI() *cli {
	weights := heat.DefaultWeightSettings()
	limits := heat.DefaultLimits()
	return &cli{
		common:  defaultCommon(),
		Demo:    demoCmd{Demo: demo.DefaultSettings(), Pipeline: processors.DefaultSettings()},
		Run:     defaultRun(),
		Topics:  topicsCmd{ACLs: defaultACLs()},
		Produce: produceCmd{Traffic: traffic.DefaultSettings()},
		Top:     topCmd{Board: views.DefaultBoard, Weights: weights},
		Page:    pageCmd{Weights: weights},
		Audit:   auditCmd{MaxClicks: limits.MaxClicks, MaxMinutes: limits.MaxMinutes},

		Settings:    defaultConfig(),
		Healthcheck: defaultHealthcheck(),
	}
}

func defaultCommon() common {
	return common{Kafka: kafka.DefaultSettings(), Names: topology.DefaultConfig()}
}

// program is what every command is given: where to read and write, the log, and
// the common settings, checked.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	log            *slog.Logger
	logLevel       *slog.LevelVar
	kafka          *kafka.Cluster
	topo           *topology.Topology

	reparse func() (*cli, error) // reads the settings again
}

// program checks the common flags.
func (c *common) program(stdin io.Reader, stdout, stderr io.Writer) (*program, error) {
	level := &slog.LevelVar{}
	level.Set(logLevels()[c.LogLevel])
	logger := newLogger(stderr, level, c.LogFormat)
	brokers, err := c.Kafka.Config(c.Names.Prefix, logger)
	if err != nil {
		return nil, err
	}
	if err := c.Names.Complete(); err != nil {
		return nil, err
	}
	topo, err := topology.New(c.Names)
	if err != nil {
		return nil, usageError{err}
	}
	return &program{
		stdin: stdin, stdout: stdout, stderr: stderr,
		log: logger, logLevel: level,
		kafka: kafka.New(brokers), topo: topo,
	}, nil
}

// logLevels are the values of --log-level.
func logLevels() map[string]slog.Level {
	return map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
}

// newLogger logs to w, in a format of --log-format.
func newLogger(w io.Writer, level slog.Leveler, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration {
			a.Value = slog.StringValue(a.Value.Duration().String()) // in JSON it would be a number without a unit
		}
		return a
	}}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// quieten leaves out of the log what is only good to know, unless it was asked for.
func (p *program) quieten() {
	if p.logLevel.Level() == slog.LevelInfo {
		p.logLevel.Set(slog.LevelWarn)
	}
}
