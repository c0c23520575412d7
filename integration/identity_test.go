package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// fourPages are a few behaviours; /a is first by clicks and /d by dislikes.
const fourPages = "/a|5|0|0\n/b|4|0|0\n/c|3|0|0\n/d|1|0|-1\n"

// counted starts an instance and has it count four pages.
func counted(t *testing.T, p *pipeline, flags ...string) (*harness.Instance, *harness.Recount, harness.Ends) {
	t.Helper()
	in := p.Start("in", flags...)
	want := harness.NewRecount()
	require.NoError(t, want.AddLines([]byte(fourPages), 1))
	ends := sent(t, p.Site, records(p.Site, []byte(fourPages), nil, func(int) int32 { return 0 }))
	p.exact(t, in, ends, want)
	return in, want, ends
}

// TestPartitionsThatAreAddedAreRefused adds partitions to the ranges and the table: their
// number determines the partition of each page.
func TestPartitionsThatAreAddedAreRefused(t *testing.T) {
	for name, running := range map[string]bool{"while an instance runs": true, "while none runs": false} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, site *harness.Site) {
				p := newPipeline(t, site, 1, "--partitions", "3")
				in, _, _ := counted(t, p)
				if !running {
					stopped(t, in)
				}
				own := []string{site.Prefix + "-behavior", site.Prefix + "-heat-table"}
				admin := kafkatest.Admin(t, site.Cluster)
				before, err := admin.ListEndOffsets(within(t), own...)
				require.NoError(t, err)
				for _, topic := range own {
					kafkatest.AddPartitions(t, site.Cluster, topic, 6)
				}
				if !running {
					says := refuses(t, site.Start("after"))
					assert.Contains(t, says, "P was 3 and is 6")
					assert.Contains(t, says, own[1])
					assert.Contains(t, says, "docs/operations.md")
					after, err := admin.ListEndOffsets(within(t), own...)
					require.NoError(t, err)
					for _, topic := range own {
						for partition, end := range before[topic] {
							assert.Equal(t, end.Offset, after[topic][partition].Offset, "%s partition %d", topic, partition)
						}
						for partition := int32(3); partition < 6; partition++ {
							assert.Zero(t, after[topic][partition].Offset, "%s partition %d", topic, partition)
						}
					}
				} else {
					says := refuses(t, in)
					assert.Contains(t, says, "had 3 partitions and has 6")
					assert.Contains(t, says, "docs/operations.md")
				}

				// The documented remedy: new topics.
				fresh := []string{"--prefix", site.Prefix + "-fresh", "--output", site.Output + "-fresh"}
				site.Must(append([]string{"topics", "create", "--partitions", "6"}, fresh...)...)
				other := site.Start("fresh", fresh...)
				require.NoError(t, other.WaitReady(within(t)))
				require.Eventually(t, func() bool {
					return strings.Contains(site.Must(append([]string{"top", "--once", "--json"}, fresh...)...), `"page":"/a"`)
				}, harness.Within, 50*time.Millisecond)
				stopped(t, other)
			})
		})
	}
}

