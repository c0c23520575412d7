// Kafka runs Apache Kafka on loopback addresses, without Docker, until it is
// interrupted: for trying the program by hand.
//
//	go run ./integration/kafkatest/kafka -brokers 3
//	go run ./integration/kafkatest/kafka -jars      only fetches Kafka's jars
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"pageheat/integration/kafkatest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

func run(ctx context.Context) error {
	brokers := flag.Int("brokers", 1, "number of brokers")
	dir := flag.String("dir", "", "keep the data here; otherwise it ends with the brokers")
	jars := flag.Bool("jars", false, "only fetch Kafka's jars, and print where they are")
	flag.Parse()
	if *jars {
		where, err := kafkatest.Jars(ctx)
		if err == nil {
			fmt.Println(where)
		}
		return err
	}
	c, err := kafkatest.Start(ctx, kafkatest.Config{Brokers: *brokers, Dir: *dir, Measured: true})
	if err != nil {
		return err
	}
	fmt.Printf("export PAGEHEAT_BROKERS=%s\n", c.Bootstrap())
	<-ctx.Done()
	return c.Close()
}
