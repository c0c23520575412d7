package integration

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// suite has what all tests of the package share.
type suite struct {
	program string
	kafka   kafkatest.Shared
}

// shared is set by TestMain, before any test.
var shared *suite

func TestMain(m *testing.M) {
	cfg := kafkatest.Config{Security: kafkatest.SecurityOfTests()}
	if len(cfg.Security) > 0 {
		cfg.Brokers = 3
	}
	if list := os.Getenv("KAFKA_BROKERS"); list != "" {
		cfg.External = strings.Split(list, ",")
	}
	shared = &suite{kafka: kafkatest.Shared{Config: cfg}}
	os.Exit(harness.Main(m, func(program string) { shared.program = program }, shared.kafka.Close))
}

// everywhere runs a test on the embedded broker and on Kafka.
func everywhere(t *testing.T, test func(t *testing.T, site *harness.Site)) {
	t.Helper()
	t.Parallel()
	if security := kafkatest.SecurityOfTests(); len(security) == 0 || security[0] == kafkatest.SCRAM { // as the embedded broker has it
		t.Run("embedded", func(t *testing.T) {
			test(t, harness.NewSite(t, kafkatest.Embedded(t, kafkatest.WithSecurity(security...)), shared.program))
		})
	}
	t.Run("kafka", func(t *testing.T) {
		test(t, harness.NewSite(t, shared.kafka.Cluster(t), shared.program))
	})
}

// quickSite is an installation on an embedded broker of its own, or on Kafka where tests run secured, unless
// they are short.
func quickSite(t *testing.T) *harness.Site {
	t.Helper()
	security := kafkatest.SecurityOfTests()
	if len(security) > 0 && !testing.Short() {
		return harness.NewSite(t, shared.kafka.Cluster(t), shared.program)
	}
	return harness.NewSite(t, kafkatest.Embedded(t, kafkatest.WithSecurity(security...)), shared.program)
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Within)
	t.Cleanup(cancel)
	return ctx
}

// pipeline is an installation with a follower of its boards.
type pipeline struct {
	*harness.Site
	boards *harness.Boards
}

func newPipeline(t *testing.T, site *harness.Site, inputPartitions int32, flags ...string) *pipeline {
	t.Helper()
	site.Create(inputPartitions, flags...)
	return &pipeline{site, site.Follow()}
}

// exact waits until the board includes everything before the ends, and compares it and every
// page with the recount.
func (p *pipeline) exact(t *testing.T, in *harness.Instance, ends harness.Ends, want *harness.Recount) *harness.Board {
	t.Helper()
	ctx := within(t)
	board, err := p.waitFor(ctx, in, ends)
	require.NoError(t, err)
	assert.Empty(t, want.CompareBoard(board), "the board")
	require.NoError(t, in.WaitReady(ctx))
	pages, err := want.ComparePages(ctx, in)
	require.NoError(t, err)
	assert.Empty(t, pages.Wrong, "lost %d behaviours, counted %d twice", pages.Lost, pages.Twice)
	assert.Empty(t, p.boards.Wrong(), "what the boards said meanwhile")
	assert.Zero(t, p.boards.Older(), "boards with an old version")
	return board
}

// waitFor waits until the board includes everything before the ends. It fails at once if the instance ends.
func (p *pipeline) waitFor(ctx context.Context, in *harness.Instance, ends harness.Ends) (*harness.Board, error) {
	ctx, stop := harness.While(ctx, in)
	defer stop()
	return p.boards.WaitFor(ctx, ends)
}

func TestAWaitForABoardEndsWithTheInstance(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, harness.NewSite(t, kafkatest.Embedded(t), shared.program), 1)
	in := p.Start("killed")
	require.NoError(t, in.WaitReady(within(t)))
	require.NoError(t, in.Kill())
	_, err := p.waitFor(within(t), in, harness.Ends{0: 1})
	require.ErrorContains(t, err, "has ended by itself")
}

// audited runs the program's own audit.
func (p *pipeline) audited(t *testing.T) string {
	t.Helper()
	r := p.Command("audit")
	require.Equal(t, 0, r.Code, "%s%s", r.Stdout, r.Stderr)
	return r.Stdout
}

// stopped stops instances, one after the other, and expects exit code 0.
func stopped(t *testing.T, instances ...*harness.Instance) {
	t.Helper()
	for _, in := range instances {
		require.NoError(t, in.Stop())
	}
}
