package main

import (
	"io"
	"log/slog"

	"pageheat/dial"
	"pageheat/topology"
)

// cli is the command line: the flags that all commands share, and the commands.
type cli struct {
	common

	Demo        demoCmd        `cmd:"" help:"Everything in one process, with an embedded broker and the simulator."`
	Run         runCmd         `cmd:"" help:"The pipeline. Start it as often as you like, on as many machines."`
	Topics      topicsCmd      `cmd:"" help:"Create the topics, or check them."`
	Topology    topologyCmd    `cmd:"" help:"Print the graph of groups, streams and tables."`
	Produce     produceCmd     `cmd:"" help:"Send simulated behaviours, or the lines of a file."`
	Top         topCmd         `cmd:"" help:"Show the board, live or once."`
	Page        pageCmd        `cmd:"" help:"Show one page's totals, and how its heat is made up."`
	Audit       auditCmd       `cmd:"" help:"Recount the input and compare every page's totals with the table."`
	DeadLetters deadLettersCmd `cmd:"" help:"Show what was refused, or send it to the input again."`
	Version     versionCmd     `cmd:"" help:"Print version, commit and Go version."`
}

// common are the flags of every command.
type common struct {
	Config  configFile `placeholder:"FILE" help:"YAML file with settings: flags without dashes as keys."`
	Brokers []string   `default:"localhost:9092" placeholder:"HOST:PORT" help:"Kafka brokers to begin with."`
	Prefix  string     `default:"pageheat" help:"Begins the names of all topics and groups of our own."`
	Input   string     `default:"user-behavior-topic" help:"Topic of the behaviours."`
	Output  string     `default:"page-popularity-top10" help:"Topic of the boards."`

	LogLevel  string `default:"info" enum:"debug,info,warn,error" help:"Log from this level on: ${enum}."`
	LogFormat string `default:"text" enum:"text,json" help:"Log as ${enum}."`
}

// program is what every command is given: where to read and write, the log, and
// the common settings, checked.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	log            *slog.Logger
	logLevel       *slog.LevelVar
	brokers        []string // host:port
	dialer         *dial.Dialer
	topo           *topology.Topology
}

// program checks the common flags.
func (c *common) program(stdin io.Reader, stdout, stderr io.Writer) (*program, error) {
	brokers, err := parseBrokers(c.Brokers)
	if err != nil {
		return nil, badFlag("brokers", "%w", err)
	}
	for _, named := range []struct{ flag, value string }{{"prefix", c.Prefix}, {"input", c.Input}, {"output", c.Output}} {
		if named.value == "" {
			return nil, badFlag(named.flag, "must not be empty")
		}
	}
	topo, err := topology.New(topology.Config{Prefix: c.Prefix, Input: c.Input, Output: c.Output})
	if err != nil {
		return nil, usageError{err}
	}
	level := &slog.LevelVar{}
	level.Set(logLevels()[c.LogLevel])
	return &program{
		stdin: stdin, stdout: stdout, stderr: stderr,
		log: newLogger(stderr, level, c.LogFormat), logLevel: level,
		brokers: brokers, dialer: dial.New(), topo: topo,
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
	options := &slog.HandlerOptions{Level: level}
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
