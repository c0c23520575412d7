package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// refused has messages of every refused kind, with the reason.
func refused() []struct{ reason, value string } {
	return []struct{ reason, value string }{
		{"empty", ""}, {"empty", " \t\r\n"}, {"empty", "\n"},
		{"too-large", strings.Repeat("x", 64<<10) + "|1|1|1"},
		{"not-utf8", "page\xff|1|1|1"}, {"not-utf8", "\xc3|1|1|1"},
		{"field-count", "page|1|1"}, {"field-count", "page|1|1|1|1"}, {"field-count", "page"},
		{"page-empty", "|1|1|1"}, {"page-empty", " \t |1|1|1"}, {"page-empty", `{"page":"","clicks":1,"minutes":1}`},
		{"page-too-long", strings.Repeat("p", 1025) + "|1|1|1"},
		{"page-characters", "a\x00b|1|1|1"}, {"page-characters", "a\u0085b|1|1|1"}, {"page-characters", `{"page":"a|b","clicks":1,"minutes":1}`},
		{"clicks-not-a-number", "page|x|1|1"}, {"clicks-not-a-number", "page||1|1"}, {"clicks-not-a-number", "page|0x1|1|1"}, {"clicks-not-a-number", "page|1_0|1|1"},
		{"clicks-out-of-range", "page|-1|1|1"}, {"clicks-out-of-range", "page|1000001|1|1"}, {"clicks-out-of-range", "page|1e300|1|1"},
		{"minutes-not-a-number", "page|1|NaN|1"}, {"minutes-not-a-number", "page|1|Inf|1"}, {"minutes-not-a-number", "page|1|1,5|1"},
		{"minutes-out-of-range", "page|1|-0.5|1"}, {"minutes-out-of-range", "page|1|1440.1|1"}, {"minutes-out-of-range", "page|1|1e400|1"},
		{"like-not-a-number", "page|1|1|yes"}, {"like-not-a-number", "page|1|1|"},
		{"like-out-of-range", "page|1|1|2"}, {"like-out-of-range", `{"page":"page","clicks":1,"minutes":1,"like":-2}`},
		{"json-syntax", `{"page":"page","clicks":1,"minutes":1`}, {"json-syntax", `{"page":"page"} {}`}, {"json-syntax", "{"},
		{"json-type", `{"page":7,"clicks":1,"minutes":1}`}, {"json-type", `{"page":"page","clicks":"1","minutes":1}`}, {"json-type", `{"page":"page","clicks":1,"minutes":[]}`},
		{"field-count", `{"page":"page","clicks":null,"minutes":null}`},
	}
}

// refusedAt is the producer's timestamp of the first bad message.
var refusedAt = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

// headers are a record's headers by name.
func headers(r *kgo.Record) map[string]string {
	all := map[string]string{}
	for _, h := range r.Headers {
		all[h.Key] = string(h.Value)
	}
	return all
}

