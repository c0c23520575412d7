package main

import (
	"io"

	"github.com/alecthomas/kong"

	"pageheat/accesslog"
	"pageheat/demo"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/logging"
	"pageheat/processors"
	"pageheat/terminal"
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
	Produce     produceCmd     `cmd:"" help:"Send simulated behaviours, the lines of a file, or the views of access logs, to the input."`
	Top         topCmd         `cmd:"" help:"Show the board, live or once."`
	Boards      boardsCmd      `cmd:"" help:"List the boards, and what the next version of each waits for."`
	Pages       pagesCmd       `cmd:"" help:"Preview the rules for names of pages."`
	Page        pageCmd        `cmd:"" help:"Show the totals of one page and the parts of its heat."`
	Audit       auditCmd       `cmd:"" help:"Recount the input and compare the totals of every page."`
	Recount     recountCmd     `cmd:"" help:"Count a board of any time from the input."`
	Forget      forgetCmd      `cmd:"" help:"Take pages out of the table and all boards, and keep them out on request."`
	Export      exportCmd      `cmd:"" help:"Write the totals of all pages, or boards, as JSON lines, CSV or Parquet."`
	Import      importCmd      `cmd:"" help:"Fill an empty deployment with the totals of an export."`
	Migrate     migrateCmd     `cmd:"" help:"Copy the totals of a deployment into another prefix, with any number of partitions."`
	Switch      switchCmd      `cmd:"" help:"Hand the output over to a deployment of another prefix, whose boards go on."`
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

// common are the flags of every command. Their groups put them after those of the command in its help.
type common struct {
	Config          configFile      `placeholder:"FILE" group:"every" help:"YAML file with settings; its keys are the names of flags."`
	KafkaProperties propertiesFile  `placeholder:"FILE" group:"kafka" help:"Properties file of Kafka's Java clients, for brokers, TLS and SASL."`
	Kafka           kafka.Settings  `embed:"" group:"kafka"`
	Names           topology.Config `embed:"" group:"names"`

	Log logging.Settings `embed:"" group:"every"`
}

// flagGroups gives the groups of [common] their titles.
func flagGroups() kong.Option {
	return kong.ExplicitGroups([]kong.Group{
		{Key: "every", Title: "Flags of every command:"},
		{Key: "kafka", Title: "Connection to Kafka, of every command:"},
		{Key: "names", Title: "Names of topics and groups, of every command:"},
	})
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
		Produce: produceCmd{Traffic: traffic.DefaultSettings(), Log: accesslog.DefaultSettings()},
		Top:     topCmd{Board: views.DefaultBoard, Wait: boardTimeout, Weights: weights},
		Page:    pageCmd{Weights: weights},
		Audit:   auditCmd{MaxClicks: limits.MaxClicks, MaxMinutes: limits.MaxMinutes},
		Export:  defaultExport(),
		Migrate: defaultMigrate(),

		Recount:     defaultRecount(),
		Forget:      defaultForget(),
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
	log            *logging.Log
	kafka          *kafka.Cluster
	topo           *topology.Topology

	reparse func() (*cli, error) // reads the settings again
}

// program checks the common flags. The caller closes it.
func (c *common) program(stdin io.Reader, stdout, stderr io.Writer) (*program, error) {
	log := c.Log.Open(stderr, terminal.Is(stderr))
	brokers, err := c.Kafka.Config(c.Names.Prefix, log.Logger)
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
		log:   log,
		stdin: stdin, stdout: stdout, stderr: stderr,
		kafka: kafka.New(brokers), topo: topo,
	}, nil
}

// close ends what the program has opened.
func (p *program) close() {
	p.kafka.Close()
	p.log.Close()
}
