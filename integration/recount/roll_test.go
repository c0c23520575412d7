package recount

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/boards"
	"pageheat/boards/boardsettings"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
	"pageheat/topology"
)

// settings are the flags of an instance, and what they define.
type settings struct {
	flags []string
	// defined are the boards by the hash of the header of their records, see [codec.Definition].
	defined map[[8]byte]boards.Definition
	names   []string
}

// newSettings has all-time and further boards.
func newSettings(t *testing.T, top int, weights heat.WeightSettings, lines ...string) settings {
	t.Helper()
	definitions, err := boardsettings.Parse(lines, boardsettings.Defaults{Size: top, Weights: weights})
	require.NoError(t, err)
	scorer, err := weights.Weights()
	require.NoError(t, err)
	s := settings{defined: map[[8]byte]boards.Definition{}, names: []string{codec.AllTime},
		flags: []string{"--top", strconv.Itoa(top), "--weight-clicks", weights.WeightClicks, "--weight-minutes", weights.WeightMinutes, "--weight-likes", weights.WeightLikes,
			"--publish-every", "100ms", "--commit-every", "1s"}}
	s.defined[codec.Define(scorer, top).Order] = boards.Definition{Name: codec.AllTime, Kind: boards.AllTime, Size: top, Scorer: scorer}.Complete()
	for i, d := range definitions {
		s.defined[codec.DefineBoard(d).Order], s.names = d, append(s.names, d.Name)
		s.flags = append(s.flags, "--board", lines[i])
	}
	return s
}

// published is a record of the output.
type published struct {
	*codec.Board
	origin codec.Origin
}

// rolling is a site under traffic whose settings are rolled, instance by instance.
type rolling struct {
	*testing.T
	site      *harness.Site
	inputs    int
	instances []*harness.Instance
	started   int

	mu     sync.Mutex
	visits []behaviour // sent and acknowledged
	ends   harness.Ends
}

// traffic sends visits of the last hours, in no order of time, until ctx ends.
func (r *rolling) traffic(ctx context.Context, done *sync.WaitGroup) {
	client := kafkatest.Client(r.T, r.site.Cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	done.Go(func() {
		for n := 0; ctx.Err() == nil; {
			var some []*kgo.Record
			var visits []behaviour
			for range 4 {
				n++
				section := []string{"blog", "news", "shop"}[n%3]
				b := behaviour{page: fmt.Sprintf("/%s/%d", section, n*n%37), millis: time.Now().Add(-time.Duration(n*7919%100) * time.Minute).UnixMilli(),
					clicks: uint32(n % 5), minutes: heat.Minutes(n % 7 * 1_100_000_003), like: int8(n%3 - 1), partition: int32(n % r.inputs)}
				value := codec.AppendBehaviour(nil, heat.Behaviour{Page: []byte(b.page), Clicks: b.clicks, Minutes: b.minutes, Like: b.like})
				some = append(some, &kgo.Record{Topic: r.site.Input, Partition: b.partition, Value: value, Timestamp: time.UnixMilli(b.millis)})
				visits = append(visits, b)
			}
			if err := client.ProduceSync(context.Background(), some...).FirstErr(); !assert.NoError(r, err) {
				return
			}
			r.mu.Lock()
			for i := range visits {
				visits[i].offset = some[i].Offset
				r.ends.Include(some[i])
			}
			r.visits = append(r.visits, visits...)
			r.mu.Unlock()
			select {
			case <-time.After(20 * time.Millisecond): // the load of a site, in time
			case <-ctx.Done():
			}
		}
	})
}

// sent are the ends of what was sent until now.
func (r *rolling) sent() harness.Ends {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.ends)
}

// start starts an instance in a place.
func (r *rolling) start(place int, s settings) {
	r.Helper()
	r.started++
	in := r.site.Start(fmt.Sprintf("instance %d, place %d", r.started, place), s.flags...)
	ctx, cancel := context.WithTimeout(r.Context(), harness.Within)
	defer cancel()
	require.NoError(r, in.WaitReady(ctx))
	r.instances[place] = in
}

