package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/kafkatest"
)

// Within is the longest time that the harness waits for anything, on a busy machine.
const Within = 2 * time.Minute

// Site is the installation of one test. A failure of the harness ends the test.
type Site struct {
	t testing.TB
	// Cluster is where the topics are.
	Cluster *kafkatest.Cluster
	Installation
}

// NewSite returns an installation without topics. On a secured cluster its processes connect in
// the first of the cluster's ways.
func NewSite(t testing.TB, cluster *kafkatest.Cluster, program string) *Site {
	t.Helper()
	prefix := kafkatest.Prefix(t)
	s := &Site{t: t, Cluster: cluster, Installation: Installation{Program: program, Brokers: cluster.Bootstrap(),
		Prefix: prefix, Input: prefix + "-input", Output: prefix + "-output"}}
	if kinds := cluster.Security(); len(kinds) > 0 {
		s.Secure(cluster, kinds[0])
	}
	return s
}

// Command runs a command of the program to its end.
func (s *Site) Command(args ...string) Result {
	s.t.Helper()
	return s.CommandWith(nil, args...)
}

// CommandWith is Command with standard input.
func (s *Site) CommandWith(stdin []byte, args ...string) Result {
	s.t.Helper()
	return s.command(Within, stdin, args)
}

// CommandWithin is Command with its own time limit.
func (s *Site) CommandWithin(limit time.Duration, args ...string) Result {
	s.t.Helper()
	return s.command(limit, nil, args)
}

func (s *Site) command(limit time.Duration, stdin []byte, args []string) Result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	r, err := s.Run(ctx, stdin, args...)
	s.must(err, "running a command")
	return r
}

// Must runs a command, expects exit code 0, and returns its standard output.
func (s *Site) Must(args ...string) string {
	s.t.Helper()
	r := s.Command(args...)
	if r.Code != 0 {
		s.t.Fatalf("pageheat %s: exit code %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Create creates the input with the given number of partitions, and all other topics with the
// program and optional flags.
func (s *Site) Create(inputPartitions int32, flags ...string) {
	s.t.Helper()
	kafkatest.CreateTopic(s.t, s.Cluster, s.Input, inputPartitions)
	s.Must(append([]string{"topics", "create"}, flags...)...)
}

// ProduceFile sends the lines of a text with the program.
func (s *Site) ProduceFile(lines []byte) {
	s.t.Helper()
	if r := s.CommandWith(lines, "produce", "--file", "-"); r.Code != 0 {
		s.t.Fatalf("pageheat produce: exit code %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// Ends returns the offsets after the last record of each input partition. If the input is
// written by transactions, these may be above what a reader of the records can know: use the
// offsets of the records instead.
func (s *Site) Ends() Ends {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Within)
	defer cancel()
	listed, err := s.admin().ListEndOffsets(ctx, s.Input)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		s.t.Fatalf("looking up the end of %s: %v", s.Input, err)
	}
	ends := Ends{}
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends
}

// WaitCommitted waits until the ingest group has committed the given offsets: everything before
// them is in the behaviour topic.
func (s *Site) WaitCommitted(ctx context.Context, ends Ends) error {
	group := s.Prefix + "-ingest"
	for {
		committed, err := s.admin().FetchOffsets(ctx, group)
		done := err == nil
		for p, end := range ends {
			o, ok := committed.Lookup(s.Input, p)
			done = done && ok && o.At >= end
		}
		if done {
			return nil
		}
		select {
		case <-time.After(askEvery):
		case <-ctx.Done():
			return fmt.Errorf("waiting until group %s has committed %v: %w; last seen: %w", group, ends, ctx.Err(), err)
		}
	}
}

func (s *Site) admin() *kadm.Client { return kafkatest.Admin(s.t, s.Cluster) }

// Ends are offsets of the input by partition; they mean all messages before them.
type Ends map[int32]int64

// Include raises an end to include a record.
func (e Ends) Include(r *kgo.Record) { e[r.Partition] = max(e[r.Partition], r.Offset+1) }

// Describe returns the number of partitions that each member of a group owns.
func (s *Site) Describe(group string) (state string, owned []int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Within)
	defer cancel()
	groups, err := s.admin().DescribeGroups(ctx, group)
	if err == nil {
		err = groups.Error()
	}
	if errors.Is(err, kerr.GroupIDNotFound) {
		return "Dead", nil // as older brokers report it
	}
	if err != nil {
		s.t.Fatalf("describing group %s: %v", group, err)
	}
	for _, m := range groups[group].Members {
		n := 0
		if assigned, ok := m.Assigned.AsConsumer(); ok {
			for _, topic := range assigned.Topics {
				n += len(topic.Partitions)
			}
		}
		owned = append(owned, n)
	}
	return groups[group].State, owned
}

// must ends the test with an error that names what failed.
func (s *Site) must(err error, format string, args ...any) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
}
