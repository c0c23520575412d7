package integration

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// refuses waits until an instance exits with an error, and returns its last log lines.
func refuses(t *testing.T, in *harness.Instance) string {
	t.Helper()
	code, text, err := in.WaitFailure()
	require.NoError(t, err)
	require.Equal(t, 1, code, text)
	return text
}

// TestARecreatedInputIsNoticed deletes the input, while an instance runs and while none does:
// its offsets restart and must not be mistaken for the old ones.
func TestARecreatedInputIsNoticed(t *testing.T) {
	for name, running := range map[string]bool{"while an instance runs": true, "while none runs": false} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, site *harness.Site) {
				p := newPipeline(t, site, 3)
				in := site.Start("in")
				want := harness.NewRecount()
				text := []byte("/a|5|0|0\n/b|4|0|0\n/c|3|0|0\n/d|3|0|0\n")
				require.NoError(t, want.AddLines(text, 1))
				p.exact(t, in, sent(t, site, records(site, text, nil, func(i int) int32 { return int32(i % 3) })), want)
				if !running {
					stopped(t, in)
				}
				_, err := kafkatest.Admin(t, site.Cluster).DeleteTopic(within(t), site.Input)
				require.NoError(t, err)
				kafkatest.CreateTopic(t, site.Cluster, site.Input, 3)
				sent(t, site, records(site, text, nil, func(i int) int32 { return int32(i % 3) }))
				if !running {
					in = site.Start("after")
				}
				says := refuses(t, in)
				assert.Contains(t, says, "topic id")
				assert.Contains(t, says, "docs/operations.md")
			})
		})
	}
}

// TestInputThatRetentionTookIsDeclared deletes input that no instance has read.
func TestInputThatRetentionTookIsDeclared(t *testing.T) {
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 1)
		want := harness.NewRecount()
		text := []byte("/a|5|0|0\n/b|4|0|0\n/c|3|0|0\n/d|3|0|0\n")
		one := func(int) int32 { return 0 }
		require.NoError(t, want.AddLines(text, 1))
		in := site.Start("before")
		p.exact(t, in, sent(t, site, records(site, text, nil, one)), want)
		stopped(t, in)
		sent(t, site, records(site, []byte("/x|1|0|0\n/y|1|0|0\n/z|1|0|0\n"), nil, one)) // never read
		truncate(t, site, site.Input, 7)
		require.NoError(t, want.AddLines(text, 1))
		ends := sent(t, site, records(site, text, nil, one))

		in = site.Start("after")
		p.exact(t, in, ends, want)
		_, _, err := in.WaitLog(within(t), 0, func(e harness.Entry) bool {
			return e.Level == "ERROR" && e.Text("messages_at_most") == "3"
		})
		require.NoError(t, err, "it says how many are gone")
		result := site.Command("audit")
		assert.NotZero(t, result.Code, "the input no longer starts at its beginning")
		stopped(t, in)
	})
}

// truncate deletes the records of partition 0 below an offset, as retention does.
func truncate(t *testing.T, site *harness.Site, topic string, below int64) {
	t.Helper()
	var to kadm.Offsets
	to.AddOffset(topic, 0, below, -1)
	deleted, err := kafkatest.Admin(t, site.Cluster).DeleteRecords(within(t), to)
	require.NoError(t, err)
	require.NoError(t, deleted.Error())
}

// TestADamagedChangelogIsRefused writes a record into the table that does not decode, and one
// that makes the pages differ from their count.
func TestADamagedChangelogIsRefused(t *testing.T) {
	undecodable := []byte{0xFF, 0x00}
	wrongSum := codec.AppendPageState(nil, &heat.Totals{Behaviours: 41})
	for name, value := range map[string][]byte{"a record that does not decode": undecodable, "a wrong sum": wrongSum} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, site *harness.Site) {
				p := newPipeline(t, site, 1)
				in := site.Start("before")
				text := []byte("/a|5|0|0\n")
				want := harness.NewRecount()
				require.NoError(t, want.AddLines(text, 1))
				p.exact(t, in, sent(t, site, records(site, text, nil, func(int) int32 { return 0 })), want)
				stopped(t, in)

				client := kafkatest.Client(t, site.Cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()))
				record := &kgo.Record{Topic: site.Prefix + "-heat-table", Key: []byte("/a"), Value: value}
				require.NoError(t, client.ProduceSync(within(t), record).FirstErr())
				says := refuses(t, site.Start("after"))
				assert.Contains(t, says, "-heat-table partition 0")
				if name == "a record that does not decode" {
					assert.Contains(t, says, "offset "+strconv.FormatInt(record.Offset, 10))
				}
			})
		})
	}
}

// TestWrongTopicsAreFoundAtTheStart creates topics with wrong settings.
func TestWrongTopicsAreFoundAtTheStart(t *testing.T) {
	for name, wrong := range map[string]struct {
		topic    string
		settings []string
		says     string
	}{
		"a compacted input":          {"-input", []string{"cleanup.policy", "compact"}, "compact"},
		"a table that is not":        {"-heat-table", []string{"cleanup.policy", "delete"}, "cleanup.policy"},
		"leaders in many partitions": {"-leaders", []string{"cleanup.policy", "delete"}, "partitions"},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, site *harness.Site) {
				kafkatest.CreateTopic(t, site.Cluster, site.Prefix+wrong.topic, 2, wrong.settings...)
				site.Command("topics", "create", "--partitions", "2") // creates the others, and complains
				says := refuses(t, site.Start("in"))
				assert.Contains(t, says, wrong.says)
				assert.Contains(t, says, site.Prefix+wrong.topic)
			})
		})
	}
}

