package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
	"pageheat/traffic"
)

// latencyCmd measures how long it takes from a message's creation until a reader
// of the output has the first board with it in hand. A bare consumer of the same
// messages runs beside it: what it needs is the machine's and the broker's.
type latencyCmd struct {
	Broker     []string        `default:"embedded,kafka" help:"Brokers to measure on: embedded, kafka (${default})."`
	Rates      []int           `default:"2000,50000" help:"Messages a second (${default})."`
	Lingers    []time.Duration `default:"1ms,5ms,20ms" help:"Settings of pageheat run --linger (${default})."`
	Pages      int             `default:"10000" help:"Number of pages (${default})."`
	Partitions int32           `default:"3" help:"Number of partitions (${default})."`
	For        time.Duration   `default:"20s" help:"How long messages are sent (${default})."`
	Warmup     time.Duration   `default:"3s" help:"How long messages are sent before, which are not measured (${default})."`
	Repeat     int             `default:"1" help:"Runs of each; the table shows the one with the median p99."`

	outputFlags
	Profile string `placeholder:"DIR" help:"Write pageheat's profiles of processor time and memory there."`
}

// Run measures every combination.
func (c *latencyCmd) Run(ctx context.Context, o out) error {
	results := newReport()
	if err := c.measure(ctx, o, results); err != nil {
		return err
	}
	return c.finish(o, results)
}

func (c *latencyCmd) measure(ctx context.Context, o out, results *report) error {
	if c.Repeat < 1 || len(c.Rates) == 0 || len(c.Lingers) == 0 {
		return errors.New("--repeat must be at least 1, --rates and --lingers need a value")
	}
	program, clean, err := c.build(ctx, &profiles{dir: c.Profile})
	if err != nil {
		return err
	}
	defer clean()
	for _, kind := range c.Broker {
		broker, err := startCluster(ctx, kind)
		if err != nil {
			return err
		}
		if kind == brokerKafka {
			if err := c.warm(ctx, o, broker, program); err != nil {
				return err
			}
		}
		for _, rate := range c.Rates {
			for _, linger := range c.Lingers {
				for run := range c.Repeat {
					res, err := c.once(ctx, broker, program, rate, linger, run)
					if err != nil {
						res.Wrong = append(res.Wrong, err.Error())
					}
					results.Latency = append(results.Latency, res)
					o.say("%s: p50 %.1f ms, p99 %.1f ms; bare %.1f and %.1f%s", res.key(),
						res.Board.P50, res.Board.P99, res.Bare.P50, res.Bare.P99, verdict(res.Wrong))
				}
			}
		}
		broker.close()
	}
	return nil
}

// warm runs once, unmeasured, at the highest rate: Java compiles what runs often.
func (c *latencyCmd) warm(ctx context.Context, o out, broker *cluster, program string) error {
	unprofiled := *c
	unprofiled.Profile = ""
	const unmeasured = -1
	res, err := unprofiled.once(ctx, broker, program, slices.Max(c.Rates), c.Lingers[0], unmeasured)
	if err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	o.say("(warm-up: p50 %.1f ms, p99 %.1f ms%s)", res.Board.P50, res.Board.P99, verdict(res.Wrong))
	return nil
}

// once is one run. The result is there also where it failed.
func (c *latencyCmd) once(ctx context.Context, broker *cluster, program string, rate int, linger time.Duration, run int) (*latencyResult, error) {
	res := &latencyResult{Broker: broker.kind, Rate: rate, Linger: linger.String(), Pages: c.Pages,
		Partitions: c.Partitions, For: c.For, Load: load()}
	const patience = time.Minute // beyond what is asked for
	ctx, cancel := context.WithTimeout(ctx, c.Warmup+c.For+patience)
	defer cancel()
	prefix := fmt.Sprintf("bench-%s-%d-per-second-linger-%s-%d", broker.kind, rate, linger, run)
	input := prefix + "-input"
	if err := broker.createTopic(ctx, input, c.Partitions); err != nil {
		return res, err
	}
	s, err := newSite(ctx, broker, program, prefix, input)
	if err != nil {
		return res, err
	}
	profiles := &profiles{dir: c.Profile}
	s.more = profiles.env()
	instance, err := s.run("--roles", "ingest,heat,rank", "--linger", linger.String())
	if err != nil {
		return res, err
	}
	defer instance.kill()
	ctx, cancel = watched(ctx, []*process{instance})
	defer cancel()
	follower, err := followBoards(broker, s.topo.Output)
	if err != nil {
		return res, err
	}
	defer follower.close()
	if _, err := follower.wait(ctx, 0); err != nil {
		return res, err
	}

	bare, err := followRecords(broker, input, c.Partitions)
	if err != nil {
		return res, err
	}
	defer bare.close()
	created, want, err := c.send(ctx, broker, input, rate)
	if err != nil {
		return res, err
	}
	res.Messages = want.counted
	last, err := follower.await(ctx, "with every message", func(b *harness.Board) bool { return includes(b, created) })
	if err != nil {
		return res, err
	}
	if err := bare.wait(ctx, want.counted); err != nil {
		return res, err
	}
	res.Wrong = want.compareBoard(last)
	measureFrom := created[0][0].Add(c.Warmup)
	if res.Board, err = latencies(created, measureFrom, boardTimes(follower.all(), created)); err != nil {
		return res, err
	}
	if res.Bare, err = latencies(created, measureFrom, bare.came); err != nil {
		return res, err
	}
	cancel()
	if err := profiles.collect(instance, prefix); err != nil {
		return res, err
	}
	return res, errors.Join(instance.stop(), broker.deleteTopics(context.WithoutCancel(ctx), prefix))
}

