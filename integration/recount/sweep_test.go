package recount

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/boards"
	"pageheat/boards/boardsettings"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
	"pageheat/kafka"
	"pageheat/snapshot"
)

// sweep is what is known of a sweep, as recount.py reads it.
type sweep struct {
	Partitions int32   `json:"partitions"`
	Partition  int32   `json:"partition"`
	Before     int     `json:"before"`
	From       []int64 `json:"from"`
	To         []int64 `json:"to"`
}

// sweepsOf reads the sweeps of a table that are in a board, or all of them.
func (f *forgetting) sweepsOf(prefix string, in *codec.Board) (sweeps []sweep) {
	f.Helper()
	cluster := kafka.New(kafka.Config{Brokers: f.site.Cluster.Brokers(), ClientID: "sweeps"})
	defer cluster.Close()
	found, err := snapshot.ReadForgotten(f.Context(), cluster, prefix+"-heat-table", nil)
	require.NoError(f, err)
	if in != nil {
		found = found.At(in.Forgotten)
	}
	for _, s := range found.AllSweeps() {
		sweeps = append(sweeps, sweep{s.Partitions, s.Partition, int(s.Before), append([]int64{}, s.From...), append([]int64{}, s.To...)})
	}
	return sweeps
}

// agedVisits are visits over some days that end today: a page has its days, and is visited seldom on others.
func agedVisits(random *rand.Rand, days, n int) []behaviour {
	day := 24 * time.Hour.Milliseconds()
	begins := time.Now().Truncate(24*time.Hour).UnixMilli() - int64(days-1)*day
	all := make([]behaviour, n)
	for i := range all {
		at := int64(i) * int64(days) / int64(n)
		page := at*3 + random.Int64N(12)
		if random.IntN(30) == 0 {
			page = random.Int64N(int64(days) * 3)
		}
		b := behaviour{page: fmt.Sprintf("/%d", page), millis: begins + at*day + random.Int64N(day/2), clicks: random.Uint32N(6),
			minutes: heat.Minutes(random.Int64N(5_000_000_000)), like: int8(random.IntN(3) - 1)}
		if random.IntN(20) == 0 { // late, or of the next day
			b.millis += (random.Int64N(8) - 6) * day
		}
		all[i] = b
	}
	return all
}

// TestDropUnderTraffic has pages dropped after three days without a behaviour, over forty days that pass within seconds,
// by instances with and without the setting that come, are killed and leave, and compares the board of all time, that of
// the last two days, and every page, with recounts, digit by digit. So it does in another deployment with what was exported.
func TestDropUnderTraffic(t *testing.T) {
	kafkatest.NeedTool(t, "python3")
	t.Parallel()
	const last = "last-days kind=window window=48h"
	definitions, err := boardsettings.Parse([]string{last}, boardsettings.Defaults{Size: 10, Weights: heat.DefaultWeightSettings()})
	require.NoError(t, err)
	definitions = append(definitions, boards.Definition{Name: boards.AllTime.String(), Kind: boards.AllTime, Size: 10, Scorer: heat.DefaultWeights()}.Complete())
	f := &forgetting{T: t, site: harness.NewSite(t, kafkatest.Embedded(t), program), inputs: 3, next: make([]int64, 3), flags: []string{"--board", last, "--forget-after", "3d"}}
	f.site.Create(int32(f.inputs))
	visits := agedVisits(rand.New(rand.NewPCG(3, 4)), 40, 4000)
	wanted := []string{"last-days", "all-time"}
	sent := 0
	send := func(days int) { // day by day: what is counted shows that a day has passed
		for range days {
			f.produce(visits[sent : sent+100])
			sent += 100
			newestBoards(t, f.site, f.site.Ends(), wanted)
		}
	}
	sendAndSweep := func(days int) { // an instance looks once a second whether a day has passed
		send(days)
		before := len(f.sweepsOf(f.site.Prefix, nil))
		require.Eventually(t, func() bool { return len(f.sweepsOf(f.site.Prefix, nil)) > before }, harness.Within, 100*time.Millisecond)
	}
	first, second := f.start("first"), f.start("second")
	sendAndSweep(5)
	sendAndSweep(5)
	require.NoError(t, first.Kill())
	send(5)
	on := f.flags
	f.flags = f.flags[:2] // without the setting
	without := f.start("without")
	send(5)
	require.NoError(t, second.Kill())
	send(5)
	f.flags = on
	third := f.start("third")
	require.NoError(t, without.Stop())
	sendAndSweep(5)
	sendAndSweep(5)
	send(5)
	require.Equal(t, len(visits), sent)
	require.Eventually(t, func() bool { return !f.known(third, "/0") }, harness.Within, 100*time.Millisecond)
	audited := f.site.Must("audit")
	require.NoError(t, third.Stop())

	found := newestBoards(t, f.site, f.site.Ends(), wanted)
	var tasks bytes.Buffer
	encoder := json.NewEncoder(&tasks)
	for _, d := range definitions {
		b := found[d.Name]
		one := task{Definition: described(d), Behaviours: visits, AsOf: []int64{int64(boards.MinuteOf(cmp.Or(b.AsOf, time.Now())))}}
		if d.Kind == boards.AllTime { // others do not count what is as old
			one.Sweeps = f.sweepsOf(f.site.Prefix, b)
			require.Greater(t, len(one.Sweeps), 8)
		}
		require.NoError(t, encoder.Encode(one))
	}
	for i, answer := range recountInPython(t, &tasks) {
		b := found[definitions[i].Name]
		assert.Equal(t, answer[0], rows(b), "board %s as of %s", b.Board, b.AsOf)
		assert.Len(t, b.Pages, 10, b.Board)
	}
	assert.Less(t, found["all-time"].Counted, uint64(1500), "most pages are dropped")
	f.site.Must("recount", "--compare")
	f.site.Must("recount", "--compare", "--board", "last-days", "--boards", last)
	assert.Regexp(t, `dropped: pages without a behaviour for a time, by \d+ sweeps; [\d,]+ behaviours of theirs in the input are not counted`, audited)
	assert.Equal(t, 1, f.site.Command("page", "/0").Code)

	// Exports have what audits need, whatever the number of partitions.
	file := filepath.Join(t.TempDir(), "pages.jsonl")
	f.site.Must("export", "--file", file)
	to := *f.site
	to.Prefix, to.Output = f.site.Prefix+"-to", f.site.Prefix+"-to-output"
	to.Must("topics", "create", "--partitions", "5")
	to.Must("import", file)
	assert.Contains(t, to.Must("audit"), "are exact, and the table is up to date")
	sorted := func(sweeps []sweep) []sweep {
		slices.SortFunc(sweeps, func(a, b sweep) int {
			return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Before, b.Before))
		})
		return sweeps
	}
	assert.Equal(t, sorted(f.sweepsOf(f.site.Prefix, nil)), sorted(f.sweepsOf(to.Prefix, nil)))
}
