package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// records makes a record for each line, with a key from the key function (nil: none) and a
// partition from the partition function.
func records(site *harness.Site, lines []byte, key func(i int, line []byte) []byte, partition func(i int) int32) []*kgo.Record {
	var all []*kgo.Record
	for line := range bytes.Lines(lines) {
		line = bytes.TrimRight(line, "\n")
		r := &kgo.Record{Topic: site.Input, Value: line, Partition: partition(len(all))}
		if key != nil {
			r.Key = key(len(all), line)
		}
		all = append(all, r)
	}
	return all
}

// sent sends records and returns the end offsets.
func sent(t *testing.T, site *harness.Site, all []*kgo.Record) harness.Ends {
	t.Helper()
	kafkatest.ProduceRecords(t, site.Cluster, all...)
	ends := harness.Ends{}
	for _, r := range all {
		ends.Include(r)
	}
	return ends
}

// TestKeysAndPartitions sends the same behaviours with various keys to various partitions: the
// result is the same.
func TestKeysAndPartitions(t *testing.T) {
	file := readData(t, "testdata", smallest)
	random := rand.New(rand.NewPCG(1, 2))
	for i, c := range []struct {
		name       string
		partitions int32
		flags      []string
		key        func(i int, line []byte) []byte
		partition  func(i int) int32
	}{
		{name: "no keys, all in one of three partitions", partitions: 3,
			partition: func(int) int32 { return 1 }},
		{name: "random keys, twelve partitions", partitions: 12,
			key:       func(int, []byte) []byte { return fmt.Appendf(nil, "%x", random.Uint64()) },
			partition: func(int) int32 { return random.Int32N(12) }},
		{name: "empty keys, one partition, five for pages", partitions: 1, flags: []string{"--partitions", "5"},
			key:       func(int, []byte) []byte { return []byte{} },
			partition: func(int) int32 { return 0 }},
		{name: "keyed by page, by another hash than ours, three partitions", partitions: 3,
			key: func(_ int, line []byte) []byte {
				page, _, _ := bytes.Cut(line, []byte{'|'})
				return page
			},
			partition: func(i int) int32 { return int32(i*i) % 3 }},
		{name: "keys that are no text, some null, one partition for pages", partitions: 2, flags: []string{"--partitions", "1"},
			key: func(i int, _ []byte) []byte {
				if i%3 == 0 {
					return nil
				}
				return []byte{0xff, 0, byte(i)}
			},
			partition: func(i int) int32 { return int32(i % 2) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if i > 0 {
				kafkatest.Long(t)
			}
			everywhere(t, func(t *testing.T, site *harness.Site) {
				p := newPipeline(t, site, c.partitions, c.flags...)
				in := site.Start("only")
				ends := sent(t, site, records(site, file.lines, c.key, c.partition))
				p.exact(t, in, ends, file.recount(t, 1))
				p.audited(t)
				stopped(t, in)
			})
		})
	}
}

// asJSON converts a line of text to JSON, in one of several ways.
func asJSON(t *testing.T, i int, line []byte) []byte {
	t.Helper()
	f := bytes.Split(line, []byte{'|'})
	require.Len(t, f, 4)
	page, err := json.Marshal(string(f[0]))
	require.NoError(t, err)
	switch i % 3 {
	case 0:
		return fmt.Appendf(nil, `{"page":%s,"clicks":%s,"minutes":%s,"like":%s}`, page, f[1], f[2], f[3])
	case 1:
		return fmt.Appendf(nil, "{ \"like\": %s,\n \"minutes\": %se0, \"visitor\": {\"id\": [1]}, \"clicks\": %s.0, \"page\": %s }\r\n", f[3], f[2], f[1], page)
	}
	if string(f[3]) == "0" {
		return fmt.Appendf(nil, `{"page":%s,"minutes":%s,"clicks":%s}`, page, f[2], f[1])
	}
	return fmt.Appendf(nil, `{"page":%s,"minutes":%s,"clicks":%s,"like":%s}`, page, f[2], f[1], f[3])
}

// TestTextAndJSON mixes both forms of the input.
func TestTextAndJSON(t *testing.T) {
	file := readData(t, "testdata", smallest)
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 3)
		in := site.Start("only")
		all := records(site, file.lines, nil, func(i int) int32 { return int32(i % 3) })
		for i, r := range all {
			switch i % 4 {
			case 0, 1:
				r.Value = asJSON(t, i, r.Value)
			case 2:
				r.Value = fmt.Appendf(nil, " %s \r\n", bytes.ReplaceAll(r.Value, []byte{'|'}, []byte("\t| ")))
			}
		}
		p.exact(t, in, sent(t, site, all), file.recount(t, 1))
		p.audited(t)
		stopped(t, in)
	})
}

// TestTransactionalInput sends behaviours in transactions. Some are aborted, and one is open at
// the end: only committed behaviours count.
func TestTransactionalInput(t *testing.T) {
	file := readData(t, "testdata", smallest)
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 3)
		in := site.Start("only")
		ctx := within(t)
		writer := kafkatest.Client(t, site.Cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.TransactionalID(site.Prefix+"-writer"))
		want, ends := harness.NewRecount(), harness.Ends{}
		all := records(site, file.lines, nil, func(i int) int32 { return int32(i/100) % 3 })
		for i := 0; len(all) > 0; i++ {
			some := all[:min(len(all), 700)]
			all = all[len(some):]
			require.NoError(t, writer.BeginTransaction())
			require.NoError(t, writer.ProduceSync(ctx, some...).FirstErr())
			commit := kgo.TryCommit
			if i%3 == 1 {
				commit = kgo.TryAbort
			}
			require.NoError(t, writer.EndTransaction(ctx, commit))
			for _, r := range some {
				if commit == kgo.TryCommit {
					require.NoError(t, want.Add(r.Value, 1))
					ends.Include(r)
				}
			}
		}
		p.exact(t, in, ends, want)
		// Records behind an open transaction wait until it ends.
		open := &kgo.Record{Topic: site.Input, Partition: 2, Value: []byte("/open|1000000|1440|1")}
		require.NoError(t, writer.BeginTransaction())
		require.NoError(t, writer.ProduceSync(ctx, open).FirstErr())
		behind := &kgo.Record{Topic: site.Input, Partition: 2, Value: []byte("/behind|7|7|1")}
		kafkatest.ProduceRecords(t, site.Cluster, behind)
		beside := &kgo.Record{Topic: site.Input, Partition: 1, Value: []byte("/beside|9|9|1")}
		ends = sent(t, site, []*kgo.Record{beside})
		require.NoError(t, want.Add(beside.Value, 1))
		p.exact(t, in, ends, want)
		require.NoError(t, writer.EndTransaction(ctx, kgo.TryAbort))
		require.NoError(t, want.Add(behind.Value, 1))
		ends.Include(behind)
		p.exact(t, in, ends, want)
		p.audited(t)
		stopped(t, in)
	})
}