// awaits waits until the boards that are listed wait as they should.
func (r *rolling) awaits(what string, as func(waits map[string][]string) bool) {
	r.Helper()
	var listed string
	require.Eventually(r, func() bool {
		listed = r.site.Must("boards", "--json")
		var list struct {
			Boards []struct {
				Name     string
				WaitsFor []struct{ Reason string } `json:"waits_for"`
			}
		}
		if !assert.NoError(r, json.Unmarshal([]byte(listed), &list)) {
			return false
		}
		waits := map[string][]string{}
		for _, b := range list.Boards {
			waits[b.Name] = []string{}
			for _, w := range b.WaitsFor {
				waits[b.Name] = append(waits[b.Name], w.Reason)
			}
		}
		return as(waits)
	}, harness.Within, 100*time.Millisecond, "%s: %s", what, func() string { return listed })
}

// roll replaces the instances one by one, and kills the second of them. Meanwhile boards wait, and afterwards they are
// published with the new settings.
func (r *rolling) roll(to settings, mixed func(waits map[string][]string) bool) {
	r.Helper()
	for place, in := range r.instances {
		if place == 1 {
			require.NoError(r, in.Kill())
		} else {
			require.NoError(r, in.Stop())
		}
		r.start(place, to)
		if place < len(r.instances)-1 {
			r.awaits("some instances have other settings", mixed)
		}
	}
	ends := r.sent()
	found := newestBoardsBy(r.T, r.site, ends, to)
	for _, name := range to.names {
		require.Contains(r, found, name)
	}
	r.awaits("all instances have the new settings", func(waits map[string][]string) bool {
		for _, name := range to.names {
			if reasons, ok := waits[name]; !ok || len(reasons) > 0 {
				return false
			}
		}
		return true
	})
}

// newestBoardsBy is newestBoards of boards that are made by settings.
func newestBoardsBy(t *testing.T, site *harness.Site, ends harness.Ends, by settings) map[string]*codec.Board {
	t.Helper()
	client := kafkatest.Client(t, site.Cluster, kgo.ConsumeTopics(site.Output), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), harness.Within)
	defer cancel()
	found := map[string]*codec.Board{}
	for len(found) < len(by.names) {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err(), "boards so far: %v", found)
		for record := range fetches.RecordsAll() {
			p := readPublished(t, record)
			if _, known := by.defined[p.origin.Definition.Order]; !known || strings.Contains(p.Board.Board, "/") {
				continue
			}
			if slices.ContainsFunc(slices.Collect(func(yield func(int32) bool) {
				for partition := range ends {
					if !yield(partition) {
						return
					}
				}
			}), func(partition int32) bool { at, _ := p.Offsets.Get(partition); return at < ends[partition] }) {
				continue
			}
			found[p.Board.Board] = p.Board
		}
	}
	return found
}

func readPublished(t *testing.T, record *kgo.Record) published {
	t.Helper()
	b, err := codec.DecodeBoard(record.Value)
	require.NoError(t, err)
	p := published{Board: b}
	for _, h := range record.Headers {
		if h.Key == codec.HeaderPositions {
			p.origin, err = codec.DecodeOrigin(h.Value)
			require.NoError(t, err)
		}
	}
	return p
}

// everything reads all records of a topic of one partition.
func everything(t *testing.T, site *harness.Site, topic string) []*kgo.Record {
	t.Helper()
	listed, err := kafkatest.Admin(t, site.Cluster).ListCommittedOffsets(t.Context(), topic)
	require.NoError(t, err)
	end, _ := listed.Lookup(topic, 0)
	client := kafkatest.Client(t, site.Cluster, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), harness.Within)
	defer cancel()
	var all []*kgo.Record
	for len(all) == 0 || all[len(all)-1].Offset < end.Offset-1 {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		all = append(all, fetches.Records()...)
	}
	return all
}

