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

// Within bounds whatever the harness waits for, on a machine that does much else
// at the same time.
const Within = 60 * time.Second

// Site is an installation of one test; a failure of the harness ends the test.
type Site struct {
	t testing.TB
	// Cluster is where the topics are.
	Cluster *kafkatest.Cluster
	Installation
}

// NewSite returns an installation without topics.
func NewSite(t testing.TB, cluster *kafkatest.Cluster, program string) *Site {
	t.Helper()
	prefix := kafkatest.Prefix(t)
	return &Site{t: t, Cluster: cluster, Installation: Installation{Program: program, Brokers: cluster.Bootstrap(),
		Prefix: prefix, Input: prefix + "-input", Output: prefix + "-output"}}
}

// Command runs a command of the program to its end.
func (s *Site) Command(args ...string) Result {
	s.t.Helper()
	return s.CommandWith(nil, args...)
}

// CommandWith is Command with something to read.
func (s *Site) CommandWith(stdin []byte, args ...string) Result {
	s.t.Helper()
	return s.command(Within, stdin, args)
}

// CommandWithin is Command for one that may take longer than others.
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

// Must runs a command that has to end with exit code 0, and returns what it wrote
// to its standard output.
func (s *Site) Must(args ...string) string {
	s.t.Helper()
	r := s.Command(args...)
	if r.Code != 0 {
		s.t.Fatalf("pageheat %s: exit code %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Create creates the input with a given number of partitions, and all other topics with the
// program, whose flags may be given.
func (s *Site) Create(inputPartitions int32, flags ...string) {
	s.t.Helper()
	kafkatest.CreateTopic(s.t, s.Cluster, s.Input, inputPartitions)
	s.Must(append([]string{"topics", "create"}, flags...)...)
}

// ProduceFile has the program send the lines of a text.
func (s *Site) ProduceFile(lines []byte) {
	s.t.Helper()
	if r := s.CommandWith(lines, "produce", "--file", "-"); r.Code != 0 {
		s.t.Fatalf("pageheat produce: exit code %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// Ends are the offsets after the last record of each partition of the input.
// Where the input is written by transactions they may be above what any reader
// of the records can know of: use the offsets of the records then.
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

// WaitCommitted waits until the ingest group has committed the given offsets: all
// before them is in the behaviour topic.
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

// Ends are offsets of the input by partition: all before them is meant.
type Ends map[int32]int64

// Include raises an end so that a record is before it.
func (e Ends) Include(r *kgo.Record) { e[r.Partition] = max(e[r.Partition], r.Offset+1) }

// Describe tells who is in a group, for a test that asks how work is shared:
// how many partitions each member owns.
func (s *Site) Describe(group string) (state string, owned []int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Within)
	defer cancel()
	groups, err := s.admin().DescribeGroups(ctx, group)
	if err == nil {
		err = groups.Error()
	}
	if errors.Is(err, kerr.GroupIDNotFound) {
		return "Dead", nil // as an older broker says
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

// must ends the test with an error that says what was not to be had.
func (s *Site) must(err error, format string, args ...any) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
}
