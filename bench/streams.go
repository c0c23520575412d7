package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"pageheat/integration/harness"
)

// streamsCmd measures what clients that follow the board cost: the processor time
// of the pipeline per message with and without them, apart from serving them, and
// how long after a reader of the output they have a board.
type streamsCmd struct {
	Broker     []string      `default:"embedded,kafka" help:"Brokers to measure on: embedded, kafka (${default})."`
	Rate       int           `default:"20000" help:"Messages a second (${default})."`
	Clients    int           `default:"1000" help:"Event streams, compared with none (${default})."`
	Pages      int           `default:"10000" help:"Number of pages (${default})."`
	Partitions int32         `default:"3" help:"Number of partitions (${default})."`
	For        time.Duration `default:"30s" help:"How long messages are sent (${default})."`
	Warmup     time.Duration `default:"3s" help:"How long messages are sent before; boards of that time are not measured (${default})."`
	Repeat     int           `default:"5" help:"Runs without and with clients, in turn (${default})."`
	Profile    string        `placeholder:"DIR" help:"Keep pageheat's profiles there."`

	outputFlags
}

// streamsResult is one run.
type streamsResult struct {
	Broker     string        `json:"broker"`
	Rate       int           `json:"rate"` // messages a second
	Clients    int           `json:"clients"`
	Pages      int           `json:"pages"`
	Partitions int32         `json:"partitions"`
	For        time.Duration `json:"for"`
	Messages   int64         `json:"messages"`
	// CPU is all processor time of the process, in seconds per million messages.
	// Pipeline, Serving and Runtime are its parts.
	CPU      float64 `json:"cpu"`
	Pipeline float64 `json:"pipeline"`
	Serving  float64 `json:"serving"`
	Runtime  float64 `json:"runtime"`
	// Events is how many boards a client got a second.
	Events float64 `json:"events"`
	// Seen is the time from a board's arrival at a reader of the output until a
	// client had that board or a newer one, over all boards and clients.
	Seen  percentiles `json:"seen"`
	Wrong []string    `json:"wrong,omitempty"`
	Load  float64     `json:"load"`
}

func (r *streamsResult) key() string {
	return fmt.Sprintf("%s, %s messages/s, %s event streams", r.Broker, thousands(int64(r.Rate)), thousands(int64(r.Clients)))
}

// Run measures on every broker.
func (c *streamsCmd) Run(ctx context.Context, o out) error {
	results := newReport()
	if err := c.measure(ctx, o, results); err != nil {
		return err
	}
	return c.finish(o, results)
}

