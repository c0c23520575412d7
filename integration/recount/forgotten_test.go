package recount

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/audit"
	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/snapshot"
	"pageheat/topology"
)

// forget writes a heat table that was asked to forget some pages, some of them repeatedly.
func (in *topic) forget(t *testing.T, broker *kafkatest.Cluster, random *rand.Rand) {
	t.Helper()
	table := in.name + "-table"
	kafkatest.CreateTopic(t, broker, table, partitions)
	input, err := in.cluster.Topic(t.Context(), in.name)
	require.NoError(t, err)
	in.forgotten = map[string]forgotten{}
	var records []*kgo.Record
	taken := make([]uint64, partitions)
	for round := range 2 {
		for _, all := range in.partitions {
			for i, b := range all {
				if b.page == "" || i%(19+2*round) != 0 {
					continue
				}
				p := topology.Partition(b.page, partitions)
				taken[p]++
				f := codec.Forgotten{Number: taken[p], Placed: topology.Hash(b.page), Blocked: random.IntN(3) == 0, Input: input.ID}
				for q := range random.IntN(partitions + 1) { // of other partitions of the input it has not heard
					f.To = append(f.To, codec.Unknown+random.Int64N(int64(len(in.partitions[q]))))
				}
				key := codec.ForgottenKey(codec.HashPage(b.page))
				records = append(records, &kgo.Record{Topic: table, Partition: p, Key: []byte(key), Value: codec.AppendForgotten(nil, &f)})
				in.forgotten[codec.HashPage(b.page).String()] = forgotten{f.Blocked, append([]int64{}, f.To...)}
			}
		}
	}
	for p := range int32(partitions) {
		progress := codec.Progress{Partitions: partitions, Forget: codec.ForgetProgress{Taken: taken[p]}}
		records = append(records, &kgo.Record{Topic: table, Partition: p, Key: []byte(codec.ProgressKey(p)), Value: codec.AppendProgress(nil, &progress)})
	}
	kafkatest.ProduceRecords(t, broker, records...)
	in.kept, err = snapshot.ReadForgotten(t.Context(), in.cluster, table, nil)
	require.NoError(t, err)
	pages, blocked := in.kept.Count()
	require.Len(t, in.forgotten, pages)
	require.Greater(t, pages, blocked)
	require.Positive(t, blocked)
}

// TestRecountsWithoutForgottenPagesEqualPython for boards of every kind.
func TestRecountsWithoutForgottenPagesEqualPython(t *testing.T) {
	kafkatest.NeedTool(t, "python3")
	t.Parallel()
	begins := boards.MinuteOf(time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC))
	const minutes = 4000
	random := rand.New(rand.NewPCG(5, 7))
	all := traffic(random, begins, minutes, 700)
	broker := kafkatest.Embedded(t)
	in := sent(t, broker, random, all)
	in.forget(t, broker, random)
	var questions []question
	for _, d := range []boards.Definition{
		{Name: "all-time", Kind: boards.AllTime, Scorer: heat.DefaultWeights()},
		{Name: "hour", Kind: boards.Window, Window: 12 * time.Hour, Scorer: heat.DefaultWeights()},
		{Name: "trending", Kind: boards.Trending, HalfLife: 2 * time.Hour, GroupBy: "/([^/]+)/.*", MaxPerGroup: 2, Size: 5},
		{Name: "today", Kind: boards.Calendar, Period: boards.Day, MaxPerStep: "3", Step: 3 * time.Hour},
	} {
		for range 3 {
			asOf := begins + boards.Minute(minutes/2+random.Int64N(minutes/2))
			w := audit.Wanted{Definition: d, AsOf: asOf.Time(), Until: asOf}
			if d.Kind == boards.AllTime {
				w.AsOf = time.Now()
				questions = append(questions, question{w, asOf})
				continue
			}
			board, err := boards.New(d.Complete())
			require.NoError(t, err)
			asOf = board.AsOf(asOf.Time())
			w.Until, w.Offsets = 0, codec.NewOffsets([]int64{
				random.Int64N(int64(len(in.partitions[0]))), int64(len(in.partitions[1])), random.Int64N(int64(len(in.partitions[2])))})
			questions = append(questions, question{w, asOf})
		}
	}
	in.ask(t, questions)
}
