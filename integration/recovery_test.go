package integration

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
	"pageheat/topology"
)

// documented are the pageheat commands of a section of docs/operations.md, in their order, as
// arguments.
func documented(t *testing.T, heading string) [][]string {
	t.Helper()
	text, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
	require.True(t, found, "docs/operations.md has no section %q", heading)
	section = regexp.MustCompile(`(?m)^#{2,3} `).Split(section, 2)[0]
	var commands [][]string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
		for _, line := range regexp.MustCompile(`(?m)^pageheat ([^#\n]*)`).FindAllStringSubmatch(block[1], -1) {
			commands = append(commands, strings.Fields(line[1]))
		}
	}
	require.NotEmpty(t, commands, "the section %q has no commands", heading)
	return commands
}

// follow runs the commands of a section, with the mirrored names of the site. Those but "run" must exit
// with 0; the instance that "run" starts is returned.
func follow(t *testing.T, site *harness.Site, heading string) *harness.Instance {
	t.Helper()
	var in *harness.Instance
	for _, args := range documented(t, heading) {
		for i, arg := range args {
			switch arg {
			case "source." + topology.DefaultInput:
				args[i] = site.Input
			case "source." + topology.DefaultPrefix:
				args[i] = site.Prefix
			}
		}
		switch args[0] {
		case "run":
			in = site.Start("recovered", args[1:]...)
		case "audit": // for the test's end
		default:
			site.Must(args...)
		}
	}
	require.NotNil(t, in, "the section does not start an instance")
	return in
}

// defaultSite is an installation with the default names, which are those of the documents, on an embedded
// broker of its own. Secured, it is one like others on the Kafka that tests share.
func defaultSite(t *testing.T) *harness.Site {
	t.Helper()
	site := quickSite(t)
	if site.Cluster.Fake() != nil {
		site.Prefix, site.Input, site.Output = topology.DefaultPrefix, topology.DefaultInput, topology.DefaultOutput
	}
	return site
}

// somePages sends behaviours of different pages to all partitions of the input, and counts them.
func somePages(t *testing.T, site *harness.Site, partitions int32, want *harness.Recount) harness.Ends {
	t.Helper()
	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "/page%d|%d|%d.5|%d\n", i%17, i%5, i%7, i%3-1)
	}
	require.NoError(t, want.AddLines([]byte(text.String()), 1))
	return sent(t, site, records(site, []byte(text.String()), nil, func(i int) int32 { return int32(i) % partitions }))
}

// keepTotals follows the hint of what stopped an instance.
func (p *pipeline) keepTotals(t *testing.T) {
	t.Helper()
	p.Must("reset", "--keep-totals", "--yes")
	p.Must("topics", "create")
	p.boards = p.Follow() // the output is another topic
}

// deleteTopics deletes topics that exist.
func deleteTopics(t *testing.T, site *harness.Site, names ...string) {
	t.Helper()
	answers, err := kafkatest.Admin(t, site.Cluster).DeleteTopics(within(t), names...)
	require.NoError(t, err)
	for _, a := range answers {
		require.NoError(t, a.Err)
	}
}

// ownTopics are all but the input.
func ownTopics(site *harness.Site) []string {
	p := site.Prefix
	return []string{p + "-behavior", p + "-heat-table", p + "-leaders", p + "-rank-table", p + "-forget", site.Output, p + "-dead-letter"}
}

// countedBefore is an installation whose instance has counted some pages and has stopped.
func countedBefore(t *testing.T, partitions int32) (*harness.Site, *pipeline, *harness.Recount) {
	t.Helper()
	site := defaultSite(t)
	p := newPipeline(t, site, partitions)
	want := harness.NewRecount()
	in := site.Start("before")
	p.exact(t, in, somePages(t, site, partitions, want), want)
	stopped(t, in)
	return site, p, want
}