// TestRollingChangeOfSettings restarts two instances one after the other with different weights
// and size, under load. Each board is exact for the settings in its header; while the settings
// differ, the last board stays.
func TestRollingChangeOfSettings(t *testing.T) {
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 1, "--partitions", "2")
		before := []string{"--top", "4"}
		after := []string{"--top", "2", "--weight-clicks=0", "--weight-minutes=0", "--weight-likes=-1"}
		first, want, _ := counted(t, p, before...)
		second := site.Start("second", before...)
		waitShared(t, within(t), site, 2, "-heat")

		more := func() harness.Ends {
			require.NoError(t, want.AddLines([]byte(fourPages), 1))
			return sent(t, site, records(site, []byte(fourPages), nil, func(int) int32 { return 0 }))
		}
		_, err := p.boards.WaitFor(within(t), more())
		require.NoError(t, err)
		stopped(t, first)
		_, err = p.boards.WaitFor(within(t), more())
		require.NoError(t, err, "the other goes on alone, by the old settings")

		third := site.Start("third", after...)
		waitShared(t, within(t), site, 2, "-heat")
		ends := more()
		owner := second
		if _, _, err := second.WaitLog(within(t), 0, func(e harness.Entry) bool {
			return strings.HasPrefix(e.Message, "the board is not updated")
		}); err != nil {
			owner = third
		}
		metrics, err := owner.Get(within(t), "/metrics")
		require.NoError(t, err)
		assert.Contains(t, string(metrics.Body), "pageheat_rank_waiting_partitions 1")
		assert.Less(t, p.boards.Newest().Offsets["0"], ends[0], "the board is not updated")
		require.NoError(t, third.WaitReady(within(t)), "or a rolling change would never end")

		stopped(t, second)
		board, err := p.boards.WaitFor(within(t), ends)
		require.NoError(t, err, "all agree")
		require.Len(t, board.Pages, 2)
		assert.Equal(t, "/d", board.Pages[0].Page)
		p.exactByHeaders(t)
		fourth := site.Start("fourth", after...)
		_, err = p.boards.WaitFor(within(t), more())
		require.NoError(t, err)
		assert.Empty(t, p.boards.Wrong())
		p.audited(t)
		stopped(t, third, fourth)
	})
}

// exactByHeaders checks that every board in the output, each after some rounds of fourPages, is
// exact for the settings in its header.
func (p *pipeline) exactByHeaders(t *testing.T) {
	t.Helper()
	ends, err := kafkatest.Admin(t, p.Cluster).ListEndOffsets(within(t), p.Output)
	require.NoError(t, err)
	end, _ := ends.Lookup(p.Output, 0)
	likes, err := heat.NewWeights("0", "0", "-1")
	require.NoError(t, err)
	seen := map[codec.Definition]int{}
	for _, r := range kafkatest.Read(t, p.Cluster, p.Output, int(end.Offset)) {
		board, err := codec.DecodeBoard(r.Value)
		require.NoError(t, err)
		var origin codec.Origin
		for _, h := range r.Headers {
			if h.Key == codec.HeaderPositions {
				origin, err = codec.DecodeOrigin(h.Value)
				require.NoError(t, err)
			}
		}
		require.Equal(t, p.Prefix+"-rank", origin.Group)
		require.Len(t, origin.Positions, 2)
		seen[origin.Definition]++
		order, top := []string{"/a", "/b", "/c", "/d"}, 4
		if origin.Definition == codec.Define(likes, 2) {
			order, top = []string{"/d", "/a"}, 2
		} else {
			require.Equal(t, codec.Define(heat.DefaultWeights(), 4), origin.Definition)
		}
		if board.Counted%4 != 0 {
			continue // in the middle of a round
		}
		require.LessOrEqual(t, len(board.Pages), top)
		for i, page := range board.Pages {
			require.Equal(t, order[i], page.Page, "version %d by %s", board.Version, origin.Definition)
			require.Equal(t, board.Counted/4, page.Behaviours)
		}
	}
	require.Len(t, seen, 2)
}

// TestPrefixesAndOutputsDoNotMix gives one prefix two outputs, and two prefixes one.
func TestPrefixesAndOutputsDoNotMix(t *testing.T) {
	t.Parallel()
	site := quickSite(t)
	p := newPipeline(t, site, 1)
	in, want, ends := counted(t, p)

	other := site.Output + "-other"
	site.Must("topics", "create", "--output", other)
	stopped(t, in)
	says := refuses(t, site.Start("another output", "--output", other))
	assert.Contains(t, says, site.Output)
	assert.Contains(t, says, other)

	prefix := site.Prefix + "-other"
	site.Must("topics", "create", "--prefix", prefix)
	says = refuses(t, site.Start("another prefix", "--prefix", prefix))
	assert.Contains(t, says, site.Prefix+"-rank")
	assert.Contains(t, says, prefix+"-rank")

	in = site.Start("as before")
	p.exact(t, in, ends, want)
	stopped(t, in)
}