func (c *streamsCmd) measure(ctx context.Context, o out, results *report) error {
	if c.Repeat < 1 || c.Rate < 1 || c.Clients < 1 {
		return errors.New("--repeat, --rate and --clients must be at least 1")
	}
	if c.Program != "" {
		return errors.New("--program: streams builds a pageheat of its own, since it has to write profiles")
	}
	kept := &profiles{dir: c.Profile}
	if c.Profile == "" {
		dir, err := os.MkdirTemp("", "pageheat-bench-streams-")
		if err != nil {
			return fmt.Errorf("making a directory for profiles: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		kept.dir = dir
	}
	program, clean, err := c.build(ctx, kept)
	if err != nil {
		return err
	}
	defer clean()
	for _, kind := range c.Broker {
		broker, err := startCluster(ctx, kind)
		if err != nil {
			return err
		}
		err = c.on(ctx, o, streamsSetting{broker, program, kept}, results)
		broker.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// streamsSetting is what all runs on one broker have in common.
type streamsSetting struct {
	broker   *cluster
	program  string
	profiles *profiles
}

// on measures on one broker. What comes first in a pair changes, so that what drifts
// is in both.
func (c *streamsCmd) on(ctx context.Context, o out, s streamsSetting, results *report) error {
	if s.broker.kind == brokerKafka {
		const unmeasured = -1 // Java compiles what runs often
		res, err := c.once(ctx, s, c.Clients, unmeasured)
		if err != nil {
			return fmt.Errorf("warming up: %w", err)
		}
		o.say("(warm-up: %s)", res)
	}
	for run := range c.Repeat {
		pair := []int{0, c.Clients}
		if run%2 == 1 {
			slices.Reverse(pair)
		}
		for _, clients := range pair {
			res, err := c.once(ctx, s, clients, run)
			if err != nil {
				res.Wrong = append(res.Wrong, err.Error())
			}
			results.Streams = append(results.Streams, res)
			o.say("%s%s", res, verdict(res.Wrong))
		}
	}
	return nil
}

func (r *streamsResult) String() string {
	return fmt.Sprintf("%s: pipeline %.1f cpu s/M, serving %.1f; seen p99 %.0f ms, max %.0f ms", r.key(), r.Pipeline, r.Serving, r.Seen.P99, r.Seen.Max)
}

// servedByDefault is how many event streams pageheat run serves unless it is told to
// serve more.
const servedByDefault = 2_000

// once is one run. The result is there also where it failed.
func (c *streamsCmd) once(ctx context.Context, set streamsSetting, clients, run int) (*streamsResult, error) {
	broker := set.broker
	res := &streamsResult{Broker: broker.kind, Rate: c.Rate, Clients: clients, Pages: c.Pages, Partitions: c.Partitions, For: c.For, Load: load()}
	const patience = time.Minute // beyond what is asked for
	ctx, cancel := context.WithTimeout(ctx, c.Warmup+c.For+patience)
	defer cancel()
	prefix := fmt.Sprintf("bench-streams-%s-%d-of-%d-%d", broker.kind, clients, c.Clients, run)
	input := prefix + "-input"
	if err := broker.createTopic(ctx, input, c.Partitions); err != nil {
		return res, err
	}
	s, err := newSite(ctx, broker, set.program, prefix, input)
	if err != nil {
		return res, err
	}
	s.more = set.profiles.env()
	// All clients are on this machine. An older program knows no such bounds, and
	// passes over the variables.
	s.more = append(s.more, "PAGEHEAT_MAX_STREAMS_PER_CLIENT="+strconv.Itoa(max(clients, 1)),
		"PAGEHEAT_MAX_CONNECTIONS_PER_CLIENT="+strconv.Itoa(clients+servedByDefault),
		"PAGEHEAT_MAX_CONNECTIONS="+strconv.Itoa(clients+servedByDefault))
	if clients > servedByDefault {
		s.more = append(s.more, "PAGEHEAT_MAX_STREAMS="+strconv.Itoa(clients))
	}
	instance, err := s.run("--listen", "127.0.0.1:0")
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
	address, err := httpAddress(ctx, instance)
	if err != nil {
		return res, err
	}
	streams, err := openStreams(ctx, address, clients)
	if err != nil {
		return res, err
	}
	defer streams.close()

	sender := latencyCmd{Pages: c.Pages, Partitions: c.Partitions, For: c.For, Warmup: c.Warmup}
	created, want, err := sender.send(ctx, broker, input, c.Rate)
	if err != nil {
		return res, err
	}
	res.Messages = want.counted
	last, err := follower.wait(ctx, want.counted)
	if err != nil {
		return res, err
	}
	if err := streams.wait(ctx, last.Version); err != nil {
		return res, err
	}
	res.Wrong = want.compareBoard(last)
	from := created[0][0].Add(c.Warmup)
	seen := streams.all()
	if res.Seen, err = seenAfter(follower.all(), from, last.Version, seen); err != nil {
		return res, err
	}
	res.Events = eventsPerSecond(seen, from, last.Came)
	total := instance.cpu()
	cancel()
	if err := set.profiles.collect(instance, prefix); err != nil {
		return res, err
	}
	file := set.profiles.file(instance, prefix, ".cpu")
	if err := res.split(file, total); err != nil {
		return res, err
	}
	streams.close()
	return res, errors.Join(instance.stop(), broker.deleteTopics(context.WithoutCancel(ctx), prefix))
}

// httpAddress is where an instance serves; it waits for that.
func httpAddress(ctx context.Context, p *process) (string, error) {
	const said = "serves HTTP"
	if err := p.log.wait(ctx, said, 1); err != nil {
		return "", err
	}
	find := regexp.MustCompile(`address"?[=:]"?([0-9.]+:[0-9]+)`)
	for _, line := range p.log.lines() {
		if match := find.FindStringSubmatch(line); match != nil && strings.Contains(line, said) {
			return match[1], nil
		}
	}
	return "", fmt.Errorf("the log of %s does not say where it serves HTTP\n%s", p, p.log.tail())
}

// seenAfter is how long after a reader of the output clients had each board that came
// from a time on, up to a version: this board or a newer one.
func seenAfter(boards []*harness.Board, from time.Time, last uint64, clients [][]event) (percentiles, error) {
	const longest = int64(10 * time.Minute / time.Microsecond)
	h := hdrhistogram.New(1, longest, 3)
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
				return percentiles{}, fmt.Errorf("event stream %d has not got version %d, nor a newer one", i, b.Version)
			}
			// A client may be faster than the reader.
			if err := h.RecordValue(max(1, events[next].at.Sub(b.Came).Microseconds())); err != nil {
				return percentiles{}, fmt.Errorf("taking down when a board was seen: %w", err)
			}
		}
	}
	if h.TotalCount() == 0 {
		return percentiles{}, nil
	}
	ms := func(quantile float64) float64 { return float64(h.ValueAtQuantile(quantile)) / 1000 }
	return percentiles{P50: ms(50), P90: ms(90), P99: ms(99), Max: float64(h.Max()) / 1000}, nil
}

// eventsPerSecond is how many events a client got, on average.
func eventsPerSecond(clients [][]event, from, to time.Time) float64 {
	n := 0
	for _, events := range clients {
		for _, e := range events {
			if !e.at.Before(from) && !e.at.After(to) {
				n++
			}
		}
	}
	return quotient(perSecond(int64(n), to.Sub(from)), float64(len(clients)))
}