// TestTwoDeploymentsWithOnePrefixAreNoticed runs two with the same prefix and
// different inputs.
func TestTwoDeploymentsWithOnePrefixAreNoticed(t *testing.T) {
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 1)
		in := site.Start("first")
		want := harness.NewRecount()
		text := []byte("/a|5|0|0\n")
		require.NoError(t, want.AddLines(text, 1))
		p.exact(t, in, sent(t, site, records(site, text, nil, func(int) int32 { return 0 })), want)
		stopped(t, in)
		other := site.Prefix + "-other"
		kafkatest.CreateTopic(t, site.Cluster, other, 1)
		kafkatest.Produce(t, site.Cluster, other, "/b|1|0|0")
		assert.Contains(t, refuses(t, site.Start("second", "--input", other)), "topic id")
	})
}

// TestOffsetsMovedForwardAreNoticed moves the offset of ingest forward, which an operator never
// should: behaviours are missing, and the table must not continue.
func TestOffsetsMovedForwardAreNoticed(t *testing.T) {
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 1)
		one := func(int) int32 { return 0 }
		in := site.Start("before")
		want := harness.NewRecount()
		text := []byte("/a|5|0|0\n")
		require.NoError(t, want.AddLines(text, 1))
		p.exact(t, in, sent(t, site, records(site, text, nil, one)), want)
		stopped(t, in)
		sent(t, site, records(site, []byte("/b|1|0|0\n/c|1|0|0\n/d|1|0|0\n"), nil, one))
		commit(t, site, site.Prefix+"-ingest", site.Input, 3)
		says := refuses(t, site.Start("after"))
		assert.Contains(t, says, "a range is missing")
		assert.Contains(t, says, "after 2", "it names where")

		p.keepTotals(t)
		require.NoError(t, want.AddLines([]byte("/b|1|0|0\n/c|1|0|0\n/d|1|0|0\n"), 1))
		p.exact(t, site.Start("mended"), site.Ends(), want)
		p.audited(t)
	})
}

// TestAGapOfInputThatIsGoneCanBeGotOver moves the offset of ingest forward and deletes the
// input that the documented remedy needs. Only the deleted input is lost.
func TestAGapOfInputThatIsGoneCanBeGotOver(t *testing.T) {
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 1)
		in, want, _ := counted(t, p) // offsets 0 to 3
		stopped(t, in)
		text := []byte("/x|1|0|0\n/y|1|0|0\n/z|1|0|0\n")
		ends := sent(t, site, records(site, text, nil, func(int) int32 { return 0 }))
		commit(t, site, site.Prefix+"-ingest", site.Input, 6)
		assert.Contains(t, refuses(t, site.Start("after")), "a range is missing")
		truncate(t, site, site.Input, 6)

		p.keepTotals(t)
		in = site.Start("mended")
		require.NoError(t, want.Add([]byte("/z|1|0|0"), 1))
		p.exact(t, in, ends, want)
		_, _, err := in.WaitLog(within(t), 0, func(e harness.Entry) bool {
			return e.Level == "ERROR" && e.Text("messages_at_most") == "2"
		})
		require.NoError(t, err, "it says how many are gone")
		stopped(t, in)
	})
}

// TestAStrangeRecordAmongRangesIsGotOver follows the hint: the ranges are deleted with the record,
// and created again from the input.
func TestAStrangeRecordAmongRangesIsGotOver(t *testing.T) {
	cut := codec.AppendRangeHeader(nil, codec.RangeHeader{Targets: 1, To: 1}, 1)
	for name, strange := range map[string][]byte{"of no version": {0xff, 0, 0xc3, 0x28}, "cut short": cut[:len(cut)/2]} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, site *harness.Site) {
				p := newPipeline(t, site, 1)
				one := func(int) int32 { return 0 }
				in := site.Start("before")
				want := harness.NewRecount()
				text := []byte("/a|5|0|0\n/b|1|0|1\n")
				require.NoError(t, want.AddLines(text, 1))
				p.exact(t, in, sent(t, site, records(site, text, nil, one)), want)
				require.Eventually(t, func() bool { return site.Command("page", "/b").Code == 0 }, harness.Within, 50*time.Millisecond,
					"the table has progress")
				behavior := site.Prefix + "-behavior"
				kafkatest.ProduceRecords(t, site.Cluster, &kgo.Record{Topic: behavior, Value: strange})
				says := refuses(t, in)
				lines := strings.Split(strings.TrimSpace(says), "\n")
				assert.Regexp(t, `^pageheat: role heat cannot go on: `+behavior+` partition 0: offset \d+: .*"A record does not decode" in docs/operations\.md$`,
					lines[len(lines)-1])

				sent(t, site, records(site, text, nil, one)) // waits behind it
				p.keepTotals(t)
				require.NoError(t, want.AddLines(text, 1))
				p.exact(t, site.Start("mended"), site.Ends(), want)
				p.audited(t)
			})
		})
	}
}

func commit(t *testing.T, site *harness.Site, group, topic string, offset int64) {
	t.Helper()
	var to kadm.Offsets
	to.AddOffset(topic, 0, offset, -1)
	require.NoError(t, kafkatest.Admin(t, site.Cluster).CommitAllOffsets(within(t), group, to))
}
