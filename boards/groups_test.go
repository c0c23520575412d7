package boards

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// noted returns what Groups makes of names in this order.
func noted(most int, names ...string) *Groups {
	g := NewGroups(most)
	for _, name := range names {
		g.Note(name)
	}
	return g
}

// TestGroupsDependOnNoOrder: the first groups by name have boards, whatever the order of their pages and
// however the pages are distributed over partitions.
func TestGroupsDependOnNoOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 6).Draw(t, "most")
		groups := rapid.SliceOf(rapid.StringMatching(`[a-dä]{1,2}`)).Draw(t, "groups of pages")
		all := map[string]bool{}
		partitions := make([][]string, rapid.IntRange(1, 4).Draw(t, "partitions"))
		for _, group := range groups {
			all[group] = true
			p := rapid.IntRange(0, len(partitions)-1).Draw(t, "partition")
			partitions[p] = append(partitions[p], group)
		}
		want := slices.Sorted(maps.Keys(all))
		over := len(want) > most
		want = want[:min(most, len(want))]

		if len(want) == 0 {
			want = []string{}
		}
		direct := noted(most, groups...)
		assert.Equal(t, want, append([]string{}, direct.Names()...), "all pages in one place")
		assert.Equal(t, over, direct.Over())
		for _, name := range groups {
			assert.Equal(t, slices.Contains(want, name), direct.Has(name), name)
		}

		merged, sent := NewGroups(most), map[string]int{}
		for _, names := range partitions {
			own := noted(most, names...)
			for _, name := range own.Names() {
				merged.Note(name)
				sent[name]++
			}
		}
		assert.Equal(t, want, append([]string{}, merged.Names()...), "sent by partitions")
		for _, name := range want {
			having := 0
			for _, names := range partitions {
				if slices.Contains(names, name) {
					having++
				}
			}
			assert.Equal(t, having, sent[name], "each partition that has %s sends it", name)
		}
		direct.Reset()
		assert.Empty(t, direct.Names())
		assert.False(t, direct.Over())
	})
}
