package hostile

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// suite is what the tests of the package share.
type suite struct {
	program string
	kafka   kafkatest.Shared
}

// shared is set by TestMain, before any test.
var shared *suite

func TestMain(m *testing.M) {
	const heap = 768
	cfg := kafkatest.Config{HeapMiB: heap, Security: kafkatest.SecurityOfTests()}
	if len(cfg.Security) > 0 {
		cfg.Brokers = 3
	}
	shared = &suite{kafka: kafkatest.Shared{Config: cfg}}
	os.Exit(harness.Main(m, func(program string) { shared.program = program }, shared.kafka.Close))
}

// wholeSuite reports whether this is "make chaos": otherwise tests take a few of their cases.
func wholeSuite() bool { return os.Getenv("PAGEHEAT_CHAOS") != "" }

const (
	inputPartitions = 3
	// drainWithin is how long an instance may take to end, whatever it waits for.
	drainWithin = 10 * time.Second
	// judgedWithin is how long it may take until everything is counted, or an instance
	// has ended.
	judgedWithin = 60 * time.Second
)

// attack is a pipeline under attack.
type attack struct {
	*harness.Site
	t      *testing.T
	ctx    context.Context //nolint:containedctx // of the test
	boards *harness.Boards
	want   *harness.Recount
	ends   harness.Ends
	in     *harness.Instance
	flags  []string // of the instance
	sent   int
}

// newAttack starts an instance that has counted something.
func newAttack(t *testing.T, flags ...string) *attack {
	t.Helper()
	site := harness.NewSite(t, shared.kafka.Cluster(t), shared.program)
	site.Create(inputPartitions)
	return attackOn(t, site, flags...)
}

func attackOn(t *testing.T, site *harness.Site, flags ...string) *attack {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*judgedWithin)
	t.Cleanup(cancel)
	a := &attack{Site: site, t: t, ctx: ctx, boards: site.Follow(), want: harness.NewRecount(), ends: harness.Ends{}, flags: flags}
	a.in = site.Start("in", flags...)
	a.good()
	_, err := a.boards.WaitFor(ctx, a.ends)
	require.NoError(t, err)
	return a
}

// good sends a behaviour to each partition of the input.
func (a *attack) good() {
	a.t.Helper()
	for p := range int32(inputPartitions) {
		a.sent++
		a.behaviour(p, fmt.Sprintf("/page/%d|%d|0.5|1", p, a.sent%7))
	}
}

func (a *attack) behaviour(partition int32, value string) {
	a.t.Helper()
	require.NoError(a.t, a.want.Add([]byte(value), 1))
	a.ends.Include(a.write(&kgo.Record{Topic: a.Input, Partition: partition, Value: []byte(value)}))
}

// write writes a record and returns it with its offset.
func (a *attack) write(r *kgo.Record) *kgo.Record {
	a.t.Helper()
	kafkatest.ProduceRecords(a.t, a.Cluster, r)
	return r
}

func (a *attack) admin() *kadm.Client { return kafkatest.Admin(a.t, a.Cluster) }

// alter sets a setting of a topic.
func (a *attack) alter(topic, name, value string) {
	a.t.Helper()
	answers, err := a.admin().AlterTopicConfigs(a.ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: &value}}, topic)
	require.NoError(a.t, err)
	for _, answer := range answers {
		require.NoError(a.t, answer.Err)
	}
}

// goesOn checks that more is counted, that everything is exact, and that the instance ends on
// request.
func (a *attack) goesOn() {
	a.t.Helper()
	a.counts()
	a.exact()
	a.drains(0)
}

// counts checks that more is counted, and that the board is exact.
func (a *attack) counts() {
	a.t.Helper()
	a.good()
	ctx, cancel := context.WithTimeout(a.ctx, judgedWithin)
	defer cancel()
	for {
		asked, cancel := context.WithTimeout(ctx, time.Second)
		board, err := a.boards.WaitFor(asked, a.ends)
		cancel()
		if err == nil {
			assert.Empty(a.t, a.want.CompareBoard(board), "the board")
			break
		}
		if code, ended := a.in.Ended(); ended {
			require.Fail(a.t, "the instance has ended", "exit code %d: %s", code, a.in.LastWords())
		}
		if ctx.Err() != nil {
			a.in.Quit()
			require.NoError(a.t, err, "it does not go on")
		}
	}
}

// exact runs the program's audit.
func (a *attack) exact() {
	a.t.Helper()
	assert.Empty(a.t, a.boards.Wrong(), "what the boards said")
	audit := a.Command("audit")
	assert.Zero(a.t, audit.Code, "%s%s", audit.Stdout, audit.Stderr)
}

func (a *attack) drains(want int) {
	a.t.Helper()
	code, err := a.in.Drain(drainWithin)
	require.NoError(a.t, err)
	assert.Equal(a.t, want, code, a.in.LastWords())
}

// ends checks that the instance exits with code 1, and that its last log lines contain all of
// the given texts.
func (a *attack) endsSaying(words ...string) {
	a.t.Helper()
	for until := time.Now().Add(judgedWithin); ; time.Sleep(pollEvery) { // nothing tells of it
		code, ended := a.in.Ended()
		if ended {
			said := a.in.LastWords()
			a.t.Logf("exit code %d: %s", code, said)
			assert.Equal(a.t, 1, code)
			for _, w := range words {
				assert.Contains(a.t, said, w)
			}
			return
		}
		if time.Now().After(until) {
			a.in.Quit()
			require.Fail(a.t, "the instance does not end")
		}
	}
}

const pollEvery = 20 * time.Millisecond
