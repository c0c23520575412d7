package chaos

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// TestBrokers kills brokers while they coordinate a group or transactions, or lead
// the changelog, and starts them again.
func TestBrokers(t *testing.T) {
	cluster := shared.cluster(t)
	r := newRun(t, "brokers", seed(t, 3), harness.NewSite(t, cluster, shared.program), []string{}, []string{})
	for _, fault := range []func(){r.killGroupCoordinator, r.killTransactionCoordinator, r.killChangelogLeader} {
		fault()
		r.check()
		r.goesOn()
	}
	r.finish()
}

// goesOn waits until the boards get on in every partition of the input, so that the
// next fault meets a pipeline that works.
func (r *run) goesOn() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), settleWithin)
	defer cancel()
	began := time.Now()
	_, err := r.boards.WaitFor(ctx, r.load.acknowledgedEnds())
	if err != nil {
		r.stacks()
	}
	require.NoError(r.t, err)
	r.t.Logf("%6.2fs everything acknowledged until now is on the board, after %v", time.Since(r.began).Seconds(), time.Since(began).Round(time.Millisecond))
}

// ask asks the cluster something that it may need some tries for.
func ask[T any](r *run, question func(ctx context.Context, admin *kadm.Client) (T, error)) T {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), harness.Within)
	defer cancel()
	answer, err := question(ctx, kafkatest.Admin(r.t, r.cluster))
	require.NoError(r.t, err)
	return answer
}

func (r *run) killGroupCoordinator() {
	r.killBroker("coordinator of the heat group", ask(r, func(ctx context.Context, admin *kadm.Client) (int32, error) {
		answer := admin.FindGroupCoordinators(ctx, r.site.Prefix+"-heat")
		return answer[r.site.Prefix+"-heat"].NodeID, answer.Error()
	}))
}

func (r *run) killTransactionCoordinator() {
	id := r.site.Prefix + "-heat-0"
	r.killBroker("coordinator of the transactions of heat partition 0", ask(r, func(ctx context.Context, admin *kadm.Client) (int32, error) {
		answer := admin.FindTxnCoordinators(ctx, id)
		return answer[id].NodeID, answer.Error()
	}))
}

// leader is who leads a partition now.
func (r *run) leader(topic string, partition int32) int32 {
	return ask(r, func(ctx context.Context, admin *kadm.Client) (int32, error) {
		topics, err := admin.ListTopics(ctx, topic)
		if err == nil {
			err = topics.Error()
		}
		if err != nil {
			return 0, err
		}
		return topics[topic].Partitions[partition].Leader, nil
	})
}

func (r *run) killChangelogLeader() {
	r.killBroker("leader of the heat table's partition 1", r.leader(r.site.Prefix+"-heat-table", 1))
}

func (r *run) killInputLeader() {
	r.killBroker("leader of the input's partition 2", r.leader(r.site.Input, 2))
}

func (r *run) killOutputLeader() {
	r.killBroker("leader of the output", r.leader(r.site.Output, 0))
}

// killBroker kills a broker, and perhaps an instance at the same time, and waits
// until the cluster is whole again: only one of three brokers may be missing.
func (r *run) killBroker(what string, broker int32) {
	r.t.Helper()
	away := r.between(500*time.Millisecond, 8*time.Second)
	r.did("broker kill -9", "%d, %s, started again after %v", broker, what, away)
	require.NoError(r.t, r.cluster.Kill(int(broker)))
	if r.maybe(50) {
		s := r.anyone()
		r.did("kill -9", "%s at the same time", s.name)
		s.kill()
		s.start()
	}
	r.pause(away)
	require.NoError(r.t, r.cluster.Start(int(broker)))
	r.wholeAgain()
}

// restartBroker stops a broker as an operator does.
func (r *run) restartBroker() {
	broker := r.anyBroker()
	r.did("broker restart", "%d", broker)
	require.NoError(r.t, r.cluster.Stop(broker))
	require.NoError(r.t, r.cluster.Start(broker))
	r.wholeAgain()
}

// freezeBroker stops a broker where it stands.
func (r *run) freezeBroker() {
	broker, frozen := r.anyBroker(), r.between(2*time.Second, 12*time.Second)
	r.did("broker freeze", "%d for %v", broker, frozen)
	require.NoError(r.t, r.cluster.Freeze(broker))
	r.pause(frozen)
	require.NoError(r.t, r.cluster.Thaw(broker))
	r.wholeAgain()
}

func (r *run) wholeAgain() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(r.t, r.cluster.WaitReady(ctx))
	require.NoError(r.t, r.cluster.WaitInSync(ctx))
}
