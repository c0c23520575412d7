package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"pageheat/topology"
)

// site is one installation of pageheat, with topics and groups of its own.
type site struct {
	cluster *cluster
	program string
	topo    *topology.Topology
	more    []string // of the environment of instances
}

// newSite creates the topics for an input that exists, with more flags of "topics
// create". All names begin with the prefix.
func newSite(ctx context.Context, c *cluster, program, prefix, input string, create ...string) (*site, error) {
	topo, err := topology.New(topology.Config{Prefix: prefix, Input: input, Output: prefix + "-output"})
	if err != nil {
		return nil, err
	}
	s := &site{cluster: c, program: program, topo: topo}
	return s, s.must(ctx, append([]string{"topics", "create"}, create...)...)
}

func (s *site) env() []string {
	return []string{"PAGEHEAT_BROKERS=" + s.cluster.bootstrap(), "PAGEHEAT_PREFIX=" + s.topo.Prefix,
		"PAGEHEAT_INPUT=" + s.topo.Input, "PAGEHEAT_OUTPUT=" + s.topo.Output}
}

// must runs a command of pageheat that has to succeed.
func (s *site) must(ctx context.Context, args ...string) error {
	code, text, err := command(ctx, s.env(), s.program, args...)
	if err == nil && code != 0 {
		err = fmt.Errorf("pageheat %s: exit code %d\n%s", args[0], code, text)
	}
	return err
}

// run starts an instance. It must be killed at last.
func (s *site) run(flags ...string) (*process, error) {
	return start(s.program, append(s.env(), s.more...), append([]string{"run"}, flags...)...)
}

// watched is a context that ends when an instance does.
func watched(ctx context.Context, instances []*process) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	for _, p := range instances {
		go func() {
			select {
			case <-p.done:
				cancel(fmt.Errorf("%s has ended by itself\n%s", p, p.log.tail()))
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}

// runPipeline measures pageheat with so many processes on a backlog, with more flags
// of "run".
func (r *runner) runPipeline(ctx context.Context, b *backlog, prefix string, processes int, flags ...string) (*result, error) {
	s, err := newSite(ctx, r.cluster, r.program, prefix, b.topic, r.shape.create()...)
	if err != nil {
		return nil, err
	}
	s.more = r.profiles.env()
	follower, err := followBoards(r.cluster, s.topo.Output)
	if err != nil {
		return nil, err
	}
	defer follower.close()
	logs := newWritten(r.cluster, prefix+"-")
	if err := logs.look(ctx); err != nil {
		return nil, err
	}

	res := &result{Counted: b.messages}
	var instances []*process
	for range processes {
		p, err := s.run(slices.Concat(r.runFlags(), r.shape.run(), flags)...)
		if err != nil {
			return nil, err
		}
		defer p.kill()
		instances = append(instances, p)
	}
	ctx, cancel := watched(ctx, instances)
	defer cancel()
	sizes := logs.follow(ctx)

	var m measured
	if m.Began, err = firstRecord(ctx, r.cluster, s.topo.Behavior); err != nil {
		return nil, err
	}
	broker := r.cluster.cpu()
	for _, p := range instances {
		res.CPU -= p.cpu().Seconds()
	}
	half, err := follower.wait(ctx, b.messages/2)
	if err != nil {
		return nil, err
	}
	board, err := follower.wait(ctx, b.messages)
	if err != nil {
		return nil, err
	}
	m.Half, m.HalfCounted, m.Done = half.Came, half.Counted, board.Came
	durable, err := awaitDurable(ctx, r.cluster, s.topo.HeatTable, b.messages)
	if err != nil {
		return nil, err
	}
	for _, p := range instances {
		res.CPU += p.cpu().Seconds()
		res.Peak += mib(p.memory().peak)
	}
	res.BrokerCPU = (r.cluster.cpu() - broker).Seconds()
	res.Durable = max(0, durable.Sub(board.Came).Seconds())
	res.times(instances[0].began, m)
	cancel() // what ends from now on was asked to
	if err := <-sizes; err != nil {
		return nil, err
	}
	res.Bytes = logs.per(b.messages)

	var errs []error
	for _, p := range instances {
		if err := r.profiles.collect(p, prefix); err != nil {
			errs = append(errs, err)
		}
		if err := p.stop(); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	res.Wrong = b.want.compareBoardOf(board, r.shape.top())
	if r.audit {
		return res, s.audit(context.WithoutCancel(ctx), res)
	}
	return res, nil
}

// runDisk measures one process whose pages are on disk, in the directory for
// temporary files.
func (r *runner) runDisk(ctx context.Context, b *backlog, prefix string) (*result, error) {
	dir, err := os.MkdirTemp("", prefix+"-store-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return r.runPipeline(ctx, b, prefix, 1, "--store", "disk", "--store-dir", dir)
}

// runFlags are those of the instances that are measured.
func (r *runner) runFlags() []string {
	if r.serve {
		return []string{"--listen", "127.0.0.1:0"}
	}
	return []string{"--roles", "ingest,heat,rank"}
}

// audit has the program itself recount the input and compare all pages.
func (s *site) audit(ctx context.Context, res *result) error {
	code, text, err := command(ctx, s.env(), s.program, "audit")
	if err != nil {
		return err
	}
	if code != 0 {
		res.wrong("pageheat audit ends with exit code %d:\n%s", code, text)
	}
	return nil
}

// follow looks at the sizes of the logs every second until ctx ends, and a last
// time then; the channel gives the error.
func (w *written) follow(ctx context.Context) <-chan error {
	done := make(chan error, 1)
	go func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if err := w.look(ctx); err != nil && ctx.Err() == nil {
					done <- err
					return
				}
			case <-ctx.Done():
				done <- w.look(context.WithoutCancel(ctx))
				return
			}
		}
	}()
	return done
}

// mib is a number of bytes in MiB.
func mib(bytes uint64) float64 { return float64(bytes) / (1 << 20) }