// TestDeadLetters sends every kind of bad message between good ones: each becomes a dead letter
// unchanged, and the rest is exact.
func TestDeadLetters(t *testing.T) {
	file := readData(t, "testdata", smallest)
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 3)
		in := site.Start("only")
		keys := [][]byte{nil, {}, []byte("key"), {0, 0xff}}
		var bad []*kgo.Record
		reasons := map[*kgo.Record]string{}
		all := records(site, file.lines, nil, func(i int) int32 { return int32(i % 3) })
		add := func(reason string, value []byte) {
			r := &kgo.Record{Topic: site.Input, Partition: int32(len(bad) % 3), Key: keys[len(bad)%len(keys)], Value: value,
				Timestamp: refusedAt.Add(time.Duration(len(bad)) * time.Second),
				Headers:   []kgo.RecordHeader{{Key: "trace", Value: []byte(reason)}, {Key: "trace"}}}
			reasons[r] = reason
			bad = append(bad, r)
			all = append(all[:2*len(bad)], append([]*kgo.Record{r}, all[2*len(bad):]...)...)
		}
		for range keys {
			add("empty", nil) // a null value
		}
		for _, m := range refused() {
			add(m.reason, []byte(m.value))
		}
		want := file.recount(t, 1)
		board := p.exact(t, in, sent(t, site, all), want)
		t.Logf("%d bad messages between %d good ones", len(bad), board.Counted)

		letters := kafkatest.Read(t, site.Cluster, site.Prefix+"-dead-letter", len(bad))
		at := map[string]*kgo.Record{}
		for _, l := range letters {
			h := headers(l)
			assert.Equal(t, site.Input, h["pageheat.topic"])
			at[h["pageheat.partition"]+"/"+h["pageheat.offset"]] = l
		}
		require.Len(t, at, len(bad), "each once")
		for _, r := range bad {
			where := fmt.Sprintf("%d/%d", r.Partition, r.Offset)
			l := at[where]
			require.NotNil(t, l, "%s: %s %.60q", where, reasons[r], r.Value)
			h := headers(l)
			assert.Equal(t, reasons[r], h["pageheat.reason"], "%.60q", r.Value)
			assert.NotEmpty(t, h["pageheat.detail"])
			assert.Equal(t, r.Headers, l.Headers[:2], "its own headers, in their order")
			assert.Len(t, l.Headers, 2+6, "no other headers")
			assert.NotEmpty(t, h["pageheat.topic-id"])
			assert.Equal(t, r.Timestamp.UnixMilli(), l.Timestamp.UnixMilli(), "its own time")
			assert.True(t, bytes.Equal(r.Value, l.Value), "%.60q became %.60q", r.Value, l.Value)
			assert.Equal(t, r.Value == nil, l.Value == nil, "null or empty: value of %s", where)
			assert.True(t, bytes.Equal(r.Key, l.Key), "key %q became %q", r.Key, l.Key)
			assert.Equal(t, r.Key == nil, l.Key == nil, "null or empty: key of %s", where)
		}

		listed := map[string]bool{}
		for line := range strings.Lines(site.Must("dead-letters", "list", "--json")) {
			var d struct {
				Partition int
				Offset    int64
				Reason    string
				Value     []byte
			}
			require.NoError(t, json.Unmarshal([]byte(line), &d))
			l := at[strconv.Itoa(d.Partition)+"/"+strconv.FormatInt(d.Offset, 10)]
			require.NotNil(t, l)
			assert.Equal(t, headers(l)["pageheat.reason"], d.Reason)
			assert.True(t, bytes.Equal(l.Value, d.Value))
			listed[line] = true
		}
		assert.Len(t, listed, len(bad))
		table := site.Must("dead-letters", "list")
		for _, m := range refused() {
			assert.Contains(t, table, m.reason)
		}
		p.audited(t)

		// Replayed, they are refused again, and nothing is counted.
		site.Must("dead-letters", "replay")
		p.exact(t, in, site.Ends(), want)
		again := kafkatest.Read(t, site.Cluster, site.Prefix+"-dead-letter", 2*len(bad))
		assert.Len(t, again, 2*len(bad))
		traces := map[string]int{}
		for _, l := range again[len(bad):] {
			assert.Len(t, l.Headers, 2+6, "those of the first letter are not its own")
			traces[strconv.FormatInt(l.Timestamp.UnixMilli(), 10)+string(l.Headers[0].Value)]++
		}
		for _, r := range bad {
			assert.Equal(t, 1, traces[strconv.FormatInt(r.Timestamp.UnixMilli(), 10)+reasons[r]], "replayed with its time and headers")
		}
		p.audited(t)
		stopped(t, in)
	})
}

// TestReplayAfterTheLimitIsRaised replays refused behaviours that are valid under a different
// limit.
func TestReplayAfterTheLimitIsRaised(t *testing.T) {
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 3)
		strict := site.Start("strict", "--max-clicks", "10", "--max-minutes", "60")
		lines := []byte("/a|11|1|1\n/a|10|60|0\n/b|3|60.5|-1\n/c|1|1|1\n")
		want := harness.NewRecount()
		require.NoError(t, want.AddLines([]byte("/a|10|60|0\n/c|1|1|1\n"), 1))
		ends := sent(t, site, records(site, lines, nil, func(i int) int32 { return int32(i % 3) }))
		p.exact(t, strict, ends, want)
		stopped(t, strict)

		generous := site.Start("generous")
		site.Must("dead-letters", "replay")
		require.NoError(t, want.AddLines([]byte("/a|11|1|1\n/b|3|60.5|-1\n"), 1))
		p.exact(t, generous, site.Ends(), want)
		site.Must("dead-letters", "replay")
		assert.Equal(t, p.boards.Newest().Counted, p.exact(t, generous, site.Ends(), want).Counted, "what was replayed is not replayed again")
		stopped(t, generous)
	})
}
