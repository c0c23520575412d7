package processors_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
)

// inOutput is a record of the output.
type inOutput struct {
	key     string
	version uint64
	open    bool // not final
	in      codec.Offsets
	pages   []string
	removed int
	group   string // that made it, "rank" by default
	deleted bool
}

func (o inOutput) value(t *testing.T) (value, header []byte) {
	if o.deleted {
		return nil, nil
	}
	b := &codec.Board{Board: o.key, Version: o.version, UpdatedAt: time.Unix(o.at(), 0), Kind: "calendar", Final: !o.open, Removed: o.removed, Forgotten: o.in}
	for i, page := range o.pages {
		b.Pages = append(b.Pages, codec.BoardPage{Rank: i + 1, Page: page, Heat: "1", Clicks: "1", Minutes: "0", Likes: "0", Behaviours: 1})
	}
	value, err := codec.EncodeBoard(b)
	require.NoError(t, err)
	group := o.group
	if group == "" {
		group = "rank"
	}
	return value, codec.AppendOrigin(nil, codec.Origin{Group: group, Definition: codec.Define(heat.DefaultWeights(), 3)})
}

func (o inOutput) at() int64 { return int64(o.version) }

// in are requests that are in, by partition.
func in(numbers ...int64) codec.Offsets { return codec.NewOffsets(numbers) }

// request is one to forget a page, as the forget topic has it.
type request struct {
	partition int32
	page      string
	number    uint64
}

// TestRemoval: which boards are published again, and without which pages.
func TestRemoval(t *testing.T) {
	requests := []request{{0, "/a", 1}, {0, "/b", 3}, {1, "/x", 2}, {1, "/pending", 0}}
	for name, c := range map[string]struct {
		output []inOutput
		want   map[string][]string
		in     codec.Offsets // of all that are found
	}{
		"without forgotten pages": {[]inOutput{{key: "day/1", version: 1, pages: []string{"/c", "/pending"}}}, nil, nil},
		"with one":                {[]inOutput{{key: "day/1", version: 1, pages: []string{"/c", "/a", "/d"}}}, map[string][]string{"day/1": {"/c", "/d"}}, in(3, 2)},
		"with some, until none is left": {[]inOutput{{key: "day/1", version: 1, pages: []string{"/a", "/x"}}, {key: "day/2", version: 2, pages: []string{"/b", "/c"}}},
			map[string][]string{"day/1": {}, "day/2": {"/c"}}, in(3, 2)},
		"made after the page was forgotten and let in again": {[]inOutput{{key: "day/1", version: 1, in: in(3, 0), pages: []string{"/a", "/b"}}}, nil, nil},
		"made between": {[]inOutput{{key: "day/1", version: 1, in: in(2, 7), pages: []string{"/a", "/b", "/x"}}}, map[string][]string{"day/1": {"/a", "/x"}}, in(3, 7)},
		"published again already": {[]inOutput{{key: "day/1", version: 1, pages: []string{"/a", "/c"}},
			{key: "day/1", version: 2, in: in(3, 2), pages: []string{"/c"}, removed: 1}}, nil, nil},
		"published again without others": {[]inOutput{{key: "day/1", version: 1, in: in(1, 0), pages: []string{"/b", "/c"}, removed: 1}},
			map[string][]string{"day/1": {"/c"}}, in(3, 2)},
		"let out late by a frozen owner": {[]inOutput{{key: "day/1", version: 2, pages: []string{"/a", "/c"}}, {key: "day/1", version: 1, pages: []string{"/old"}}},
			map[string][]string{"day/1": {"/c"}}, in(3, 2)},
		"let out late with the page": {[]inOutput{{key: "day/1", version: 2, in: in(3, 2), pages: []string{"/c"}, removed: 1}, {key: "day/1", version: 1, pages: []string{"/a", "/c"}}},
			map[string][]string{"day/1": {"/c"}}, in(3, 2)},
		"deleted":                      {[]inOutput{{key: "day/1", version: 1, pages: []string{"/a"}}, {key: "day/1", deleted: true}}, nil, nil},
		"an open period":               {[]inOutput{{key: "day", version: 1, open: true, pages: []string{"/a"}}, {key: "all-time", version: 2, open: true, pages: []string{"/a"}}}, nil, nil},
		"a group of a board":           {[]inOutput{{key: "day/sport", version: 1, open: true, pages: []string{"/a"}}}, nil, nil},
		"no longer in the settings":    {[]inOutput{{key: "hour", version: 1, open: true, pages: []string{"/a", "/c"}}}, map[string][]string{"hour": {"/c"}}, in(3, 2)},
		"a period of such a board":     {[]inOutput{{key: "hour/1", version: 1, pages: []string{"/a", "/c"}}}, map[string][]string{"hour/1": {"/c"}}, in(3, 2)},
		"of another deployment before": {[]inOutput{{key: "day/1", version: 1, in: in(9, 9, 9), group: "before", pages: []string{"/a", "/c"}}}, map[string][]string{"day/1": {"/c"}}, in(3, 2)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, passes := range []int{1, len(requests)} { // all requests at once, or each in a pass of its own
				r := processors.NewRemoval("rank", "all-time", []string{"day"})
				read := func() {
					for _, o := range c.output {
						value, header := o.value(t)
						r.Board(o.key, value, header)
					}
					r.Board("foreign", []byte("no board"), nil)
					_, err := r.Request(0, []byte("foreign"), []byte("no request"))
					require.NotErrorIs(t, err, codec.ErrVersion)
					r.Pass()
				}
				for _, q := range requests {
					f := codec.Forget{Hash: codec.HashPage(q.page), Number: q.number}
					full, err := r.Request(q.partition, []byte(f.Key()), codec.AppendForget(nil, &f))
					require.NoError(t, err)
					require.False(t, full)
					if passes > 1 {
						read()
					}
				}
				if r.Wants() {
					read()
				}
				result, err := r.Result()
				require.NoError(t, err)
				require.Equal(t, map[int32]uint64{0: 3, 1: 2}, result.Taken)
				require.False(t, result.More)
				found := map[string][]string{}
				for _, one := range result.Boards {
					b, err := codec.DecodeBoard(one.Board)
					require.NoError(t, err)
					assert.Equal(t, c.in, b.Forgotten)
					before := 0
					for _, o := range c.output {
						if o.key == b.Board && o.version == b.Version {
							before = len(o.pages) + o.removed
						}
					}
					assert.Equal(t, before, len(b.Pages)+b.Removed, "each page is there, or was removed")
					found[b.Board] = pageNames(b)
				}
				want := c.want
				if want == nil {
					want = map[string][]string{}
				}
				assert.Equal(t, want, found)
			}
		})
	}
}