// TestAnInputThatBeginsAboveZeroHasLostNothing starts on an input whose first messages are
// gone, and later loses the group's offsets.
func TestAnInputThatBeginsAboveZeroHasLostNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 1, "--partitions", "2")
		sent(t, site, records(site, []byte(fourPages), nil, func(int) int32 { return 0 }))
		truncate(t, site, site.Input, 3)
		want := harness.NewRecount()
		require.NoError(t, want.AddLines([]byte("/d|1|0|-1\n"), 1))
		more := func() harness.Ends {
			require.NoError(t, want.AddLines([]byte(fourPages), 1))
			return sent(t, site, records(site, []byte(fourPages), nil, func(int) int32 { return 0 }))
		}
		in := site.Start("first")
		p.exact(t, in, more(), want)
		_, _, err := in.WaitLog(within(t), 0, func(e harness.Entry) bool { return e.Text("begins_at") == "3" })
		require.NoError(t, err)
		p.audited(t)
		stopped(t, in)

		// The offsets expire, and the counted input is deleted.
		_, err = kafkatest.Admin(t, site.Cluster).DeleteGroup(within(t), site.Prefix+"-ingest")
		require.NoError(t, err)
		truncate(t, site, site.Input, 6)
		in = site.Start("second")
		p.exact(t, in, more(), want)
		metrics, err := in.Get(within(t), "/metrics")
		require.NoError(t, err)
		assert.Contains(t, string(metrics.Body), `pageheat_heat_lost_records{partition="0"} 0`)
		stopped(t, in)
		assert.NotContains(t, in.LastWords(), "these behaviours are lost")
	})
}

// TestADeletedPageIsWrittenAgain writes a tombstone into the table.
func TestADeletedPageIsWrittenAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 1)
		in, want, ends := counted(t, p)
		stopped(t, in)
		kafkatest.ProduceRecords(t, site.Cluster, &kgo.Record{Topic: site.Prefix + "-heat-table", Key: []byte("/a")})
		in = site.Start("after")
		p.exact(t, in, ends, want)
		_, _, err := in.WaitLog(within(t), 0, func(e harness.Entry) bool { return e.Text("pages") == "1" && e.Level == "WARN" })
		require.NoError(t, err)
		stopped(t, in)
		p.audited(t)
	})
}

