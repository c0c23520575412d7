package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/pipeline"
	"pageheat/views"
)

// The whole pipeline on an embedded broker. The tab that was open for ten hours is not the hottest
// page.
func Example() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	broker, err := kafkatest.Start(ctx, kafkatest.Config{Embedded: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	cluster := kafka.New(kafka.Config{Brokers: broker.Brokers(), ClientID: "attention"})
	settings, err := prepare(ctx, cluster, slog.New(slog.DiscardHandler))
	if err == nil {
		err = send(cluster, settings, "/forgotten-tab|1|600|0", "/guide|5|2.5|1", "/guide|4|2|0", "/news|2|1|-1")
	}
	if err == nil {
		counting, end := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- run(counting, settings, attention{heat.DefaultWeights(), 3}) }()
		err = errors.Join(show(ctx, settings, views.DefaultBoard, 4), show(ctx, settings, "last-hour", 4))
		end()
		err = errors.Join(err, <-ended)
	}
	cluster.Close()
	if err := errors.Join(err, broker.Close()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// all-time
	// 1. /guide: 11.8 from 9 clicks and 4.5 minutes
	// 2. /forgotten-tab: 3.2 from 1 clicks and 600 minutes
	// 3. /news: 1.4 from 2 clicks and 1 minutes
	// last-hour
	// 1. /guide: 11.8 from 9 clicks and 4.5 minutes
	// 2. /forgotten-tab: 3.2 from 1 clicks and 600 minutes
	// 3. /news: 1.4 from 2 clicks and 1 minutes
}

// send writes behaviours to the input.
func send(cluster *kafka.Cluster, s pipeline.Settings, behaviours ...string) error {
	input, err := cluster.Sender("behaviours", s.Topology.Input, kafka.Bulk())
	if err != nil {
		return err
	}
	defer input.Close()
	for _, behaviour := range behaviours {
		if err := input.Queue(&kafka.Record{Value: []byte(behaviour)}); err != nil {
			return err
		}
	}
	return input.Drain()
}

// show prints the first version of a board with a number of behaviours.
func show(ctx context.Context, s pipeline.Settings, board string, behaviours uint64) error {
	boards := views.Output{Cluster: s.Cluster, Topic: s.Topology.Output, Logger: s.Logger}
	for b, err := range boards.Follow(ctx, board) {
		if err != nil {
			return err
		}
		if b.Board.Counted < behaviours {
			continue
		}
		fmt.Println(board)
		for _, p := range b.Board.Pages {
			fmt.Printf("%d. %s: %s from %s clicks and %s minutes\n", p.Rank, p.Page, p.Heat, p.Clicks, p.Minutes)
		}
		return nil
	}
	return nil
}