// TestRemovalIsBounded: more boards than are held are found after these are published.
func TestRemovalIsBounded(t *testing.T) {
	r := processors.NewRemoval("rank", "all-time", []string{"day"})
	f := codec.Forget{Hash: codec.HashPage("/a"), Number: 1}
	_, err := r.Request(0, []byte(f.Key()), codec.AppendForget(nil, &f))
	require.NoError(t, err)
	output := map[string]inOutput{}
	for i := range 1200 {
		key := "day/" + time.Unix(int64(i)*86400, 0).UTC().Format(time.DateOnly)
		output[key] = inOutput{key: key, version: uint64(i + 1), pages: []string{"/a", "/b"}}
	}
	for searches, more := 1, true; more; searches++ {
		for key, o := range output {
			value, header := o.value(t)
			r.Board(key, value, header)
		}
		r.Pass()
		result, err := r.Result()
		require.NoError(t, err)
		for _, one := range result.Boards {
			b, err := codec.DecodeBoard(one.Board)
			require.NoError(t, err)
			output[b.Board] = inOutput{key: b.Board, version: b.Version + 10000, in: b.Forgotten, pages: pageNames(b)}
		}
		more = result.More
		require.LessOrEqual(t, searches, 3)
		require.Equal(t, searches < 3, more)
		r = processors.NewRemoval("rank", "all-time", []string{"day"})
		_, err = r.Request(0, []byte(f.Key()), codec.AppendForget(nil, &f))
		require.NoError(t, err)
	}
	for _, o := range output {
		require.Equal(t, []string{"/b"}, o.pages)
	}
}