// TestRebuildFromTheInput loses all topics but the input. The offsets of the groups are still
// there: an instance that starts with them must not count half of the input.
func TestRebuildFromTheInput(t *testing.T) {
	t.Parallel()
	const partitions = 3
	site, _, want := countedBefore(t, partitions)

	deleteTopics(t, site, ownTopics(site)...)
	ends := somePages(t, site, partitions, want)
	site.Must("topics", "create")
	says := refuses(t, site.Start("without a reset"))
	assert.Contains(t, says, "a range is missing")
	assert.Contains(t, says, "`pageheat reset")

	p := &pipeline{site, nil}
	in := follow(t, site, "### Rebuild from the input")
	p.boards = site.Follow()
	p.exact(t, in, ends, want)
	p.audited(t)
	p.exact(t, in, somePages(t, site, partitions, want), want)
	stopped(t, in)
	p.audited(t)
}

// TestKeepTheTotalsWithoutTheInput loses everything but the heat table.
func TestKeepTheTotalsWithoutTheInput(t *testing.T) {
	t.Parallel()
	const partitions = 3
	site, p, want := countedBefore(t, partitions)

	for _, topic := range append(ownTopics(site), site.Input) {
		if !strings.HasSuffix(topic, "-heat-table") {
			deleteTopics(t, site, topic)
		}
	}
	kafkatest.CreateTopic(t, site.Cluster, site.Input, partitions)
	site.Must("topics", "create")
	somePages(t, site, partitions, want) // something is in the new input already
	says := refuses(t, site.Start("without a reset"))
	assert.Contains(t, says, "recreated")
	assert.Contains(t, says, "`pageheat reset --keep-totals`")
	r := site.Command("reset", "--keep-totals", "--yes")
	assert.Equal(t, 2, r.Code, "only the operator knows whether it is in the totals")
	assert.Contains(t, r.Stderr, "--input-from")

	in := follow(t, site, "### Keep the totals without the input")
	p.boards = site.Follow()
	p.exact(t, in, site.Ends(), want)
	p.exact(t, in, somePages(t, site, partitions, want), want)
	r = site.Command("audit")
	assert.Equal(t, 1, r.Code, "the input does not have what was kept")
	assert.Contains(t, r.Stdout+r.Stderr, "are of an earlier input")
	r = site.Command("reset", "--keep-totals", "--input-from", "earliest", "--yes")
	assert.Equal(t, 1, r.Code, "an instance runs")
	stopped(t, in)
	r = site.Command("reset", "--keep-totals", "--input-from", "earliest", "--yes")
	assert.Equal(t, 2, r.Code, "everything would be counted twice")
	in = site.Start("again")
	p.exact(t, in, somePages(t, site, partitions, want), want)
	stopped(t, in)
}

// TestAnInputThatExpiresKeepsItsTotals deletes the whole input by retention.
func TestAnInputThatExpiresKeepsItsTotals(t *testing.T) {
	t.Parallel()
	site := defaultSite(t)
	p := newPipeline(t, site, 1)
	in, want, ends := counted(t, p)
	stopped(t, in)
	truncate(t, site, site.Input, ends[0])
	in = site.Start("after")
	p.exact(t, in, somePages(t, site, 1, want), want)
	stopped(t, in)
}