// cut is what a heat partition had counted when it sent leaders.
type cut struct {
	to []int64
	// since are, by board and its hash, the offsets from which on it counts.
	since map[string][]int64
}

// cuts are all that leaders say, by partition and position. Owners that have counted equally much may have begun to count
// for a board at different offsets: then it is not known which of them a board was made from.
func (r *rolling) cuts() (cuts map[int32]map[int64]*cut, ambiguous map[string]bool) {
	r.Helper()
	cuts, ambiguous = map[int32]map[int64]*cut{}, map[string]bool{}
	for _, record := range everything(r.T, r.site, r.site.Prefix+"-leaders") {
		l, err := codec.DecodeLeaders(record.Value)
		require.NoError(r, err)
		if cuts[l.Partition] == nil {
			cuts[l.Partition] = map[int64]*cut{}
		}
		c := cuts[l.Partition][l.Next]
		if c == nil {
			c = &cut{to: l.To, since: map[string][]int64{}}
			cuts[l.Partition][l.Next] = c
		}
		require.Equal(r, c.to, l.To, "heat partition %d at %d", l.Partition, l.Next)
		for _, b := range l.Boards {
			key := b.Name + " " + b.Hash
			if since, known := c.since[key]; known && !slices.Equal(since, b.Since) {
				ambiguous[fmt.Sprintf("%s of heat partition %d at %d", key, l.Partition, l.Next)] = true
			}
			c.since[key] = b.Since
		}
	}
	return cuts, ambiguous
}

// counted are the visits that a board counts, and whether that is known; since are its offsets.
func (r *rolling) counted(p published, cuts map[int32]map[int64]*cut, ambiguous map[string]bool) (visits []behaviour, since []int64, known bool) {
	r.Helper()
	visits, of := []behaviour{}, make([]*cut, len(p.origin.Positions))
	key := p.Board.Board + " " + p.DefinitionHash
	for q, at := range p.origin.Positions {
		if of[q] = cuts[int32(q)][at.Next]; of[q] == nil || ambiguous[fmt.Sprintf("%s of heat partition %d at %d", key, q, at.Next)] {
			return nil, nil, false
		}
		for input, offset := range of[q].since[key] {
			for len(since) <= input {
				since = append(since, 0)
			}
			since[input] = max(since[input], offset)
		}
	}
	for _, b := range r.visits {
		c := of[topology.Partition(b.page, len(of))]
		from := int64(0)
		if s := c.since[key]; int(b.partition) < len(s) {
			from = s[b.partition]
		}
		if int(b.partition) < len(c.to) && from <= b.offset && b.offset <= c.to[b.partition] {
			visits = append(visits, b)
		}
	}
	return visits, since, true
}

