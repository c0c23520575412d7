package recount

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/boards"
	"pageheat/boards/boardsettings"
	"pageheat/heat"
	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/snapshot"
)

// forgetting sends visits to a site in parts, and has pages of the site forgotten.
type forgetting struct {
	*testing.T
	site   *harness.Site
	inputs int
	next   []int64 // offset, by partition of the input
	flags  []string
}

// produce sends visits, and notes where each of them is.
func (f *forgetting) produce(visits []behaviour) {
	f.Helper()
	for i := range visits {
		q := i % f.inputs
		visits[i].partition, visits[i].offset = int32(q), f.next[q]
		f.next[q]++
	}
	produce(f.T, f.site, visits, f.inputs)
}

// start starts an instance and waits until it is ready.
func (f *forgetting) start(name string) *harness.Instance {
	f.Helper()
	in := f.site.Start(name, f.flags...)
	ctx, cancel := context.WithTimeout(f.Context(), harness.Within)
	defer cancel()
	require.NoError(f, in.WaitReady(ctx))
	return in
}

// known reports whether an instance knows a page.
func (f *forgetting) known(in *harness.Instance, page string) bool {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), harness.Within)
	defer cancel()
	_, known, err := in.Page(ctx, page)
	require.NoError(f, err)
	return known
}

// kept reads what the table keeps of forgotten pages, as recount.py reads it.
func (f *forgetting) kept() map[string]forgotten {
	f.Helper()
	cluster := kafka.New(kafka.Config{Brokers: f.site.Cluster.Brokers(), ClientID: "forgetting"})
	defer cluster.Close()
	found, err := snapshot.ReadForgotten(f.Context(), cluster, f.site.Prefix+"-heat-table", nil)
	require.NoError(f, err)
	all := map[string]forgotten{}
	for hash, one := range found.All() {
		all[hash.String()] = forgotten{one.Blocked, append([]int64{}, one.To...)}
	}
	return all
}

// TestForgetUnderTraffic has pages of real traffic forgotten while it is counted, by instances that come, are
// killed and leave, and compares every board of every kind, and every page, with recounts, digit by digit.
func TestForgetUnderTraffic(t *testing.T) {
	kafkatest.Long(t)
	t.Parallel()
	t.Run("embedded", func(t *testing.T) { testForgetUnderTraffic(t, kafkatest.Embedded(t)) })
	t.Run("kafka", func(t *testing.T) {
		testForgetUnderTraffic(t, kafkatest.Real(t, 1, kafkatest.WithSecurity(kafkatest.SecurityOfTests()...), kafkatest.WithProperty("log.message.timestamp.after.max.ms", "9223372036854775807")))
	})
}

func testForgetUnderTraffic(t *testing.T, cluster *kafkatest.Cluster) {
	lines := []string{
		"last-day kind=window window=24h step=5m",
		"trending kind=trending half-life=6h",
		"week kind=calendar calendar=week time-zone=Europe/Berlin max-per-step=20 step=1h",
		"blog kind=window window=5040m step=30m include=/blog/.* min-behaviours=2",
	}
	definitions, err := boardsettings.Parse(lines, boardsettings.Defaults{Size: 10, Weights: heat.DefaultWeightSettings()})
	require.NoError(t, err)
	definitions = append(definitions, boards.Definition{Name: boards.AllTime.String(), Kind: boards.AllTime, Size: 10, Scorer: heat.DefaultWeights()}.Complete())
	f := &forgetting{T: t, site: harness.NewSite(t, cluster, program), inputs: 3, next: make([]int64, 3)}
	f.site.Create(int32(f.inputs))
	for _, line := range lines {
		f.flags = append(f.flags, "--board", line)
	}
	visits := realVisits(t, time.Now())
	// Most pages of the site are forgotten once, some again, and each tenth is blocked.
	pages, seen := []string{}, map[string]bool{}
	for _, b := range visits {
		if !seen[b.page] {
			seen[b.page] = true
			pages = append(pages, b.page)
		}
	}
	forget := func(of []string, flags ...string) {
		text := []byte{}
		for _, page := range of {
			text = append(append(text, page...), '\n')
		}
		r := f.site.CommandWith(text, append([]string{"forget", "--file", "-"}, flags...)...)
		assert.Zero(t, r.Code, "%s", r.Stderr)
	}
	step := func(part []behaviour, do func()) { // both at once
		done := make(chan struct{})
		go func() {
			defer close(done)
			do()
		}()
		for len(part) > 0 {
			n := min(len(part), 100)
			f.produce(part[:n])
			part = part[n:]
		}
		<-done
	}

	first, second := f.start("first"), f.start("second")
	part := len(visits) / 4
	step(visits[:part], func() { forget(pages[:40]) })
	third := f.start("third")
	step(visits[part:2*part], func() {
		forget(pages[20:60], "--block")
		forget(pages[20:50])
		forget([]string{"/never-seen"})
	})
	step(visits[2*part:3*part], func() {
		assert.NoError(t, first.Kill())
		forget(pages[100:200])
		assert.NoError(t, second.Stop())
	})
	fourth := f.start("fourth")
	step(visits[3*part:len(visits)-30], func() { forget(pages[200:201], "--block") })
	f.produce(visits[len(visits)-30:]) // boards with these have all requests

	wanted := []string{}
	for _, d := range definitions {
		wanted = append(wanted, d.Name)
	}
	found := newestBoards(t, f.site, f.site.Ends(), wanted)
	kept := f.kept()
	assert.Len(t, kept, 40+20+1+100+1)
	blocked := pages[55]
	for _, in := range []*harness.Instance{third, fourth} {
		assert.False(t, f.known(in, blocked))
		assert.False(t, f.known(in, "/never-seen"))
	}
	audited := f.site.Must("audit")
	assert.Contains(t, audited, fmt.Sprintf("forgotten: %d pages, 11 of them blocked", len(kept)))
	require.NoError(t, third.Stop())
	assert.Equal(t, 1, f.site.Command("page", blocked).Code)
	require.NoError(t, fourth.Stop())
	f.site.Must("audit")
	f.site.Must("recount", "--compare")
	f.site.Must("recount", "--compare", "--board", "last-day", "--boards", lines[0])

	var tasks bytes.Buffer
	encoder := json.NewEncoder(&tasks)
	for _, d := range definitions {
		asOf := []int64{int64(boards.MinuteOf(found[d.Name].AsOf))}
		require.NoError(t, encoder.Encode(task{Definition: described(d), Behaviours: visits, AsOf: asOf, Forgotten: kept}))
	}
	for i, answer := range recountInPython(t, &tasks) {
		b := found[definitions[i].Name]
		assert.Equal(t, answer[0], rows(b), "board %s as of %s", b.Board, b.AsOf)
		assert.NotEmpty(t, b.Pages, b.Board)
	}
}