// TestNonsenseInOurTopics writes foreign records into each topic. The instance exits and says
// what is wrong, where, and what to do. No board freezes.
func TestNonsenseInOurTopics(t *testing.T) {
	kafkatest.Long(t)
	t.Parallel()
	const far = 1 << 52
	random := []byte{0x7F, 0xC2, 3, 0, 0xFF, 9, 9, 9}
	header := func(input codec.TopicID) codec.RangeHeader {
		return codec.RangeHeader{Input: input, Targets: 1, From: 3, To: 5, Limits: heat.DefaultLimits()}
	}
	sums := func(input codec.TopicID, page string, totals heat.Totals) []byte {
		return codec.AppendPageSum(codec.AppendRangeHeader(nil, header(input), 1), page, &totals)
	}
	leaders := func(change func(*codec.Leaders)) []byte {
		l := &codec.Leaders{Progress: codec.Progress{Partitions: 1}, Definition: codec.Define(heat.DefaultWeights(), 10)}
		change(l)
		return codec.AppendLeaders(nil, l)
	}
	type nonsense struct {
		topic   string // after the prefix
		key     string
		value   func(input, behavior codec.TopicID) []byte
		says    string
		stopped bool // written while no instance runs
	}
	raw := func(b []byte) func(codec.TopicID, codec.TopicID) []byte {
		return func(codec.TopicID, codec.TopicID) []byte { return b }
	}
	likes := heat.Totals{Likes: 1, Behaviours: 1}
	for name, n := range map[string]nonsense{
		"behavior, random bytes": {topic: "-behavior", value: raw(random), says: "another version"},
		"behavior, null":         {topic: "-behavior", value: raw(nil), says: "it is empty"},
		"behavior, an empty range far above the end": {topic: "-behavior", says: "which ends at offset 4", value: func(input, _ codec.TopicID) []byte {
			h := header(input)
			h.To = far
			return codec.AppendRangeHeader(nil, h, 0)
		}},
		"behavior, of a partition that is none": {topic: "-behavior", says: "does not exist", value: func(input, _ codec.TopicID) []byte {
			h := header(input)
			h.Partition, h.From, h.To = 77, -1, far
			return codec.AppendRangeHeader(nil, h, 0)
		}},
		"behavior, another number of partitions": {topic: "-behavior", says: "P was 3 and is 1", value: func(input, _ codec.TopicID) []byte {
			h := header(input)
			h.Targets = 3
			return codec.AppendRangeHeader(nil, h, 0)
		}},
		"behavior, sums that overflow": {topic: "-behavior", says: "behaviours or more", value: func(input, _ codec.TopicID) []byte {
			return sums(input, "/a", heat.Totals{Behaviours: 1 << 51})
		}},
		"behavior, a page that is not UTF-8": {topic: "-behavior", says: "not a valid page name", value: func(input, _ codec.TopicID) []byte {
			return sums(input, "/\xFF", likes)
		}},
		"leaders, random bytes": {topic: "-leaders", value: raw(random), says: "another version"},
		"leaders, null":         {topic: "-leaders", value: raw(nil), says: "it is empty"},
		"leaders, far above the end": {topic: "-leaders", says: "-behavior partition 0, which ends at", value: func(input, behavior codec.TopicID) []byte {
			return leaders(func(l *codec.Leaders) { l.Input, l.Behavior, l.Next = input, behavior, far })
		}},
		"leaders, another number of partitions": {topic: "-leaders", says: "P was 3 and is 1", value: func(input, behavior codec.TopicID) []byte {
			return leaders(func(l *codec.Leaders) { l.Input, l.Behavior, l.Partitions = input, behavior, 3 })
		}},
		"output, a board without its header": {topic: "-output", key: "all-time", says: "has no header pageheat.positions",
			value: raw([]byte(`{"board":"all-time","version":7,"pages":[]}`))},
		"output, no JSON": {topic: "-output", key: "all-time", says: "board", value: raw(random)},
		"output, a version above all": {topic: "-output", key: "all-time", says: "has to be below 9007199254740992",
			value: raw([]byte(`{"board":"all-time","version":18446744073709551615,"pages":[]}`))},
		"rank table, no epoch": {topic: "-rank-table", key: codec.EpochKey(), stopped: true, says: "the stored epoch", value: raw(random)},
		"rank table, an epoch above all": {topic: "-rank-table", key: codec.EpochKey(), stopped: true, says: "above the highest",
			value: raw([]byte{2, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0})},
		"table, an unknown kind": {topic: "-heat-table", key: "|later|1", stopped: true, says: "this version of pageheat does not know", value: raw(random)},
		"table, a page that is not UTF-8": {topic: "-heat-table", key: "/\xFF", stopped: true, says: "not a valid page name",
			value: raw(codec.AppendPageState(nil, &likes))},
		"table, counts that cannot be": {topic: "-heat-table", key: "/a", stopped: true, says: "impossible sums",
			value: raw(codec.AppendPageState(nil, &heat.Totals{Likes: 1 << 60, Behaviours: 1}))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := quickSite(t)
			p := newPipeline(t, site, 1)
			in, _, _ := counted(t, p)
			if n.stopped {
				stopped(t, in)
			}
			topics, err := kafkatest.Admin(t, site.Cluster).ListTopics(within(t), site.Input, site.Prefix+"-behavior")
			require.NoError(t, err)
			topic := site.Prefix + n.topic
			if n.topic == "-output" {
				topic = site.Output
			}
			record := &kgo.Record{Topic: topic, Key: []byte(n.key), Headers: nil,
				Value: n.value(codec.TopicID(topics[site.Input].ID), codec.TopicID(topics[site.Prefix+"-behavior"].ID))}
			client := kafkatest.Client(t, site.Cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()))
			require.NoError(t, client.ProduceSync(within(t), record).FirstErr())
			if n.stopped {
				in = site.Start("after")
			}
			says := refuses(t, in)
			assert.Contains(t, says, n.says)
			assert.Contains(t, says, topic)
			assert.Contains(t, says, "offset ")
		})
	}
}