// TestTheWayOnKeepsTheTotals has what stops an instance, and the command of its hint: everything
// is counted once, and versions of the board grow.
func TestTheWayOnKeepsTheTotals(t *testing.T) {
	for name, harm := range map[string]struct {
		do      func(t *testing.T, site *harness.Site, want *harness.Recount)
		running bool // while an instance runs
		says    string
	}{
		"ranges were deleted": {says: "a range is missing", do: func(t *testing.T, site *harness.Site, want *harness.Recount) {
			somePages(t, site, 2, want)
			commit(t, site, site.Prefix+"-ingest", site.Input, 45)
		}},
		"the behaviour topic was recreated": {says: "recreated", do: func(t *testing.T, site *harness.Site, want *harness.Recount) {
			deleteTopics(t, site, site.Prefix+"-behavior")
			site.Must("topics", "create")
		}},
		"another program wrote a range": {says: "another version", do: func(t *testing.T, site *harness.Site, want *harness.Recount) {
			kafkatest.ProduceRecords(t, site.Cluster, &kgo.Record{Topic: site.Prefix + "-behavior", Value: []byte{0xff, 1, 2}})
		}},
		"another program wrote a board": {says: "has no header", do: func(t *testing.T, site *harness.Site, want *harness.Recount) {
			kafkatest.ProduceRecords(t, site.Cluster, &kgo.Record{Topic: site.Output, Key: []byte("all-time"), Value: []byte(`{"board":"all-time","version":7,"pages":[]}`)})
		}},
		"another program wrote leaders": {says: "another version", running: true, do: func(t *testing.T, site *harness.Site, want *harness.Recount) {
			kafkatest.ProduceRecords(t, site.Cluster, &kgo.Record{Topic: site.Prefix + "-leaders", Value: []byte{0xff, 1, 2}})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const partitions = 2
			site := quickSite(t)
			p := newPipeline(t, site, partitions)
			want := harness.NewRecount()
			in := site.Start("before")
			p.exact(t, in, somePages(t, site, partitions, want), want)
			before := p.boards.Newest().Version
			if !harm.running {
				stopped(t, in)
			}
			harm.do(t, site, want)
			if !harm.running {
				in = site.Start("harmed")
			}
			says := refuses(t, in)
			require.Contains(t, says, harm.says)

			r := site.CommandWith([]byte("n\n"), "reset", "--keep-totals")
			require.Equal(t, 1, r.Code)
			require.Contains(t, r.Stdout, "the totals of 60 behaviours")
			site.Must("reset", "--keep-totals", "--yes") // it may be repeated
			p.keepTotals(t)
			in = site.Start("mended")
			p.exact(t, in, site.Ends(), want)
			assert.Greater(t, p.boards.Newest().Version, before)
			p.exact(t, in, somePages(t, site, partitions, want), want)
			p.audited(t)
			stopped(t, in)
		})
	}
}

// mirror copies topics to another cluster as MirrorMaker 2 does by default: under the name of the
// source and the topic's own name, with its partitions and settings, and with offsets that begin at
// 0 whatever those of the source are. Copies have topic ids of their own.
func mirror(t *testing.T, name string, from, to *kafkatest.Cluster, topics ...string) {
	t.Helper()
	source := kafkatest.Admin(t, from)
	for _, topic := range topics {
		configs, err := source.DescribeTopicConfigs(within(t), topic)
		require.NoError(t, err)
		config, err := configs.On(topic, nil)
		require.NoError(t, err)
		var settings []string
		for _, c := range config.Configs {
			if c.Source == kmsg.ConfigSourceDynamicTopicConfig {
				settings = append(settings, c.Key, c.MaybeValue())
			}
		}
		ends, err := source.ListCommittedOffsets(within(t), topic)
		require.NoError(t, err)
		starts, err := source.ListStartOffsets(within(t), topic)
		require.NoError(t, err)
		kafkatest.CreateTopic(t, to, name+"."+topic, int32(len(ends[topic])), settings...)
		client := kafkatest.Client(t, from, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))
		waiting := map[int32]int64{}
		ends.Each(func(o kadm.ListedOffset) {
			if start, _ := starts.Lookup(topic, o.Partition); o.Offset > start.Offset {
				waiting[o.Partition] = o.Offset
			}
		})
		for len(waiting) > 0 {
			fetches := client.PollFetches(within(t))
			require.NoError(t, fetches.Err())
			var copies []*kgo.Record
			fetches.EachRecord(func(r *kgo.Record) {
				if r.Offset+1 >= waiting[r.Partition] {
					delete(waiting, r.Partition)
				}
				if !r.Attrs.IsControl() {
					copies = append(copies, &kgo.Record{Topic: name + "." + topic, Partition: r.Partition,
						Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp})
				}
			})
			kafkatest.ProduceRecords(t, to, copies...)
		}
	}
}

