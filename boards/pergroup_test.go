package boards

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// member is a page of a test with its heat.
type member struct {
	name, group string
	heat        int
}

// cappedTop returns the first n pages, with at most k of each group, by the definition: a page is on the
// board if fewer than k pages of its group are hotter, and fewer than n such pages are hotter than it.
func cappedTop(pages []member, n, k int) []member {
	ahead := func(a, b member) bool { return a.heat > b.heat || a.heat == b.heat && a.name < b.name }
	var allowed []member
	for _, p := range pages {
		same := 0
		for _, q := range pages {
			if q.group == p.group && ahead(q, p) {
				same++
			}
		}
		if p.group == "" || same < k {
			allowed = append(allowed, p)
		}
	}
	slices.SortFunc(allowed, func(a, b member) int {
		if ahead(a, b) {
			return -1
		}
		return 1
	})
	return allowed[:min(n, len(allowed))]
}

// walked does the same with PerGroup, as a stage does.
func walked(pages []member, n, k int) (top []member) {
	chosen := NewPerGroup(k)
	sorted := cappedTop(pages, len(pages), len(pages)) // all, in order
	for _, p := range sorted {
		if len(top) < n && chosen.Take(p.group, p.group != "") {
			top = append(top, p)
		}
	}
	return top
}

// TestCappedTopsOfPartitionsAreEnough for any pages, groups and partitions.
func TestCappedTopsOfPartitionsAreEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, k := rapid.IntRange(1, 6).Draw(t, "n"), rapid.IntRange(1, 3).Draw(t, "k")
		partitions := make([][]member, rapid.IntRange(1, 4).Draw(t, "partitions"))
		var all []member
		for i := range rapid.IntRange(0, 24).Draw(t, "pages") {
			p := member{name: fmt.Sprint(i), group: rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "group"), heat: rapid.IntRange(0, 9).Draw(t, "heat")}
			all = append(all, p)
			q := rapid.IntRange(0, len(partitions)-1).Draw(t, "partition")
			partitions[q] = append(partitions[q], p)
		}
		want := cappedTop(all, n, k)
		assert.Equal(t, want, walked(all, n, k), "one walk")
		var union []member
		for _, pages := range partitions {
			union = append(union, walked(pages, n, k)...)
		}
		assert.Equal(t, want, walked(union, n, k), "of partitions")
	})
}

// TestCappedTopsOfAllSmallCases: every way to give five pages three groups and two partitions.
func TestCappedTopsOfAllSmallCases(t *testing.T) {
	const pages, groups, partitions = 5, 3, 2
	ways := 1
	for range pages {
		ways *= groups * partitions
	}
	for way := range ways {
		var all []member
		var parts [partitions][]member
		rest := way
		for i := range pages {
			p := member{name: fmt.Sprint(i), group: []string{"", "a", "b"}[rest%groups], heat: pages - i}
			rest /= groups
			all = append(all, p)
			parts[rest%partitions] = append(parts[rest%partitions], p)
			rest /= partitions
		}
		for n := 1; n <= pages; n++ {
			for k := 1; k <= 2; k++ {
				union := append(slices.Clone(walked(parts[0], n, k)), walked(parts[1], n, k)...)
				if want := cappedTop(all, n, k); !assert.Equal(t, want, walked(union, n, k)) {
					return
				}
			}
		}
	}
}

func TestPerGroupWithoutAMaximum(t *testing.T) {
	p := NewPerGroup(0)
	for range 5 {
		assert.True(t, p.Take("a", true))
	}
	p = NewPerGroup(1)
	assert.True(t, p.Take("a", true))
	assert.False(t, p.Take("a", true))
	p.Reset()
	assert.True(t, p.Take("a", true))
}
