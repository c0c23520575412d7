package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/google/pprof/profile"
	"golang.org/x/sync/errgroup"

	"pageheat/integration/harness"
)

// streamsCmd measures the cost of clients that follow the board: the CPU time of the pipeline per
// message with and without them, not including serving them, and the delay of their boards after a
// reader of the output.
type streamsCmd struct {
	Broker  []string `default:"kafka" help:"Brokers to measure on: embedded, kafka (${default})."`
	Rate    int      `default:"20000" help:"Messages a second (${default})."`
	Clients int      `default:"1000" help:"Event streams, compared with none (${default})."`
	Repeat  int      `default:"5" help:"Runs without and with clients, in turn (${default})."`

	steadyTraffic
	outputFlags
}

// Run measures on every broker.
func (c *streamsCmd) Run(ctx context.Context, o out) error { return c.perform(ctx, o, c) }

func (c *streamsCmd) measure(ctx context.Context, o out, program string, results *report) error {
	if c.Repeat < 1 || c.Rate < 1 || c.Clients < 1 {
		return errors.New("--repeat, --rate and --clients must be at least 1")
	}
	return onEach(ctx, c.Broker, func(broker *cluster) error { return c.on(ctx, o, broker, program, results) })
}

// on measures on one broker. The order within a pair alternates, so a drift affects both.
func (c *streamsCmd) on(ctx context.Context, o out, broker *cluster, program string, results *report) error {
	measured := func(clients, n int) *run {
		res := newRun("Streams", "broker", broker.kind, "pages", c.Pages, "rate", c.Rate, "clients", clients)
		if err := c.once(ctx, broker, program, clients, n, res); err != nil {
			res.fail("%v", err)
		}
		o.say("%s: pipeline %.1f cpu-s/M, serving %.1f; seen within %.0f ms%s", res.name,
			res.get("pipeline-cpu-s/M"), res.get("serving-cpu-s/M"), res.get("seen-max-ms"), verdict(res))
		return res
	}
	if broker.kind == brokerKafka {
		const unmeasured = -1 // Java compiles what runs often
		if warm := measured(c.Clients, unmeasured); len(warm.wrong) > 0 {
			return fmt.Errorf("warming up: %w:%s", errWrong, verdict(warm))
		}
	}
	for n := range c.Repeat {
		pair := []int{0, c.Clients}
		if n%2 == 1 {
			slices.Reverse(pair)
		}
		for _, clients := range pair {
			results.add(measured(clients, n))
		}
	}
	return ctx.Err()
}

// once measures one run.
func (c *streamsCmd) once(ctx context.Context, broker *cluster, program string, clients, n int, res *run) error {
	// All clients are on this machine.
	connections := strconv.Itoa(clients + 2*c.Clients)
	s, err := c.begin(ctx, broker, program, fmt.Sprintf("bench-streams-%s-%d-%d", broker.kind, clients, n),
		"--max-streams", strconv.Itoa(max(clients, 1)), "--max-streams-per-client", strconv.Itoa(max(clients, 1)),
		"--max-connections", connections, "--max-connections-per-client", connections)
	if err != nil {
		return err
	}
	defer s.close()
	address, err := s.in.Address(s.ctx)
	if err != nil {
		return err
	}
	streams, err := openStreams(s.ctx, address, clients)
	if err != nil {
		return err
	}
	defer streams.close()

	profiling, ctx := errgroup.WithContext(s.ctx)
	profiling.Go(func() error {
		seconds := max(1, int((c.Warmup + c.For).Seconds()))
		before := cpu(s.in)
		text, err := take(ctx, s.in, "profile", seconds)
		if err != nil {
			return err
		}
		return splitCPU(res, text, (cpu(s.in)-before)*1e6/float64(c.Rate*seconds))
	})
	created, want, err := c.send(ctx, broker, s.site.Input, c.Rate)
	if err != nil {
		return err
	}
	last, err := s.boards.First(ctx, counts(want.Counted))
	if err != nil {
		return err
	}
	if err := streams.wait(ctx, last.Version); err != nil {
		return err
	}
	if err := profiling.Wait(); err != nil {
		return err
	}
	compare(res, s.boards, want, harness.DefaultTop)
	from := created[0][0].Add(c.Warmup)
	seen, err := seenAfter(s.boards.Seen(), from, last.Version, streams.all())
	if err != nil {
		return err
	}
	if clients > 0 {
		res.set(boardsUnit, eventsPerSecond(streams.all(), from, last.Came))
		res.set("seen-p50-ms", quantile(seen, 0.5))
		res.set("seen-p99-ms", quantile(seen, 0.99))
		res.set("seen-max-ms", quantile(seen, 1))
	}
	streams.close()
	return s.end()
}

// splitCPU sets the figures of an instance's CPU time by purpose, from a profile. The total, in
// seconds per million messages, comes from the kernel and has no sampling error. A sample belongs to
// serving if any function in its stack serves clients, because what such a function calls (encoding,
// writing to a connection, allocating) is for the clients. Otherwise it belongs to the pipeline if
// any function is from pageheat or a Kafka client. The rest has no caller: the scheduler, timers and
// the collector.
func splitCPU(res *run, text []byte, total float64) error {
	p, err := profile.ParseData(text)
	if err != nil {
		return fmt.Errorf("reading a profile: %w", err)
	}
	at := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Unit == "nanoseconds" })
	if at < 0 {
		return errors.New("a profile is not one of processor time")
	}
	serving := regexp.MustCompile(`^net/http\.|^pageheat/(views|web|web/site|overview|collect)\.`)
	pipeline := regexp.MustCompile(`^pageheat/|^main\.|^github\.com/(IBM/sarama|lovoo/goka|twmb/franz-go)`)
	times, all := make(map[string]int64), int64(0)
	for _, s := range p.Sample {
		purpose := "runtime"
		for _, location := range s.Location {
			for _, line := range location.Line {
				switch {
				case line.Function == nil:
				case serving.MatchString(line.Function.Name):
					purpose = "serving"
				case pipeline.MatchString(line.Function.Name) && purpose != "serving":
					purpose = "pipeline"
				}
			}
		}
		times[purpose] += s.Value[at]
		all += s.Value[at]
	}
	for _, purpose := range []string{"pipeline", "serving", "runtime"} {
		res.set(purpose+"-cpu-s/M", total*float64(times[purpose])/float64(max(all, 1)))
	}
	res.set("cpu-s/M", total)
	return nil
}

// seenAfter returns the delays, in milliseconds, between a reader of the output and the clients: for
// each board since a time and up to a version, until a client had this board or a newer one.
func seenAfter(boards []*harness.Board, from time.Time, last uint64, clients [][]event) ([]float64, error) {
	var all []float64
	for i, events := range clients {
		next := 0
		for _, b := range boards {
			if b.Came.Before(from) || b.Version > last {
				continue
			}
			for next < len(events) && events[next].version < b.Version {
				next++
			}
			if next == len(events) {
				return nil, fmt.Errorf("event stream %d has not got version %d, nor a newer one", i, b.Version)
			}
			// A client may be faster than the reader.
			all = append(all, max(0, milliseconds(events[next].at.Sub(b.Came))))
		}
	}
	return all, nil
}

// eventsPerSecond returns the average number of events that a client received.
func eventsPerSecond(clients [][]event, from, to time.Time) float64 {
	n := int64(0)
	for _, events := range clients {
		for _, e := range events {
			if !e.at.Before(from) && !e.at.After(to) {
				n++
			}
		}
	}
	return perSecond(n, to.Sub(from)) / float64(max(1, len(clients)))
}
