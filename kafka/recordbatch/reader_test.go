package recordbatch_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"pageheat/kafka/recordbatch"
	"pageheat/kafka/recordbatch/batchtest"
)

var limits = recordbatch.Limits{Record: 4000, Value: 1000, Sample: 10, Key: 100, Headers: 200}

// read gives all records of a batch, whole or as a stream.
func read(u *recordbatch.Unpacker, batch []byte, stream bool) (all []recordbatch.Record, err error) {
	b, _, err := recordbatch.Parse(batch)
	if err != nil {
		return nil, err
	}
	open := u.Open
	if stream {
		open = u.Stream
	}
	r, err := open(b)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		record.Raw = bytes.Clone(record.Raw)
		all = append(all, record)
	}
}

// TestRecordsAreThoseThatFranzGoReads, whatever the codec, and long ones are truncated.
func TestRecordsAreThoseThatFranzGoReads(t *testing.T) {
	u := recordbatch.NewUnpacker(limits)
	field := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 300), rapid.Custom(func(t *rapid.T) []byte {
		return bytes.Repeat([]byte{'x'}, rapid.IntRange(0, 9000).Draw(t, "size")) // drawn as a number alone
	}))
	rapid.Check(t, func(t *rapid.T) {
		var records []*kgo.Record
		offset := int64(0)
		for range rapid.IntRange(1, 20).Draw(t, "records") {
			r := &kgo.Record{Offset: offset, Key: field.Draw(t, "key"), Value: field.Draw(t, "value"),
				Timestamp: time.UnixMilli(rapid.Int64Range(1, 1<<42).Draw(t, "time"))}
			for range rapid.SampledFrom([]int{0, 0, 0, 1, 3, 30}).Draw(t, "headers") {
				r.Headers = append(r.Headers, kgo.RecordHeader{Key: rapid.StringN(0, 5, 20).Draw(t, "name"), Value: field.Draw(t, "header")})
			}
			records = append(records, r)
			offset += rapid.Int64Range(1, 3).Draw(t, "gap")
		}
		c := rapid.SampledFrom(batchtest.Codecs()).Draw(t, "codec")
		batch := batchtest.Encode(c, 100, records)
		want, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{}, &kmsg.FetchResponseTopicPartition{RecordBatches: batch},
			kgo.DefaultDecompressor(), nil)
		require.NoError(t, want.Err)
		got, err := read(u, batch, rapid.Bool().Draw(t, "stream"))
		if errors.Is(err, recordbatch.ErrLarge) { // which asks for a stream
			got, err = read(u, batch, true)
		}
		require.NoError(t, err)
		require.Len(t, got, len(want.Records))
		parsed, _, _ := recordbatch.Parse(batch)
		for i, r := range got {
			w := want.Records[i]
			require.Equal(t, w.Offset, r.Offset)
			if r.Truncated == nil {
				k := kmsg.NewRecord()
				require.NoError(t, k.ReadFrom(r.Raw))
				require.Equal(t, w.Key, k.Key)
				require.Equal(t, w.Value, k.Value)
				require.Len(t, k.Headers, len(w.Headers))
				continue
			}
			require.Equal(t, w.Timestamp.UnixMilli(), parsed.Timestamp()+r.Truncated.Timestamp)
			kept := func(whole, part []byte, size int64, keep int) {
				if whole == nil {
					require.Nil(t, part)
					require.EqualValues(t, -1, size)
					return
				}
				require.EqualValues(t, len(whole), size)
				if len(whole) > keep {
					whole = whole[:limits.Sample]
				}
				require.Equal(t, string(whole), string(part))
			}
			kept(w.Key, r.Truncated.Key, r.Truncated.KeySize, limits.Key)
			kept(w.Value, r.Truncated.Value, r.Truncated.ValueSize, limits.Value)
			require.Equal(t, sha256.Sum256(w.Value), r.Truncated.SHA256)
			require.Len(t, w.Headers, len(r.Truncated.Headers)+int(r.Truncated.HeadersLeft))
		}
	})
}

