package pagefile_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/pagefile"
	"pageheat/snapshot"
	"pageheat/topology"
)

// config is that of files in tests.
func config(f pagefile.Format) pagefile.Config {
	return pagefile.Config{Format: f, Program: "v1.2.3", Created: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Weights: heat.DefaultWeights()}
}

// write returns a file with pages, which it sorts.
func write(t require.TestingT, f pagefile.Format, cut snapshot.Cut, kept uint64, pages ...snapshot.Page) []byte {
	slices.SortFunc(pages, func(a, b snapshot.Page) int {
		partition := func(p snapshot.Page) int32 { return topology.Partition(p.Name, int(cut.Partitions)) }
		return cmp.Or(cmp.Compare(partition(a), partition(b)), cmp.Compare(a.Name, b.Name))
	})
	var out bytes.Buffer
	w, err := pagefile.NewWriter(&out, config(f), cut)
	require.NoError(t, err)
	for _, p := range pages {
		require.NoError(t, w.Write(&p))
	}
	require.NoError(t, w.Close(kept, nil))
	return out.Bytes()
}

// read reads a file.
func read(content []byte) (cut snapshot.Cut, kept uint64, pages []snapshot.Page, err error) {
	s, err := pagefile.Open(bytes.NewReader(content))
	if err != nil {
		return cut, 0, nil, err
	}
	for p, err := range s.Pages(context.Background()) {
		if err != nil {
			return cut, 0, nil, err
		}
		pages = append(pages, p)
	}
	return s.Cut(), s.Kept(), pages, nil
}

// drawPages draws pages with any totals that are possible.
func drawPages(t *rapid.T, limits heat.Limits) []snapshot.Page {
	names := rapid.StringMatching(`[^|\pC]{1,20}`).Filter(codec.IsPage)
	page := rapid.Custom(func(t *rapid.T) snapshot.Page {
		n := rapid.Uint64Range(1, 1<<48).Draw(t, "behaviours")
		behaviours := heat.Totals{Behaviours: n, Likes: rapid.Int64Range(-int64(n), int64(n)).Draw(t, "likes")}
		one := heat.Totals{}
		one.Count(heat.Behaviour{Clicks: rapid.Uint32Range(0, limits.MaxClicks).Draw(t, "clicks"),
			Minutes: heat.Minutes(rapid.Int64Range(0, int64(heat.WholeMinutes(limits.MaxMinutes))).Draw(t, "minutes"))})
		for range 48 { // doubled, while it is possible
			if one.Behaviours*2 > n {
				break
			}
			one.Add(&one)
		}
		behaviours.Clicks, behaviours.Minutes = one.Clicks, one.Minutes
		return snapshot.Page{Name: names.Draw(t, "name"), Totals: behaviours}
	})
	return rapid.SliceOfNDistinct(page, 0, 30, func(p snapshot.Page) string { return p.Name }).Draw(t, "pages")
}

func cutOf(pages []snapshot.Page) snapshot.Cut {
	cut := snapshot.Cut{Topic: "user-behavior-topic", Input: codec.TopicID{1, 2, 3}, Partitions: 3, Limits: heat.DefaultLimits(),
		To: []int64{5, codec.Unknown, -1, 70}, Begin: []int64{0, 0, 0, 7}, Lost: []uint64{0, 0, 0, 3}}
	for _, p := range pages {
		cut.Behaviours += p.Totals.Behaviours
	}
	return cut
}

// TestRoundTrip reads what was written.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pages := drawPages(t, heat.DefaultLimits())
		cut := cutOf(pages)
		gotCut, kept, got, err := read(write(t, pagefile.JSONL, cut, 17, pages...))
		require.NoError(t, err)
		require.Equal(t, cut, gotCut)
		require.EqualValues(t, 17, kept)
		require.Len(t, got, len(pages))
		for i := range pages {
			require.Equal(t, pages[i], got[i])
		}
	})
}

