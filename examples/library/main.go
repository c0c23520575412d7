// Command library is a program of its own on pageheat's topology: it runs the same three stages
// against the same topics, and orders pages by a score that pageheat does not have: those of all time, and those
// of the last hour.
//
//	go run ./examples/library --brokers localhost:9092
//	pageheat top --brokers localhost:9092 --prefix attention --output attention-top10
//	pageheat top --brokers localhost:9092 --prefix attention --output attention-top10 --board last-hour
//
// score.go has the score, and main.go the wiring.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lovoo/goka"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"pageheat/boards"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/pipeline"
	"pageheat/processors"
	"pageheat/topics"
	"pageheat/topology"
	"pageheat/views"
)

func main() {
	brokers := flag.String("brokers", "localhost:9092", "bootstrap brokers, separated by commas")
	minutes := flag.Uint("minutes", 3, "most minutes that count of a visit, on average")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	cluster := kafka.New(kafka.Config{Brokers: strings.Split(*brokers, ","), ClientID: "attention"})
	score := attention{heat.DefaultWeights(), uint32(min(*minutes, heat.MostMinutes))}
	settings, err := prepare(ctx, cluster, log)
	if err == nil {
		err = run(ctx, settings, score)
	}
	cluster.Close()
	stop()
	if err != nil {
		log.Error("the program ends", "error", err)
		os.Exit(1)
	}
}

// prepare creates the topics that are missing. They are beside those of pageheat, and so are the
// groups: both can count the same input.
func prepare(ctx context.Context, cluster *kafka.Cluster, log *slog.Logger) (pipeline.Settings, error) {
	topo, err := topology.New(topology.Config{Prefix: "attention", Output: "attention-top10"})
	if err != nil {
		return pipeline.Settings{}, err
	}
	_, partitions, err := topics.Layout{}.Create(ctx, cluster, topo, func(line string) { log.Info(line) })
	return pipeline.Settings{Cluster: cluster, Member: kafka.DefaultMember(), Topology: topo, Logger: log,
		Metrics: pipeline.NewMetrics(prometheus.NewRegistry()), Partitions: partitions}, err
}

// run counts until ctx is done, and everything is committed and handed over. It may run in any
// number of processes.
func run(ctx context.Context, s pipeline.Settings, score heat.Scorer) error {
	hour, err := boards.New(boards.Definition{Name: "last-hour", Kind: boards.Window, Window: time.Hour, Scorer: score})
	if err != nil {
		return err
	}
	further := []*boards.Board{hour}
	brokers, topo, settings := s.Cluster.Brokers(), s.Topology, processors.DefaultSettings()
	owner := "attention/" + strconv.Itoa(os.Getpid()) + "/" + strconv.FormatInt(time.Now().UnixNano(), 36)

	// Each stage is a goka processor. What pageheat does around goka is in the options that Run gives it.
	ingest := pipeline.NewIngest(pipeline.IngestConfig{Settings: s, Linger: settings.Linger})
	table := pipeline.NewTable(pipeline.TableConfig{Settings: s, Scorer: score, Top: settings.Top, Boards: further})
	pages := pipeline.NewHeat(pipeline.HeatConfig{Settings: s, Table: table,
		PublishEvery: settings.LeadersEvery(s.Partitions), CommitEvery: settings.CommitEvery}, owner)
	rank := pipeline.NewRanking(pipeline.RankingConfig{Settings: s, Board: views.DefaultBoard, Boards: []string{hour.Definition().Name},
		PublishEvery: settings.PublishEvery}, owner)

	roles := map[string]func(context.Context) error{
		"ingest": func(ctx context.Context) error {
			return ingest.Run(ctx, func(options ...goka.ProcessorOption) (*goka.Processor, error) {
				return processors.NewIngest(processors.IngestConfig{Brokers: brokers, Topology: topo,
					Limits: settings.Limits, Targets: s.Partitions}, options...)
			})
		},
		"heat": func(ctx context.Context) error {
			return pages.Run(ctx, func(options ...goka.ProcessorOption) (*goka.Processor, error) {
				return processors.NewHeat(processors.HeatConfig{Brokers: brokers, Topology: topo}, options...)
			})
		},
		"rank": func(ctx context.Context) error {
			return rank.Run(ctx, func(options ...goka.ProcessorOption) (*goka.Processor, error) {
				return processors.NewRanking(processors.RankingConfig{Brokers: brokers, Topology: topo,
					Ranker: processors.RankerConfig{Board: views.DefaultBoard, Scorer: score, Top: settings.Top, Boards: further},
					Check:  rank.Check, Differ: rank.Differ, DifferOnBoard: rank.DifferOnBoard, BoardDue: rank.BoardDue}, options...)
			})
		},
	}
	parts, ctx := errgroup.WithContext(ctx)
	for name, role := range roles {
		parts.Go(func() error {
			return pipeline.Supervise(ctx, pipeline.Supervised{Name: name, Run: role, Logger: s.Logger})
		})
	}
	// A topic that is deleted and recreated ends the program instead of being counted twice.
	watch := s.NewTopicWatch(s.NeededTopics(func(role string) bool { return roles[role] != nil }))
	parts.Go(func() error { return watch.Run(ctx) })
	return parts.Wait()
}