// moved is a deployment on a source cluster that has counted, and its copy on another cluster.
func moved(t *testing.T, topics func(source *harness.Site) []string) (source, target *harness.Site, want *harness.Recount) {
	t.Helper()
	const partitions = 3
	source, target = defaultSite(t), defaultSite(t)
	p := newPipeline(t, source, partitions)
	want = harness.NewRecount()
	// The first messages expired before pageheat was set up, so offsets differ on the target.
	somePages(t, source, partitions, harness.NewRecount())
	truncate(t, source, source.Input, 20)
	for partition := int32(1); partition < partitions; partition++ {
		var to kadm.Offsets
		to.AddOffset(source.Input, partition, 20, -1)
		_, err := kafkatest.Admin(t, source.Cluster).DeleteRecords(within(t), to)
		require.NoError(t, err)
	}
	in := source.Start("source")
	p.exact(t, in, somePages(t, source, partitions, want), want)
	p.exact(t, in, somePages(t, source, partitions, want), want)
	stopped(t, in)
	mirror(t, "source", source.Cluster, target.Cluster, topics(source)...)
	target.Input = "source." + source.Input
	return source, target, want
}

// TestMirroredInputIsCountedAgain moves to another cluster with the input alone. MirrorMaker has
// translated the offsets of the groups: without the reset, only the rest would be counted.
func TestMirroredInputIsCountedAgain(t *testing.T) {
	t.Parallel()
	_, target, want := moved(t, func(source *harness.Site) []string { return []string{source.Input} })
	for partition := range int32(3) {
		var to kadm.Offsets
		to.AddOffset(target.Input, partition, 25, -1)
		require.NoError(t, kafkatest.Admin(t, target.Cluster).CommitAllOffsets(within(t), target.Prefix+"-ingest", to))
	}
	target.Must("topics", "create")
	assert.Contains(t, refuses(t, target.Start("with translated offsets")), "a range is missing")

	in := follow(t, target, "### Count a mirrored input")
	p := &pipeline{target, target.Follow()}
	p.exact(t, in, target.Ends(), want)
	p.exact(t, in, somePages(t, target, 3, want), want)
	stopped(t, in)
	p.audited(t)
}

// TestMirroredTotalsAreKept moves to another cluster with the heat table, and a new input.
func TestMirroredTotalsAreKept(t *testing.T) {
	t.Parallel()
	source, target, want := moved(t, func(source *harness.Site) []string { return []string{source.Input, source.Prefix + "-heat-table"} })
	target.Input = "new-" + source.Input
	target.Prefix = "source." + source.Prefix
	in := follow(t, target, "### Keep mirrored totals")
	p := &pipeline{target, target.Follow()}
	p.exact(t, in, somePages(t, target, 3, want), want)
	stopped(t, in)
}

// TestMirroredTopicsAreRefused starts on copies of all topics: their offsets and ids are not those
// that the table was counted with. It counts nothing, and says what to do.
func TestMirroredTopicsAreRefused(t *testing.T) {
	t.Parallel()
	source, target, want := moved(t, func(source *harness.Site) []string { return append(ownTopics(source), source.Input) })
	target.Prefix, target.Output = "source."+source.Prefix, "source."+source.Output
	says := refuses(t, target.Start("on copies"))
	assert.Regexp(t, "`pageheat reset|`pageheat run --prefix", says)

	// The input has counted messages and others: latest is right, since the source was drained.
	assert.Equal(t, 2, target.Command("reset", "--keep-totals", "--yes").Code)
	target.Must("reset", "--keep-totals", "--input-from", "latest", "--yes")
	target.Must("topics", "create")
	p := &pipeline{target, target.Follow()}
	in := target.Start("kept")
	p.exact(t, in, somePages(t, target, 3, want), want)
	stopped(t, in)
}