// TestParquet is read by others: what a reader of the format finds.
func TestParquet(t *testing.T) {
	type row struct {
		Page       string   `parquet:"page"`
		Heat       [16]byte `parquet:"heat,decimal(10:38)"`
		Clicks     [16]byte `parquet:"clicks,decimal(0:38)"`
		Minutes    [16]byte `parquet:"minutes,decimal(9:38)"`
		Likes      int64    `parquet:"likes"`
		Behaviours int64    `parquet:"behaviours"`
	}
	number := func(d [16]byte, scale int) string {
		n := new(big.Int).SetBytes(d[:])
		if d[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 128))
		}
		text := new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)).FloatString(scale)
		return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	rapid.Check(t, func(t *rapid.T) {
		pages := drawPages(t, heat.DefaultLimits())
		content := write(t, pagefile.Parquet, cutOf(pages), 0, pages...)
		file, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
		require.NoError(t, err)
		manifest, _ := file.Lookup("pageheat.manifest")
		require.Contains(t, manifest, `"input_id":"AQIDAAAAAAAAAAAAAAAAAA"`)
		end, _ := file.Lookup("pageheat.end")
		jsonl := string(write(t, pagefile.JSONL, cutOf(pages), 0, pages...))
		require.Contains(t, jsonl, `{"end":`+end+`}`)
		var columns []string
		for _, c := range file.Root().Columns() {
			columns = append(columns, fmt.Sprint(c.Name(), " ", c.Type()))
		}
		require.Equal(t, []string{"page STRING", "heat DECIMAL(38,10)", "clicks DECIMAL(38,0)", "minutes DECIMAL(38,9)", "likes INT(64,true)", "behaviours INT(64,true)",
			"title STRING", "url STRING", "boards LIST", "state BYTE_ARRAY"}, columns)
		got, err := parquet.Read[row](bytes.NewReader(content), int64(len(content)))
		require.NoError(t, err)
		require.Len(t, got, len(pages))
		for i, p := range pages {
			require.Equal(t, p.Name, got[i].Page)
			require.Equal(t, heat.DefaultWeights().Heat(&p.Totals), number(got[i].Heat, 10))
			clicks := new(big.Int).SetBytes(got[i].Clicks[:]).String()
			require.Equal(t, p.Totals.ClicksDecimal(), clicks)
			require.Equal(t, p.Totals.MinutesDecimal(), number(got[i].Minutes, 9))
			require.Equal(t, p.Totals.Likes, got[i].Likes)
			require.EqualValues(t, p.Totals.Behaviours, got[i].Behaviours)
		}
	})
}

// some are pages for files of tests.
func some() []snapshot.Page {
	var pages []snapshot.Page
	for i := range 50 {
		var t heat.Totals
		t.Count(heat.Behaviour{Clicks: uint32(i), Minutes: heat.Minutes(i * 1_000_000_007), Like: int8(i%3 - 1)})
		pages = append(pages, snapshot.Page{Name: fmt.Sprintf(`/page,"%d"=<ü>`, i), Totals: t})
	}
	return pages
}

// TestDamagedFilesAreRefused cuts files off everywhere, and changes each of their bytes: what is read is
// refused, or right.
func TestDamagedFilesAreRefused(t *testing.T) {
	const few = 6
	pages := some()[:few]
	cut := cutOf(pages)
	content := write(t, pagefile.JSONL, cut, 0, pages...)
	for size := range content {
		_, _, _, err := read(content[:size])
		require.ErrorIs(t, err, pagefile.ErrDamaged, "after %d bytes", size)
	}
	_, _, _, err := read(append(slices.Clone(content), '\n'))
	require.ErrorIs(t, err, pagefile.ErrDamaged)
	for at := range content {
		for bit := range 8 {
			damaged := slices.Clone(content)
			damaged[at] ^= 1 << bit
			gotCut, _, got, err := read(damaged)
			if err == nil { // where the heat is
				require.Equal(t, cut, gotCut, "byte %d", at)
				require.Equal(t, pages, got, "byte %d", at)
			}
		}
	}
}

func TestOtherFilesAreRefused(t *testing.T) {
	pages := some()
	for name, content := range map[string]string{
		"empty":       "",
		"text":        "hello, world\n",
		"other JSON":  "{\"page\":\"/a\"}\n",
		"a board":     "{\"board\":\"all-time\"}\n",
		"a long line": "{\"pageheat\":" + strings.Repeat(" ", 1<<20),
	} {
		_, _, _, err := read([]byte(content))
		require.ErrorIs(t, err, pagefile.ErrDamaged, name)
	}
	for _, f := range []pagefile.Format{pagefile.CSV, pagefile.Parquet} {
		_, _, _, err := read(write(t, f, cutOf(pages), 0, pages...))
		require.ErrorContains(t, err, "export as jsonl")
	}
	newer := bytes.Replace(write(t, pagefile.JSONL, cutOf(pages), 0, pages...), []byte(`"version":2`), []byte(`"version":3`), 1)
	_, _, _, err := read(newer)
	require.ErrorIs(t, err, codec.ErrVersion)
	older := []byte(`{"pageheat":{"version":1,"program":"v1.2.3","created_at":"2026-01-02T03:04:05.000Z","input":"user-behavior-topic","input_id":"AQIDAAAAAAAAAAAAAAAAAA",` +
		`"partitions":[],"heat_partitions":3,"max_clicks":1000000,"max_minutes":1440,"behaviours":1}}
{"page":"/a","heat":291.08829876,"clicks":112,"minutes":250.61037345,"likes":1,"behaviours":1}
{"end":{"pages":1,"behaviours":1,"kept":0,"sha256":"138445afaa0d4b545e123491654f234482d5ab147715ff1b766124bdc8cb2354"}}
`)
	_, _, got, err := read(older)
	require.NoError(t, err, "one that an earlier version wrote")
	require.Len(t, got, 1)
	broken := errors.New("broken")
	_, err = pagefile.Open(iotestErr{broken})
	require.ErrorIs(t, err, broken)
}

