package processors_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/processors"
)

// stallLook is some looks, one every StallsEvery, at a partition that stands at offset 10.
type stallLook struct {
	looks  int
	frozen time.Duration // the process was, before them

	gone    bool // it is not owned
	term    uint64
	next    int64 // 10 unless it is said
	steps   uint64
	stable  int64 // 20 unless it is said; below 0 where brokers do not answer
	markers bool  // no record lies between
	silent  bool  // brokers do not say what lies between
	none    bool  // there is no committed record at all

	over    string // why an earlier stall ended, in the last of them
	stalled bool   // after the last of them
}

func TestStalls(t *testing.T) {
	const minute = int(time.Minute / processors.StallsEvery) // looks
	work := processors.Work{Role: "heat", Topic: "t", Partition: 3}
	for _, c := range []struct {
		name  string
		looks []stallLook
	}{
		{"it stands for a minute", []stallLook{{looks: minute}, {looks: 1, stalled: true}, {looks: 100, stalled: true}}},
		{"it moves", []stallLook{{looks: minute}, {looks: minute, next: 11}, {looks: minute, next: 12}}},
		{"it moves again", []stallLook{{looks: minute + 1, stalled: true}, {looks: 1, next: 11, over: "it moves again"}, {looks: minute - 1, next: 11}, {looks: 1, next: 11, stalled: true}}},
		{"it works without moving", []stallLook{{looks: minute}, {looks: minute, steps: 1}, {looks: minute, steps: 2}}},
		{"nothing is left", []stallLook{{looks: 100, stable: 10}, {looks: minute - 1}, {looks: 1, stalled: true}}},
		{"the rest was deleted", []stallLook{{looks: minute + 1, stalled: true}, {looks: 1, stable: 10, over: "there is nothing left to work off"}}},
		{"nothing is known of its position, and there is nothing", []stallLook{{looks: 100, next: -1, stable: 0}}},
		{"markers and aborted records alone", []stallLook{{looks: 100, markers: true}}},
		{"no record at all", []stallLook{{looks: 100, none: true}}},
		{"records after markers", []stallLook{{looks: minute + 1, markers: true}, {looks: minute - 1}, {looks: 1, stalled: true}}},
		{"brokers do not say what they hold", []stallLook{{looks: 100, stable: -1}, {looks: minute - 1}, {looks: 1, stalled: true}}},
		{"brokers that are away do not end a stall", []stallLook{{looks: minute + 1, stalled: true}, {looks: 100, stable: -1, stalled: true}}},
		{"brokers say a moment later what lies between", []stallLook{{looks: minute + 5, silent: true}, {looks: 1, stalled: true}}},
		{"it was given up", []stallLook{{looks: minute + 1, stalled: true}, {looks: 1, gone: true, over: "the partition was given up"}}},
		{"it was given up and taken again", []stallLook{{looks: minute + 1, stalled: true}, {looks: 1, term: 2, over: "the partition was given up"}, {looks: minute - 1, term: 2}, {looks: 1, term: 2, stalled: true}}},
		{"the process was frozen", []stallLook{{looks: minute}, {frozen: time.Hour, looks: minute}, {looks: 1, stalled: true}}},
		{"the process was slow", []stallLook{{looks: minute}, {frozen: 2 * processors.StallsEvery, looks: 1, stalled: true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Unix(1000, 0)
			s := processors.NewStalls(now)
			for i, l := range c.looks {
				now = now.Add(l.frozen)
				if l.next == 0 {
					l.next = 10
				}
				if l.stable == 0 && l.next >= 0 {
					l.stable = 20
				}
				for j := range l.looks {
					now = now.Add(processors.StallsEvery)
					reports := map[processors.Work]processors.WorkReport{work: {Term: l.term, Next: l.next, Steps: l.steps}}
					if l.gone {
						clear(reports)
					}
					over, suspects := s.Look(now, now, reports, func(w processors.Work) (int64, bool) {
						require.Equal(t, work, w)
						return l.stable, l.stable >= 0
					})
					var want []processors.StallEnd
					if l.over != "" && j == 0 {
						want = []processors.StallEnd{{Work: work, Reason: l.over}}
					}
					require.Equal(t, want, over, "looks %d, look %d", i, j)
					for _, suspect := range suspects {
						require.Equal(t, l.next, suspect.Next)
						require.Equal(t, l.stable, suspect.End)
						require.GreaterOrEqual(t, now.Sub(suspect.Since), time.Minute)
						committed := l.stable
						if l.markers {
							committed = l.next
						}
						if !l.silent {
							require.Equal(t, l.stalled, s.Confirm(suspect, committed, !l.none, now), "looks %d, look %d", i, j)
						}
					}
					stalled := slices.Collect(s.All())
					if j < l.looks-1 {
						continue
					}
					if l.stalled {
						require.Equal(t, []processors.Work{work}, stalled, "looks %d", i)
					} else {
						require.Empty(t, stalled, "looks %d", i)
					}
				}
			}
		})
	}
}
