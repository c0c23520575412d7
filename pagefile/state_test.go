package pagefile_test

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/pagefile"
	"pageheat/snapshot"
)

// onBoards are two pages, the first of which has a title and is on boards, and their cut.
func onBoards(t testing.TB) (snapshot.Cut, []snapshot.Page) {
	pages := some()[:2]
	asOf := boards.MinuteOf(time.Date(2026, 1, 2, 3, 45, 0, 0, time.UTC))
	cut := cutOf(pages)
	for _, d := range []boards.Definition{
		{Name: "hour", Kind: boards.Window, Window: time.Hour},
		{Name: "trending", Kind: boards.Trending, HalfLife: 2 * time.Hour},
		{Name: "today", Kind: boards.Calendar, Period: boards.Day},
	} {
		d = d.Complete()
		b, err := snapshot.ParseBoard(d.Counting())
		require.NoError(t, err)
		b.AsOf = asOf
		cut.Boards = append(cut.Boards, b)
	}
	cut.Boards[1].Late, cut.Boards[2].Since = 17, []int64{0, 3}
	pages[0].States = make([]boards.State, len(cut.Boards))
	for i, b := range cut.Boards[:2] {
		pages[0].States[i].Add(b.Board, b.Place(asOf-5), &heat.Totals{Clicks: heat.Uint128{Lo: 3}, Minutes: heat.Uint128{Lo: 1_500_000_000}, Likes: -1, Behaviours: 2})
	}
	pages[0].Label = &codec.StampedLabel{Label: codec.NewLabel(`A "title"`, "https://forum.example/1"), Stamp: codec.Stamp{Timestamp: 1_767_323_045_678, Partition: 2, Offset: 4}}
	return cut, pages
}

// forgetting is a file with forgotten pages, and a sweep that dropped others.
func forgetting(t testing.TB, cut snapshot.Cut, pages []snapshot.Page) []byte {
	var out bytes.Buffer
	w, err := pagefile.NewWriter(&out, config(pagefile.JSONL), cut)
	require.NoError(t, err)
	for _, p := range pages {
		require.NoError(t, w.Write(&p))
	}
	gone := &codec.Forgotten{ID: codec.RequestID{1, 2}, Number: 3, Placed: 5, Blocked: true, RequestedAt: 1_767_323_045_678, Input: cut.Input, To: []int64{5, -1}}
	forgotten := snapshot.NewForgotten(map[codec.PageHash]*codec.Forgotten{codec.HashPage("/gone"): gone, codec.HashPage("/too"): {Placed: 9}})
	forgotten.AddSweep(0, &codec.Sweep{Number: 4, Partitions: 3, Partition: 2, Before: 20_454, SweptAt: 1_767_323_045_678, Input: cut.Input, To: []int64{5}})
	require.NoError(t, w.Close(0, forgotten))
	return out.Bytes()
}