type iotestErr struct{ error }

func (e iotestErr) Read([]byte) (int, error) { return 0, e.error }

// TestJSONLines are as the contract has them.
func TestJSONLines(t *testing.T) {
	var totals heat.Totals
	totals.Count(heat.Behaviour{Clicks: 112, Minutes: 250_610_373_450, Like: 1})
	page := snapshot.Page{Name: `/a"ü`, Totals: totals}
	cut := cutOf([]snapshot.Page{page})
	assert.Equal(t, `{"pageheat":{"version":2,"program":"v1.2.3","created_at":"2026-01-02T03:04:05.000Z","input":"user-behavior-topic",`+
		`"input_id":"AQIDAAAAAAAAAAAAAAAAAA","partitions":[{"partition":0,"next":6,"begin":0,"lost":0},{"partition":2,"next":0,"begin":0,"lost":0},`+
		`{"partition":3,"next":71,"begin":7,"lost":3}],"heat_partitions":3,"max_clicks":1000000,"max_minutes":1440,"behaviours":1}}
{"page":"/a\"ü","heat":291.08829876,"clicks":112,"minutes":250.61037345,"likes":1,"behaviours":1}
{"end":{"pages":1,"behaviours":1,"kept":0,"sha256":"SUM"}}
`, sumless(string(write(t, pagefile.JSONL, cut, 0, page))))
}

// sumless has the checksum replaced.
func sumless(content string) string {
	before, after, _ := strings.Cut(content, `"sha256":"`)
	_, after, _ = strings.Cut(after, `"`)
	return before + `"sha256":"SUM"` + after
}

// TestCSV is read by others.
func TestCSV(t *testing.T) {
	pages := some()
	content := write(t, pagefile.CSV, cutOf(pages), 0, pages...)
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, len(pages)+1)
	assert.Equal(t, []string{"page", "heat", "clicks", "minutes", "likes", "behaviours", "title", "url", "state"}, rows[0])
	for i, p := range pages {
		assert.Equal(t, []string{p.Name, heat.DefaultWeights().Heat(&p.Totals), p.Totals.ClicksDecimal(), p.Totals.MinutesDecimal(),
			fmt.Sprint(p.Totals.Likes), "1", "", "", ""}, rows[i+1])
	}
}

// TestBoards are written with their times, and sums that decay.
func TestBoards(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	all := []*codec.Board{
		{Board: "all-time", Pages: []codec.BoardPage{{Rank: 1, RankSince: at, Page: "/a", Heat: "-2.5", Clicks: "3", Minutes: "0.25", Likes: "-5", Behaviours: 7}}},
		{Board: "trending", AsOf: at, Pages: []codec.BoardPage{{Rank: 1, PreviousRank: 2, RankSince: at, Page: `/"b`, Heat: "0.0000000001", Clicks: "1.5", Minutes: "0", Likes: "0.3", Behaviours: 9}}},
	}
	for format, want := range map[pagefile.Format]string{
		pagefile.CSV: "board,as_of,rank,previous_rank,rank_since,page,heat,clicks,minutes,likes,behaviours\n" +
			"all-time,,1,0,2026-01-02T03:04:00.000Z,/a,-2.5,3,0.25,-5,7\n" +
			`trending,2026-01-02T03:04:00.000Z,1,2,2026-01-02T03:04:00.000Z,"/""b",0.0000000001,1.5,0,0.3,9` + "\n",
		pagefile.JSONL: `{"board":"all-time","rank":1,"previous_rank":0,"rank_since":"2026-01-02T03:04:00.000Z","page":"/a","heat":-2.5,"clicks":3,"minutes":0.25,"likes":-5,"behaviours":7}` + "\n" +
			`{"board":"trending","as_of":"2026-01-02T03:04:00.000Z","rank":1,"previous_rank":2,"rank_since":"2026-01-02T03:04:00.000Z","page":"/\"b","heat":0.0000000001,"clicks":1.5,"minutes":0,"likes":0.3,"behaviours":9}` + "\n",
	} {
		var out bytes.Buffer
		require.NoError(t, pagefile.WriteBoards(&out, format, all))
		assert.Equal(t, want, out.String())
	}
	var out bytes.Buffer
	require.NoError(t, pagefile.WriteBoards(&out, pagefile.Parquet, all))
	file, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	assert.EqualValues(t, 2, file.NumRows())
	assert.Contains(t, file.Schema().String(), "as_of (TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS))")
}

func FuzzOpen(f *testing.F) {
	pages := some()
	f.Add(write(f, pagefile.JSONL, cutOf(pages), 0, pages...))
	f.Fuzz(func(t *testing.T, content []byte) {
		cut, _, pages, err := read(content)
		if err != nil {
			return
		}
		sum := uint64(0)
		for _, p := range pages {
			require.True(t, codec.IsPage(p.Name))
			sum += p.Totals.Behaviours
		}
		require.Equal(t, cut.Behaviours, sum)
	})
}
