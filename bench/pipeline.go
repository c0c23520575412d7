package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"pageheat/integration/harness"
)

// install creates the topics for an existing input, with additional flags of "topics create". All
// names have the prefix.
func install(ctx context.Context, c *cluster, program, prefix, input string, create ...string) (*harness.Installation, error) {
	i := &harness.Installation{Program: program, Brokers: c.bootstrap(), Prefix: prefix, Input: input, Output: prefix + "-output"}
	result, err := i.Run(ctx, nil, append([]string{"topics", "create"}, create...)...)
	if err == nil && result.Code != 0 {
		err = fmt.Errorf("pageheat topics create: exit code %d\n%s%s", result.Code, result.Stdout, result.Stderr)
	}
	return i, err
}

// audit runs the program's audit, which recounts the input and compares all pages.
func audit(ctx context.Context, i *harness.Installation, res *run) error {
	result, err := i.Run(ctx, nil, "audit")
	if err == nil && result.Code != 0 {
		res.fail("pageheat audit ends with exit code %d: %s%s", result.Code, result.Stdout, result.Stderr)
	}
	return err
}

// behaviourTopic and heatTable are the names of topics of an installation.
func behaviourTopic(i *harness.Installation) string { return i.Prefix + "-behavior" }
func heatTopic(i *harness.Installation) string      { return i.Prefix + "-heat-table" }

// shape is the size of pageheat in a run. The zero value is one process with default settings.
type shape struct {
	tablePartitions int32 // 0: as many as the input
	top             int   // pages on the board, 0: the default
	instances       int   // 0: one
}

// create returns the flags of "pageheat topics create".
func (s shape) create() []string {
	if s.tablePartitions == 0 {
		return nil
	}
	return []string{"--partitions", strconv.Itoa(int(s.tablePartitions))}
}

// counts accepts a board with a given number of behaviours.
func counts(behaviours int64) func(*harness.Board) bool {
	return func(b *harness.Board) bool { return b.Counted >= behaviours }
}

// compare records what is wrong with the newest board and the earlier ones.
func compare(res *run, boards *harness.Boards, want *harness.Recount, top int) {
	res.wrong = append(append(res.wrong, boards.Wrong()...), want.CompareTop(boards.Newest(), top)...)
}

// runPipeline measures pageheat on a backlog, with additional flags of "run".
func (r *runner) runPipeline(ctx context.Context, b *backlog, prefix string, res *run, flags ...string) error {
	i, err := install(ctx, r.cluster, r.program, prefix, b.topic, r.shape.create()...)
	if err != nil {
		return err
	}
	boards, err := r.cluster.followBoards(i.Output)
	if err != nil {
		return err
	}
	defer boards.Close()
	top := max(r.shape.top, harness.DefaultTop)
	flags = append([]string{"--roles", "ingest,heat,rank", "--top", strconv.Itoa(top)}, flags...)
	var instances []*harness.Instance
	for n := range max(1, r.shape.instances) {
		in, err := i.StartInstance(strconv.Itoa(n), flags...)
		if err != nil {
			return err
		}
		defer func() { _ = in.Kill() }() // it has exited, or an error is being returned
		instances = append(instances, in)
	}
	ctx, cancel := harness.While(ctx, instances...)
	defer cancel()
	var profiles *recording
	if r.profileDir != "" {
		profiles = record(ctx, instances[0], "profile")
	}
	began, err := r.cluster.firstRecord(ctx, behaviourTopic(i))
	if err != nil {
		return err
	}
	broker, before := known(r.cluster.cpu()), cpu(instances...)
	board, err := boards.First(ctx, counts(b.messages))
	if err != nil {
		return err
	}
	durable, err := awaitDurable(ctx, r.cluster, heatTopic(i), b.messages)
	if err != nil {
		return err
	}
	millions := float64(b.messages) / 1e6
	res.set(rateUnit, perSecond(b.messages, board.Came.Sub(began)))
	res.set("start-s", began.Sub(instances[0].Began()).Seconds())
	res.set("cpu-s/M", (cpu(instances...)-before)/millions)
	res.set("broker-cpu-s/M", (known(r.cluster.cpu())-broker).Seconds()/millions)
	peak := 0.0
	for _, in := range instances {
		_, most := memory(in)
		peak += most
	}
	res.set("peak-MiB", peak)
	res.set("durable-s", max(0, durable.Sub(board.Came).Seconds()))
	if profiles != nil {
		if err := profiles.keep(ctx, instances[0], r.profileDir, prefix); err != nil {
			return err
		}
	}
	cancel() // from now on, an exit is expected
	for _, in := range instances {
		if err := in.Stop(); err != nil {
			return fmt.Errorf("%w\n%s", err, in.LastWords())
		}
	}
	compare(res, boards, b.want, top)
	if r.warming {
		return nil
	}
	return audit(context.WithoutCancel(ctx), i, res)
}

// runDisk measures one process with its pages on disk, in the directory for temporary files.
func (r *runner) runDisk(ctx context.Context, b *backlog, prefix string, res *run) error {
	dir, err := os.MkdirTemp("", prefix+"-store-")
	if err != nil {
		return fmt.Errorf("making a directory for pages: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return r.runPipeline(ctx, b, prefix, res, "--store", "disk", "--store-dir", dir)
}

// runCeiling measures a plain consumer that counts a backlog.
func (r *runner) runCeiling(ctx context.Context, b *backlog, res *run) error {
	ends, err := r.cluster.ends(ctx, b.topic)
	if err != nil {
		return err
	}
	broker := known(r.cluster.cpu())
	p, m, err := readBare(ctx, r.cluster, b.topic, ends, "--sum")
	if err != nil {
		return err
	}
	b.figures(res, p, m, known(r.cluster.cpu())-broker)
	if m.Digest != digest(b.want) {
		res.fail("its sums are not those of a recount")
	}
	return nil
}

// steady returns an error if a role of an instance was restarted after an error, such as a
// transaction that timed out.
func steady(ctx context.Context, instances ...*harness.Instance) error {
	for _, in := range instances {
		restarts, err := in.Restarts(ctx)
		if err != nil {
			return err
		}
		for role, n := range restarts {
			if n > 0 {
				return fmt.Errorf("%s: role %s was started again %v times\n%s", in, role, n, in.LastWords())
			}
		}
	}
	return nil
}

// within is the time limit of a run.
func within(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, patience, fmt.Errorf("it took longer than %v", patience))
}