// send sends messages at a rate, to the partitions in turn. It returns when each
// was created, by partition and offset, and what has to come out.
func (c *latencyCmd) send(ctx context.Context, broker *cluster, topic string, rate int) ([][]time.Time, *recount, error) {
	simulator, err := traffic.NewSimulator(traffic.Options{Pages: c.Pages, Seed: 1})
	if err != nil {
		return nil, nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return nil, nil, fmt.Errorf("connecting a producer to %v: %w", broker.brokers, err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	failed := func(_ *kgo.Record, err error) {
		if err != nil {
			cancel(fmt.Errorf("producing to %s: %w", topic, err))
		}
	}
	created := make([][]time.Time, c.Partitions)
	want := newRecount()
	began := time.Now()
	total := int64((c.Warmup + c.For).Seconds() * float64(rate))
	for n := int64(0); n < total && ctx.Err() == nil; {
		due := int64(time.Since(began).Seconds()*float64(rate)) + 1
		for ; n < min(due, total); n++ {
			message := simulator.Next().Append(nil)
			if err := want.add(message); err != nil {
				return nil, nil, err
			}
			p := n % int64(c.Partitions)
			now := time.Now()
			created[p] = append(created[p], now)
			client.Produce(ctx, &kgo.Record{Topic: topic, Partition: int32(p), Value: message, Timestamp: now}, failed)
		}
		time.Sleep(time.Until(began.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second)))))
	}
	if err := client.Flush(ctx); err != nil {
		return nil, nil, fmt.Errorf("producing to %s: %w", topic, context.Cause(ctx))
	}
	return created, want, context.Cause(ctx)
}

// includes reports whether every message that was created is below the board's offsets.
// A board may count all before: an offset is the lowest of all heat partitions, and one
// that gets no page of the last range learns of it a moment later.
func includes(b *harness.Board, created [][]time.Time) bool {
	for p, messages := range created {
		if b.Offsets[strconv.Itoa(p)] < int64(len(messages)) {
			return false
		}
	}
	return true
}

// boardTimes says, for each message that was created, when the first board came
// that every message before the one after it is in.
func boardTimes(boards []*harness.Board, created [][]time.Time) [][]time.Time {
	came := make([][]time.Time, len(created))
	for p := range came {
		came[p] = make([]time.Time, 0, len(created[p]))
		for _, b := range boards {
			for int64(len(came[p])) < min(b.Offsets[strconv.Itoa(p)], int64(len(created[p]))) {
				came[p] = append(came[p], b.Came)
			}
		}
	}
	return came
}

// latencies are the times from creation to coming, of messages created from a
// time on.
func latencies(created [][]time.Time, from time.Time, came [][]time.Time) (percentiles, error) {
	const longest = int64(10 * time.Minute / time.Microsecond)
	h := hdrhistogram.New(1, longest, 3)
	for p := range created {
		if len(came[p]) < len(created[p]) {
			return percentiles{}, fmt.Errorf("%d of %d messages of partition %d came", len(came[p]), len(created[p]), p)
		}
		for i, at := range created[p] {
			if at.Before(from) {
				continue
			}
			if err := h.RecordValue(max(1, came[p][i].Sub(at).Microseconds())); err != nil {
				return percentiles{}, fmt.Errorf("taking down a latency: %w", err)
			}
		}
	}
	ms := func(quantile float64) float64 { return float64(h.ValueAtQuantile(quantile)) / 1000 }
	return percentiles{P50: ms(50), P90: ms(90), P99: ms(99), Max: float64(h.Max()) / 1000}, nil
}