// TestABatchThatUnpacksToAGigabyteTakesLittleMemory. With -short it
// is twice what may be allocated.
func TestABatchThatUnpacksToAGigabyteTakesLittleMemory(t *testing.T) {
	const size, most = 4 << 20, 32 << 20
	records := 64
	if testing.Short() {
		records = 2 * most / size
	}
	u := recordbatch.NewUnpacker(recordbatch.Limits{Record: 1 << 20, Value: 1 << 20, Sample: 1 << 10, Key: 1 << 10, Headers: 1 << 10})
	value := strings.Repeat("x", size)
	sum := sha256.Sum256([]byte(value))
	for _, c := range []batchtest.Codec{batchtest.Gzip, batchtest.Lz4, batchtest.Zstd} {
		t.Run(c.String(), func(t *testing.T) {
			var readers []io.Reader
			for i := range records {
				head := []byte{0, 0}
				head = binary.AppendVarint(head, int64(i))
				head = binary.AppendVarint(head, -1)
				head = binary.AppendVarint(head, size)
				readers = append(readers, bytes.NewReader(append(binary.AppendVarint(nil, int64(len(head)+size+1)), head...)),
					strings.NewReader(value), bytes.NewReader([]byte{0}))
			}
			batch := batchtest.Batch(c, 0, int32(records-1), records, 0, batchtest.Compress(c, io.MultiReader(readers...)))
			parsed, _, err := recordbatch.Parse(batch)
			require.NoError(t, err)
			_, err = u.Open(parsed)
			require.ErrorIs(t, err, recordbatch.ErrLarge)
			r, err := u.Stream(parsed)
			require.NoError(t, err)
			defer r.Close()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for i := range records {
				record, err := r.Next()
				require.NoError(t, err)
				require.EqualValues(t, i, record.Offset)
				require.NotNil(t, record.Truncated)
				require.EqualValues(t, size, record.Truncated.ValueSize)
				require.Equal(t, sum, record.Truncated.SHA256)
			}
			_, err = r.Next()
			require.ErrorIs(t, err, io.EOF)
			runtime.ReadMemStats(&after)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(most), "all that was ever allocated")
		})
	}
}

func TestCorruptBatchesAreErrors(t *testing.T) {
	u := recordbatch.NewUnpacker(limits)
	records := []*kgo.Record{{Value: []byte("a|1|1|0")}, {Value: []byte("b|1|1|0")}}
	for _, c := range batchtest.Codecs() {
		batch := batchtest.Encode(c, 5, records)
		flipped := bytes.Clone(batch)
		flipped[len(flipped)-1] ^= 1
		_, err := read(u, flipped, false)
		require.ErrorIs(t, err, recordbatch.ErrCorrupt, c)
		more := bytes.Clone(batch)
		binary.BigEndian.PutUint32(more[57:], 3)
		_, err = read(u, batchtest.Sum(more), true)
		require.ErrorIs(t, err, recordbatch.ErrCorrupt, "more records than there are: %v", c)
	}
	magic := batchtest.Encode(batchtest.Plain, 5, records)
	magic[16] = 9
	_, err := read(u, magic, false)
	require.ErrorIs(t, err, recordbatch.ErrCorrupt)
	garbage := batchtest.Batch(batchtest.Zstd, 0, 1, 2, 0, []byte("not zstd"))
	for _, stream := range []bool{false, true} {
		_, err = read(u, garbage, stream)
		require.ErrorIs(t, err, recordbatch.ErrCorrupt)
	}
	_, _, err = recordbatch.Parse(magic[:20])
	require.ErrorIs(t, err, recordbatch.ErrIncomplete)
}

func TestWhole(t *testing.T) {
	a := batchtest.Encode(batchtest.Plain, 5, []*kgo.Record{{Value: []byte("x")}, {Value: []byte("y")}})
	b := batchtest.Encode(batchtest.Gzip, 9, []*kgo.Record{{Value: []byte("x")}})
	log := append(bytes.Clone(a), b...)
	size, next := recordbatch.Whole(log)
	assert.Equal(t, len(log), size)
	assert.EqualValues(t, 10, next)
	size, next = recordbatch.Whole(log[:len(log)-1])
	assert.Equal(t, len(a), size)
	assert.EqualValues(t, 7, next)
	size, next = recordbatch.Whole(a[:10])
	assert.Zero(t, size)
	assert.EqualValues(t, -1, next)
}

func FuzzBatch(f *testing.F) {
	for _, c := range batchtest.Codecs() {
		f.Add(batchtest.Encode(c, 5, []*kgo.Record{{Key: []byte("k"), Value: []byte("a|1|1|0"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}},
			{Value: bytes.Repeat([]byte("x"), 5000)}}))
	}
	u := recordbatch.NewUnpacker(limits)
	f.Fuzz(func(t *testing.T, batch []byte) {
		if len(batch) > 61 {
			batchtest.Sum(batch)
		}
		for _, stream := range []bool{false, true} {
			_, err := read(u, batch, stream)
			if err != nil && !errors.Is(err, recordbatch.ErrCorrupt) && !errors.Is(err, recordbatch.ErrIncomplete) && !errors.Is(err, recordbatch.ErrLarge) {
				t.Fatal(err)
			}
		}
	})
}
