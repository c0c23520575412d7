package codec_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/boards"
	"pageheat/codec"
)

func TestKeysOfBoards(t *testing.T) {
	for key, want := range map[string][2]string{
		"all-time":                       {"all-time", ""},
		"today/sport":                    {"today", "sport"},
		"day/2026-01-02":                 {"day", "2026-01-02"},
		"a.b_c-1/日本 <b>?#%2F":            {"a.b_c-1", "日本 <b>?#%2F"},
		"x/events":                       {"x", "events"},
		strings.Repeat("x", 64) + "/...": {strings.Repeat("x", 64), "..."},
	} {
		name, part, ok := codec.SplitBoardKey(key)
		require.True(t, ok, key)
		assert.Equal(t, want, [2]string{name, part})
		assert.Equal(t, key, codec.BoardKey(name, part))
	}
	for _, key := range []string{
		"", "/", "/sport", "today/", "today//sport", "today/a/b", "today/.", "today/..", "today/\n", "today/\u202ex", "today/\xff",
		"a b", ".hidden", "日", strings.Repeat("x", 65), "today/" + strings.Repeat("x", 129),
	} {
		_, _, ok := codec.SplitBoardKey(key)
		assert.False(t, ok, "%q", key)
	}
}

// TestDefinedBoardsHaveKeys: every name, and every group, that package boards takes makes a key.
func TestDefinedBoardsHaveKeys(t *testing.T) {
	groups, err := boards.NewGrouping("(?s)(.*)")
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.StringMatching(`[ -~]{0,70}`), rapid.String()).Draw(t, "name")
		d := boards.Definition{Name: name, Kind: boards.Trending, HalfLife: boards.MaxHalfLife}.Complete()
		if _, _, ok := codec.SplitBoardKey(name); d.Validate() == nil && !ok {
			t.Fatalf("a board may have the name %q, and no key can", name)
		}
		page := rapid.OneOf(rapid.StringMatching(`[!-~]{1,130}`), rapid.String()).Draw(t, "page")
		group, grouped := groups.Group(page)
		if _, _, ok := codec.SplitBoardKey("b/" + page); grouped != ok || grouped && group != page {
			t.Fatalf("the group of %q is %q (%v), and as a part of a key it is %v", page, group, grouped, ok)
		}
	})
}
