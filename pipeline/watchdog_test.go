package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/processors"
)

// fakeEnds are brokers that hold what the test says.
type fakeEnds struct {
	stable, last int64 // of input partition 0
	err          error
}

func (e *fakeEnds) committed(context.Context, string) (map[int32]int64, error) {
	return map[int32]int64{0: e.stable}, e.err
}

func (e *fakeEnds) lastCommitted(context.Context, string, int32) (int64, bool, error) {
	return e.last, e.last > 0, e.err
}

// dogTest runs a watchdog over one partition.
type dogTest struct {
	*testing.T
	dog  *Watchdog
	ends *fakeEnds
	log  *strings.Builder
}

func watchdogTest(t *testing.T, test func(d *dogTest, p *Progress)) {
	synctest.Test(t, func(t *testing.T) {
		d := &dogTest{T: t, ends: &fakeEnds{}, log: &strings.Builder{}}
		p := NewProgress()
		d.dog = newWatchdog(Settings{Progress: p, Conditions: NewConditions(), Metrics: NewMetrics(prometheus.NewRegistry()),
			Logger: slog.New(slog.NewTextHandler(d.log, nil))}, d.ends)
		test(d, p)
	})
}

// after lets time pass.
func (d *dogTest) after(long time.Duration) {
	for range int(long / processors.StallsEvery) {
		time.Sleep(processors.StallsEvery)
		d.dog.look(d.Context())
	}
}

func (d *dogTest) stands(still bool) {
	d.Helper()
	err := d.dog.settings.Conditions.Of("ingest")
	want := 0.0
	if still {
		want = 1
		require.ErrorContains(d, err, "input partition 0 has been stalled at offset 10")
	} else {
		require.NoError(d, err)
	}
	require.InDelta(d, want, testutil.ToFloat64(d.dog.settings.Metrics.stalled.WithLabelValues("ingest")), 0)
}

func TestAStalledPartitionIsReported(t *testing.T) {
	watchdogTest(t, func(d *dogTest, p *Progress) {
		at := p.Begin(processors.Work{Role: "ingest", Topic: "input"})
		at.Reached(10)
		d.ends.stable, d.ends.last = 10, 10
		d.after(5 * time.Minute)
		d.stands(false)

		d.ends.stable, d.ends.last = 20, 20
		d.after(time.Minute - processors.StallsEvery)
		d.stands(false)
		d.after(2 * processors.StallsEvery)
		d.stands(true)
		d.after(10 * time.Minute)
		d.stands(true)
		assert.Equal(d, 1, strings.Count(d.log.String(), "ERROR"), "once for each episode: %s", d.log)

		at.Reached(11)
		d.after(processors.StallsEvery)
		d.stands(false)
		assert.Contains(d, d.log.String(), "makes progress again")
		for range 20 {
			at.Busy()
			d.after(time.Minute / 2)
		}
		d.stands(false)
		at.End()
		d.after(5 * time.Minute)
		d.stands(false)
	})
}

func TestAPartitionThatWasGivenUpStandsStillNoMore(t *testing.T) {
	watchdogTest(t, func(d *dogTest, p *Progress) {
		at := p.Begin(processors.Work{Role: "ingest", Topic: "input"})
		at.Reached(10)
		d.ends.stable, d.ends.last = 20, 20
		d.after(2 * time.Minute)
		d.stands(true)
		at.End()
		d.after(processors.StallsEvery)
		d.stands(false)
	})
}

// TestWhatIsNotStalled: what cannot be worked off, or is not known.
func TestWhatIsNotStalled(t *testing.T) {
	for name, prepare := range map[string]func(*fakeEnds){
		"an open transaction":         func(e *fakeEnds) { e.stable, e.last = 10, 10 },
		"markers and aborted records": func(e *fakeEnds) { e.stable, e.last = 20, 10 },
		"no record at all":            func(e *fakeEnds) { e.stable, e.last = 20, 0 },
		"brokers that do not answer":  func(e *fakeEnds) { e.stable, e.last, e.err = 20, 20, errors.New("away") },
	} {
		t.Run(name, func(t *testing.T) {
			watchdogTest(t, func(d *dogTest, p *Progress) {
				p.Begin(processors.Work{Role: "ingest", Topic: "input"}).Reached(10)
				prepare(d.ends)
				d.after(10 * time.Minute)
				d.stands(false)
			})
		})
	}
	t.Run("a process that was frozen", func(t *testing.T) {
		watchdogTest(t, func(d *dogTest, p *Progress) {
			p.Begin(processors.Work{Role: "ingest", Topic: "input"}).Reached(10)
			d.ends.stable, d.ends.last = 20, 20
			d.after(time.Minute / 2)
			time.Sleep(time.Hour)
			d.after(time.Minute / 2)
			d.stands(false)
		})
	})
	t.Run("brokers that come back", func(t *testing.T) {
		watchdogTest(t, func(d *dogTest, p *Progress) {
			p.Begin(processors.Work{Role: "ingest", Topic: "input"}).Reached(10)
			d.ends.stable, d.ends.last, d.ends.err = 20, 20, errors.New("away")
			d.after(10 * time.Minute)
			d.ends.err = nil
			d.after(time.Minute - processors.StallsEvery)
			d.stands(false)
		})
	})
}
