package codec

import (
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// Run one with, say: go test ./codec -fuzz FuzzParseBehaviour -fuzztime 30s

func FuzzParseBehaviour(f *testing.F) {
	for msg := range accepted {
		if len(msg) < 2000 {
			f.Add([]byte(msg))
		}
	}
	for msg := range refused {
		if len(msg) < 2000 {
			f.Add([]byte(msg))
		}
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		checkAgainstOracle(t, string(msg))
	})
}

func FuzzNumber(f *testing.F) {
	for _, text := range []string{"5", "-0.5", "7.152557E-6", ".5", "5.", "1e3", "1e-999999999", "0.00000000250", "99999999999999999999.5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 {
			return // the oracle is slow
		}
		checkNumber(t, text, 0)
		checkNumber(t, text, 9)
	})
}

// fuzzStored checks that a decoder never panics, and that what it accepts is
// canonical: its encoder writes the same bytes.
func fuzzStored(f *testing.F, name string) {
	var one *format // of any version: its decoder reads all
	for _, format := range formats() {
		if format.name == name {
			one = &format
			example := format.encode(format.value)
			f.Add(example)
			f.Add(example[:len(example)/2])
		}
	}
	require.NotNil(f, one, "there is no format %q", name)
	f.Fuzz(func(t *testing.T, b []byte) {
		value, err := one.decode(b)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		require.Equal(t, b, one.encode(value))
	})
}

func FuzzRange(f *testing.F) { fuzzStored(f, "range") }

// FuzzPageState checks the same of all versions. The cells of states are those of package boards.
func FuzzPageState(f *testing.F) {
	for _, format := range formats() {
		if format.name == "page state" {
			example := format.encode(format.value)
			f.Add(example)
			f.Add(example[:len(example)/2])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		page, err := DecodePage(b)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		again := AppendPage(nil, &page.Totals, page.Label, page.Day, page.Boards.Len)
		for states := page.Boards; states.Len > 0; {
			number, state, err := states.Next()
			if err != nil {
				return // it is found when the states are decoded
			}
			again = append(binary.AppendUvarint(again, number), state...)
		}
		require.Equal(t, b, again)
	})
}

func FuzzProgress(f *testing.F)  { fuzzStored(f, "progress") }
func FuzzFence(f *testing.F)     { fuzzStored(f, "fence") }
func FuzzForget(f *testing.F)    { fuzzStored(f, "forget request") }
func FuzzForgotten(f *testing.F) { fuzzStored(f, "forgotten page") }
func FuzzSweep(f *testing.F)     { fuzzStored(f, "sweep") }
func FuzzKept(f *testing.F)      { fuzzStored(f, "kept totals") }
func FuzzLeaders(f *testing.F)   { fuzzStored(f, "leaders") }
func FuzzEpoch(f *testing.F)     { fuzzStored(f, "epoch") }
func FuzzPositions(f *testing.F) { fuzzStored(f, "positions") }

func FuzzTrail(f *testing.F) { fuzzStored(f, "board trail") }

func FuzzEventsPosition(f *testing.F) { fuzzStored(f, "events position") }

func FuzzBoard(f *testing.F) {
	f.Add([]byte(golden))
	f.Add([]byte(`{"board":"b","pages":[{}]}`))
	if day, err := EncodeBoard(goldenDayBoard()); err == nil {
		f.Add(day)
	}
	f.Add([]byte(`{"board":"b","kind":"","as_of":"0001-01-01T00:00:00Z","since":null,"late":5,"definition":{ "a":[1e5, "\u0041"] }}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		board, err := DecodeBoard(b)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		if version, ok := BoardVersion(b, board.Board); ok {
			require.Equal(t, board.Version, version)
		}
		text, err := EncodeBoard(board)
		require.NoError(t, err)
		version, ok := BoardVersion(text, board.Board)
		require.True(t, ok)
		require.Equal(t, board.Version, version)
		require.True(t, json.Valid(text), "%s", text)
		again, err := DecodeBoard(text)
		require.NoError(t, err, "%s", text)
		canonical, err := EncodeBoard(again)
		require.NoError(t, err)
		require.Equal(t, string(text), string(canonical))
	})
}

func FuzzInternalKey(f *testing.F) {
	for _, key := range []string{ProgressKey(3), FenceKey(3), EpochKey(), ForgottenKey(HashPage("a")), (&Sweep{Partitions: 7, Partition: 6, Before: 20_000}).Key(), "page37", "|other|3"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		kind, partition, ok := InternalKey(key)
		require.Equal(t, len(key) > 0 && key[0] == '|', ok)
		switch kind {
		case KindForgotten:
			hash, ok := ForgottenHash(key)
			require.True(t, ok)
			require.Equal(t, key, ForgottenKey(hash))
		case KindProgress:
			require.Equal(t, key, ProgressKey(partition))
		case KindFence:
			require.Equal(t, key, FenceKey(partition))
		case KindKept:
			require.Equal(t, key, KeptKey(partition))
		case KindEpoch:
			require.Equal(t, key, EpochKey())
		}
	})
}

// What package pipeline feeds a processor never leaves the process, so more than one
// way of writing it may be read; but reading it never panics.
func FuzzFeed(f *testing.F) {
	bundle := AppendBundleRecord(AppendSegmentHeader([]byte{byte(FeedRecords)}, SegmentHeader{Offset: 5}), 5,
		Record{Offset: 5, Value: []byte("p|1|1|1")}, Header{Name: "h", Value: []byte("v")})
	EndSegment(bundle, 1)
	f.Add(bundle)
	f.Add(AppendTruncatedRecord(nil, TruncatedRecord{Offset: 5, Value: []byte("x"), ValueSize: 1 << 30, Headers: []Header{{Name: "h"}}}))
	f.Add(AppendIngestStart(nil, IngestStart{From: 5, LostTo: 7}))
	f.Add(AppendEpochRequest(nil, EpochRequest{Partitions: 3, Board: []byte(golden)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, body, err := SplitFeed(b)
		if err != nil {
			return
		}
		_, _ = DecodeIngestStart(body)
		_, _ = DecodeEpochRequest(body)
		_, _ = DecodeTruncatedRecord(body)
		_, _ = DecodeFlush(body)
		for reader := ReadBundle(body); reader.More(); {
			r, err := reader.Next()
			if err != nil {
				return
			}
			_, _ = DecodeHeaders(r.RawHeaders())
		}
	})
}
