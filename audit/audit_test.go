package audit_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"pageheat/audit"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/snapshot"
	"pageheat/topology"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExactTable(t *testing.T) { exactScenario(embedded(t)) }

func TestExactTableOnKafka(t *testing.T) { exactScenario(newWorld(t, kafkatest.Real(t, 1))) }

// Every table partition has its own progress, behind the input's end. Aborted and uncommitted
// states are not visible.
func exactScenario(w *world) {
	t := w.t
	w.traffic(300)
	counted, covered, pages := uint64(0), make([]int64, inputs), 0
	for partition := range int32(tables) {
		to := make([]int64, inputs)
		for q := range to {
			to[q] = 299 - int64(partition)*40 - int64(q)*5
			covered[q] = max(covered[q], to[q])
		}
		w.commit(partition, w.state(partition, []int64{50, 60, 70}), kgo.TryCommit)
		want := w.state(partition, to)
		w.commit(partition, want, kgo.TryCommit)
		counted += want.progress.Counted
		pages += len(want.pages)
		w.commit(partition, w.state(partition, w.everything()), kgo.TryAbort)
	}
	w.begin(2, w.state(2, w.everything()))
	w.bury(w.letters()...)
	w.bury(w.letters()[:5]...) // a dead letter may be there twice

	report := w.requireExact()
	require.True(t, report.Exact())
	require.Equal(t, pages, report.Pages())
	recounted := uint64(0)
	for i, p := range report.Partitions {
		require.EqualValues(t, i, p.Partition)
		require.True(t, p.Known)
		require.Equal(t, p.Progress.Counted, p.Behaviours)
		require.Equal(t, p.Behaviours, p.Recounted)
		recounted += p.Recounted
	}
	require.Equal(t, counted, recounted)
	messages, invalid := uint64(0), uint64(0)
	for q, to := range covered {
		messages += uint64(to + 1)
		for _, m := range w.messages[q][:to+1] {
			if _, refusal := codec.ParseBehaviour(m.value, heat.DefaultLimits()); refusal != nil {
				invalid++
			}
		}
	}
	require.Equal(t, messages, report.Messages)
	// Messages are behind if they are above the progress of their page's partition.
	for q := range inputs {
		behind := uint64(0)
		for offset, m := range w.messages[q] {
			b, refusal := codec.ParseBehaviour(m.value, heat.DefaultLimits())
			to := covered[q]
			if refusal == nil {
				to = report.Partitions[topology.Partition(b.Page, tables)].Progress.To[q]
			}
			if int64(offset) > to {
				behind++
			}
		}
		require.Positive(t, behind)
		require.Equal(t, behind, report.Behind[q])
	}
	require.Equal(t, invalid, report.Invalid)
}

func TestNothingCountedYet(t *testing.T) {
	w := embedded(t)
	report := w.requireExact()
	require.Len(t, report.Partitions, tables)
	w.traffic(20)
	report = w.requireExact()
	require.Zero(t, report.Messages, "what no progress covers is not recounted")
	require.EqualValues(t, 20*inputs, report.NotApplied())
	require.False(t, report.Partitions[0].Known)
}