// TestBoardsWhileSettingsRoll changes weights, sizes and patterns, adds a board and removes one, instance by instance and
// under traffic, with an instance killed in the middle, and rolls back. Every board that was published on the way is
// that of one of the settings, digit by digit as recount.py has it.
func TestBoardsWhileSettingsRoll(t *testing.T) {
	kafkatest.Long(t)
	t.Parallel()
	likes := heat.DefaultWeightSettings()
	likes.WeightLikes = "3.5"
	before := newSettings(t, 10, heat.DefaultWeightSettings(), "hour kind=window window=1h step=1m", "trend kind=trending half-life=6h", "gone kind=window window=2h step=1m")
	after := newSettings(t, 12, likes, "hour kind=window window=1h step=1m size=4 weight-clicks=2", "trend kind=trending half-life=6h include=/blog/.*", "fresh kind=window window=2h step=1m")
	r := &rolling{T: t, site: harness.NewSite(t, kafkatest.Embedded(t), program), inputs: 3, instances: make([]*harness.Instance, 3), ends: harness.Ends{}}
	r.site.Create(int32(r.inputs))
	for place := range r.instances {
		r.start(place, before)
	}
	ctx, stop := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	r.traffic(ctx, &sending)
	defer func() { stop(); sending.Wait() }()
	newestBoardsBy(t, r.site, r.sent(), before)

	r.roll(after, func(waits map[string][]string) bool {
		return slices.Contains(waits[codec.AllTime], "definition") && slices.Contains(waits["hour"], "definition") && slices.Contains(waits["trend"], "definition") &&
			slices.Contains(waits["gone"], "unknown") && slices.Contains(waits["fresh"], "unknown")
	})
	r.awaits("no instance has it", func(waits map[string][]string) bool { return slices.Equal(waits["gone"], []string{"removed"}) })
	r.roll(before, func(waits map[string][]string) bool {
		return slices.Contains(waits[codec.AllTime], "definition") && slices.Contains(waits["hour"], "definition") && slices.Contains(waits["fresh"], "unknown")
	})
	stop()
	sending.Wait()
	newestBoardsBy(t, r.site, r.sent(), before)
	for _, in := range r.instances {
		require.NoError(t, in.Stop())
	}
	r.site.Must("audit")

	cuts, ambiguous := r.cuts()
	var tasks bytes.Buffer
	encoder := json.NewEncoder(&tasks)
	var asked []published
	defined, last := map[string]int{}, map[string]string{}
	all := everything(t, r.site, r.site.Output)
	steps := map[string]int{}
	for i, record := range all {
		p := readPublished(t, record)
		d, known := after.defined[p.origin.Definition.Order]
		if !known {
			d, known = before.defined[p.origin.Definition.Order]
		}
		require.True(t, known, "version %d of %s is by no settings: %s", p.Version, p.Board.Board, p.origin.Definition)
		require.Equal(t, d.Name, p.Board.Board)
		key := p.Board.Board + " " + p.origin.Definition.String()
		defined[key]++
		// All near a change of the definition, and some of the others.
		changed := last[p.Board.Board] != key
		last[p.Board.Board] = key
		if steps[p.Board.Board]++; changed {
			steps[p.Board.Board] = 0
		}
		if steps[p.Board.Board] > 3 && steps[p.Board.Board]%5 != 0 && i < len(all)-20 {
			continue
		}
		visits, since, known := r.counted(p, cuts, ambiguous)
		if !known {
			continue
		}
		if since == nil {
			assert.Nil(t, p.Since, key)
		} else {
			assert.Equal(t, codec.NewOffsets(since), p.Since, key)
		}
		asOf := []int64{int64(boards.MinuteOf(p.AsOf))}
		require.NoError(t, encoder.Encode(task{Definition: described(d), Behaviours: visits, AsOf: asOf}))
		asked = append(asked, p)
	}
	compared := map[string]int{}
	for i, answer := range recountInPython(t, &tasks) {
		p := asked[i]
		if assert.Equal(t, answer[0], rows(p.Board), "version %d of board %s as of %s", p.Version, p.Board.Board, p.AsOf) {
			compared[p.Board.Board+" "+p.origin.Definition.String()]++
		}
	}
	t.Logf("%d behaviours, %d boards, %d compared, %d unknown", len(r.visits), len(all), len(asked), len(ambiguous))
	for key, n := range defined {
		t.Logf("%d of %d: %s", compared[key], n, strings.ReplaceAll(key, "\n", " "))
		assert.Positive(t, compared[key], key)
	}
	require.Len(t, defined, 8)
	for _, p := range asked {
		switch p.Board.Board {
		case "fresh":
			assert.NotNil(t, p.Since, "it was added under traffic")
		case "hour", "trend", codec.AllTime:
			assert.Nil(t, p.Since, "%s counts from the beginning", p.Board.Board)
		}
	}
	for _, p := range slices.Backward(asked) {
		if p.Board.Board == "gone" {
			assert.NotNil(t, p.Since, "it was removed, and added again")
			break
		}
	}
}