// TestStates are restored exactly, beside what readers find.
func TestStates(t *testing.T) {
	cut, pages := onBoards(t)
	content := write(t, pagefile.JSONL, cut, 0, slices.Clone(pages)...)
	assert.Contains(t, string(content), `"behaviours":2,"boards":[{"name":"hour","definition":"board: hour\nkind: window\nwindow: 60m\nstep: 1m\n","as_of":"2026-01-02T03:45:00Z","late":0},`+
		`{"name":"trending","definition":"board: trending\nkind: trending\nhalf-life: 120m\n","as_of":"2026-01-02T03:45:00Z","late":17},`)
	assert.Contains(t, string(content), `"as_of":"2026-01-02T03:45:00Z","late":0,"since":[0,3]}]}}`)
	assert.Contains(t, string(forgetting(t, cut, pages)), `{"forgotten":{"sha256":"`+codec.HashPage("/gone").String()+`","requested_at":"2026-01-02T03:04:05.678Z","blocked":true,"state":"`)
	assert.Contains(t, string(forgetting(t, cut, pages)), `{"sweep":{"before":"2026-01-01","swept_at":"2026-01-02T03:04:05.678Z","state":"`)
	state := base64.StdEncoding.EncodeToString(pages[0].Append(nil))
	assert.Contains(t, string(content), `"behaviours":1,"title":"A \"title\"","url":"https://forum.example/1","boards":{"hour":{"clicks":3,"minutes":1.5,"likes":-1,"behaviours":2},`+
		`"trending":{"clicks":2.9145958235,"minutes":1.4572979117,"likes":-0.9715319412,"behaviours":2}},"state":"`+state+`"}`)
	got, _, read, err := read(content)
	require.NoError(t, err)
	require.Len(t, read, 2)
	for i := range cut.Boards {
		assert.Equal(t, cut.Boards[i].Progress(i), got.Boards[i].Progress(i))
	}
	for _, p := range read {
		i := slices.IndexFunc(pages, func(o snapshot.Page) bool { return o.Name == p.Name })
		assert.Equal(t, pages[i].Append(nil), p.Append(nil))
	}

	rows, err := csv.NewReader(bytes.NewReader(write(t, pagefile.CSV, cut, 0, slices.Clone(pages)...))).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, "page heat clicks minutes likes behaviours title url hour.clicks hour.minutes hour.likes hour.behaviours "+
		"trending.clicks trending.minutes trending.likes trending.behaviours today.clicks today.minutes today.likes today.behaviours state", strings.Join(rows[0], " "))
	at := slices.IndexFunc(rows, func(row []string) bool { return row[0] == pages[0].Name })
	assert.Equal(t, []string{`A "title"`, "https://forum.example/1", "3", "1.5", "-1", "2", "2.9145958235", "1.4572979117", "-0.9715319412", "2", "0", "0", "0", "0", state}, rows[at][6:])

	type on struct {
		Board      string   `parquet:"board"`
		Minutes    [16]byte `parquet:"minutes,decimal(10:38)"`
		Behaviours int64    `parquet:"behaviours"`
	}
	type row struct {
		Page   string  `parquet:"page"`
		Title  *string `parquet:"title,optional"`
		Boards []on    `parquet:"boards,list"`
		State  []byte  `parquet:"state,optional"`
	}
	content = write(t, pagefile.Parquet, cut, 0, slices.Clone(pages)...)
	table, err := parquet.Read[row](bytes.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	for _, r := range table {
		if r.Page != pages[0].Name {
			assert.Nil(t, r.Title)
			assert.Empty(t, r.Boards)
			continue
		}
		assert.Equal(t, `A "title"`, *r.Title)
		assert.Equal(t, pages[0].Append(nil), r.State)
		require.Len(t, r.Boards, 2)
		assert.Equal(t, "trending", r.Boards[1].Board)
		assert.EqualValues(t, 2, r.Boards[1].Behaviours)
	}
}

// TestDamagedStatesAreRefused changes each byte of a file with states: what is read is refused, or right.
func TestDamagedStatesAreRefused(t *testing.T) {
	cut, pages := onBoards(t)
	content := write(t, pagefile.JSONL, cut, 0, slices.Clone(pages)...)
	_, _, sorted, err := read(content)
	require.NoError(t, err)
	content = forgetting(t, cut, sorted)
	s, err := pagefile.Open(bytes.NewReader(content))
	require.NoError(t, err)
	for _, err := range s.Pages(t.Context()) {
		require.NoError(t, err)
	}
	assert.Equal(t, &codec.Forgotten{ID: codec.RequestID{1, 2}, Number: 3, Placed: 5, Blocked: true, RequestedAt: 1_767_323_045_678, Input: cut.Input, To: []int64{5, -1}},
		s.Forgotten().Of([]byte("/gone")))
	all, _ := s.Forgotten().Count()
	assert.Equal(t, 2, all)
	want := map[string][]byte{}
	for _, p := range pages {
		want[p.Name] = p.Append(nil)
	}
	for at := range content {
		damaged := slices.Clone(content)
		damaged[at] ^= 1 << (at % 8)
		got, _, read, err := read(damaged)
		if err != nil {
			require.True(t, errors.Is(err, pagefile.ErrDamaged) || errors.Is(err, codec.ErrVersion), err)
			continue
		}
		for i := range cut.Boards {
			require.Equal(t, cut.Boards[i].Progress(i), got.Boards[i].Progress(i), "byte %d", at)
		}
		for _, p := range read {
			require.Equal(t, want[p.Name], p.Append(nil), "byte %d", at)
		}
	}
}