// Every kind of wrong table is found, and nothing else.
func TestDifferences(t *testing.T) {
	const page = "/page7"
	partition := topology.Partition(page, tables)
	for name, c := range map[string]struct {
		spoil func(w *world, s *state)
		want  []string // the start of each difference
	}{
		"one like too many": {
			func(_ *world, s *state) { totals := s.pages[page]; totals.Likes++; s.pages[page] = totals },
			[]string{`page "/page7": in the table:`},
		},
		"a billionth of a minute": {
			func(_ *world, s *state) {
				totals := s.pages[page]
				totals.Minutes = totals.Minutes.AddUint64(1)
				s.pages[page] = totals
			},
			[]string{`page "/page7": in the table:`},
		},
		"one behaviour twice": {
			func(_ *world, s *state) {
				totals := s.pages[page]
				totals.Count(heat.Behaviour{Clicks: 1})
				s.pages[page] = totals
				s.progress.Counted++
			},
			[]string{`page "/page7": in the table:`},
		},
		"missing page": {
			func(_ *world, s *state) { s.progress.Counted -= s.pages[page].Behaviours; delete(s.pages, page) },
			[]string{`page "/page7": missing in the table`},
		},
		"page of no message": {
			func(_ *world, s *state) {
				var totals heat.Totals
				totals.Count(heat.Behaviour{Clicks: 2})
				s.pages["/unknown"] = totals
				s.progress.Counted++
			},
			[]string{`page "/unknown": not in the input`},
		},
		"page in another partition": {
			func(w *world, s *state) {
				s.progress.Counted -= s.pages[page].Behaviours
				other := (partition + 1) % tables
				strayed := w.state(other, w.everything())
				strayed.pages[page] = s.pages[page]
				strayed.progress.Counted += s.pages[page].Behaviours
				w.commit(other, strayed, kgo.TryCommit)
				delete(s.pages, page)
			},
			[]string{`page "/page7": not in the input`, `page "/page7": missing in the table`},
		},
		"count is not the sum": {
			func(_ *world, s *state) { s.progress.Counted++ },
			[]string{"the progress says"},
		},
		"progress beyond the input": {
			func(_ *world, s *state) { s.progress.To[1] = 1000 },
			[]string{"the progress covers input partition 1 up to offset 1000"},
		},
		"progress of too many partitions": {
			func(_ *world, s *state) {
				s.progress.To, s.progress.Begin, s.progress.Lost = append(s.progress.To, 3), append(s.progress.Begin, 0), append(s.progress.Lost, 0)
			},
			[]string{"the progress covers input partition 3"},
		},
		"another topic of ranges": {
			func(_ *world, s *state) { s.progress.Behavior[3]++ },
			[]string{"the progress is about topic id"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := embedded(t)
			w.traffic(100)
			w.fill(w.everything())
			w.bury(w.letters()...)
			w.requireExact()
			s := w.state(partition, w.everything())
			c.spoil(w, &s)
			for p := range s.pages {
				if s.pages[p].Behaviours == 0 {
					delete(s.pages, p)
				}
			}
			w.replace(partition, s)
			report, err := w.audit()
			require.NoError(t, err)
			require.False(t, report.Exact())
			require.Equal(t, len(c.want), report.DifferenceCount, "%v", report.Differences)
			var lines []string
			for _, d := range report.Differences {
				lines = append(lines, d.String())
			}
			for _, want := range c.want {
				found := slices.ContainsFunc(lines, func(line string) bool {
					_, what, _ := strings.Cut(line, " ") // after the partition
					return strings.HasPrefix(what, want)
				})
				require.True(t, found, "%q in %q", want, lines)
			}
		})
	}
}

// Pages at a progress that is one message too high or too low differ.
func TestProgressOffByOne(t *testing.T) {
	for _, by := range []int64{-1, 1} {
		t.Run(fmt.Sprint(by), func(t *testing.T) {
			w := embedded(t)
			w.send(0, "/p|1|1|0", "/p|2|2|1", "/p|3|3|-1", "/p|4|4|0")
			at := []int64{2, -1, -1}
			w.fill(at)
			w.requireExact()
			partition := topology.Partition("/p", tables)
			s := w.state(partition, at)
			s.progress.To = []int64{2 + by, -1, -1}
			w.replace(partition, s)
			report, err := w.audit()
			require.NoError(t, err)
			require.Equal(t, 1, report.DifferenceCount)
			d := report.Differences[0]
			require.Equal(t, audit.KindPage, d.Kind)
			require.Equal(t, "/p", d.Page)
			require.EqualValues(t, 3, d.Table.Behaviours)
			require.EqualValues(t, 3+by, d.Recount.Behaviours)
		})
	}
}

func TestDifferencesAreBounded(t *testing.T) {
	w := embedded(t)
	w.traffic(100)
	for partition := range int32(tables) {
		s := w.state(partition, w.everything())
		s.pages, s.progress.Counted = nil, 1
		w.commit(partition, s, kgo.TryCommit)
	}
	report, err := audit.Run(w.ctx, audit.Config{Cluster: w.clients, Topology: w.topo, MaxDifferences: 6, SkipDeadLetters: true})
	require.NoError(t, err)
	require.Equal(t, 41+tables, report.DifferenceCount)
	require.Len(t, report.Differences, 6)
	for i, d := range report.Differences {
		require.Equal(t, i < tables, d.Kind == audit.KindCounted, "the reasons come first")
	}
	require.False(t, report.DeadLettersChecked)
	require.NotEmpty(t, report.DeadLettersWhyNot)
}

func TestDeadLetters(t *testing.T) {
	w := embedded(t)
	w.send(0, "/p|1|1|0", "nonsense", "", "/p|1|1|2")
	w.send(2, "more nonsense", "/p|0|0|0")
	w.fill(w.everything())
	report, err := w.audit()
	require.NoError(t, err)
	require.Equal(t, 4, report.DifferenceCount)
	require.EqualValues(t, 4, report.Invalid)
	require.Equal(t, audit.KindDeadLetter, report.Differences[0].Kind)
	require.Equal(t, w.topo.Input+"/0 offset 1", report.Differences[0].String()[:len(w.topo.Input)+len("/0 offset 1")])

	w.bury(w.letter(0, 1), w.letter(0, 2))
	other := w.letter(0, 3)
	other.Value = []byte("/p|1|1|3")
	elsewhere := w.letter(2, 0)
	elsewhere.Headers[2].Value = []byte("1")
	stranger := w.letter(2, 0)
	stranger.Headers[0].Value = []byte("another-topic")
	w.bury(other, elsewhere, stranger)
	report, err = w.audit()
	require.NoError(t, err)
	require.Equal(t, 2, report.DifferenceCount)
	for i, where := range []struct {
		partition int32
		offset    int64
	}{{0, 3}, {2, 0}} {
		require.Equal(t, where.partition, report.Differences[i].Partition)
		require.Equal(t, where.offset, report.Differences[i].Offset)
	}
	key := w.letter(0, 3)
	key.Key = []byte("another key")
	w.bury(key, w.letter(2, 0))
	report, err = w.audit()
	require.NoError(t, err)
	require.Equal(t, 1, report.DifferenceCount, "the key is part of a message")
	w.bury(w.letter(0, 3))
	w.requireExact()

	w.deleteBefore(w.topo.DeadLetter, 0, 1)
	report, err = w.audit()
	require.NoError(t, err)
	require.Zero(t, report.DifferenceCount)
	require.False(t, report.DeadLettersChecked)
	require.Contains(t, report.DeadLettersWhyNot, "no longer starts")
}

func TestProgressIsTold(t *testing.T) {
	w := embedded(t)
	w.traffic(100)
	w.fill(w.everything())
	w.bury(w.letters()...)
	last := map[string]snapshot.Status{}
	var steps []string
	_, err := audit.Run(w.ctx, audit.Config{Cluster: w.clients, Topology: w.topo, Progress: func(s snapshot.Status) {
		if _, seen := last[s.Step]; !seen {
			steps = append(steps, s.Step)
		}
		last[s.Step] = s
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"reading the table", "reading the dead letters", "recounting the input"}, steps)
	for step, s := range last {
		require.Equal(t, s.Total, s.Done, step)
		require.NotZero(t, s.Total, step)
	}
}

func TestMissingTopics(t *testing.T) {
	for _, missing := range []func(*topology.Topology) string{
		func(topo *topology.Topology) string { return topo.HeatTable },
		func(topo *topology.Topology) string { return topo.Input },
		func(topo *topology.Topology) string { return topo.Behavior },
		func(topo *topology.Topology) string { return topo.DeadLetter },
	} {
		w := embedded(t)
		_, err := w.admin.DeleteTopic(w.ctx, missing(w.topo))
		require.NoError(t, err)
		_, err = w.audit()
		require.ErrorIs(t, err, kerr.UnknownTopicOrPartition)
		require.ErrorContains(t, err, missing(w.topo))
	}
}

func TestCancelled(t *testing.T) {
	w := embedded(t)
	w.traffic(100)
	w.fill(w.everything())
	ctx, cancel := context.WithCancel(w.ctx)
	_, err := audit.Run(ctx, audit.Config{Cluster: w.clients, Topology: w.topo, Progress: func(s snapshot.Status) {
		if s.Step == "reading the table" {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	cancel()
}

// replace makes a table partition hold exactly this state.
func (w *world) replace(partition int32, s state) {
	w.t.Helper()
	ends, err := w.admin.ListEndOffsets(w.ctx, w.topo.HeatTable)
	require.NoError(w.t, err)
	end, _ := ends.Lookup(w.topo.HeatTable, partition)
	w.deleteBefore(w.topo.HeatTable, partition, end.Offset)
	owner := w.begin(partition, s)
	require.NoError(w.t, owner.EndTransaction(w.ctx, kgo.TryCommit))
	require.Eventually(w.t, func() bool {
		ends, err := w.admin.ListEndOffsets(w.ctx, w.topo.HeatTable)
		require.NoError(w.t, err)
		stable, err := w.admin.ListCommittedOffsets(w.ctx, w.topo.HeatTable)
		require.NoError(w.t, err)
		end, _ := ends.Lookup(w.topo.HeatTable, partition)
		at, _ := stable.Lookup(w.topo.HeatTable, partition)
		return end.Offset == at.Offset
	}, 10*time.Second, 5*time.Millisecond)
}
