package audit

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"pageheat/codec"
)

// CompareBoard compares a published board with a recount of it, digit by digit: the pages in their order,
// and what the board says of itself. It returns a line for each difference, none if they are equal. Version,
// the times of changes, and previous ranks are the ranking's alone. Of a board from which forgotten pages were removed, no
// other pages fill the places; the recount may have as many more.
func CompareBoard(published, recounted *codec.Board) []string {
	var different []string
	differs := func(what string, there, here any) {
		different = append(different, fmt.Sprintf("%s: published: %v, recounted: %v", what, there, here))
	}
	for _, member := range []struct{ name, there, here string }{
		{"kind", published.Kind, recounted.Kind}, {"period", published.Period, recounted.Period}, {"group", published.Group, recounted.Group},
		{"definition_hash", published.DefinitionHash, recounted.DefinitionHash},
	} {
		if member.there != member.here {
			differs(member.name, fmt.Sprintf("%q", member.there), fmt.Sprintf("%q", member.here))
		}
	}
	if published.Final != recounted.Final {
		differs("final", published.Final, recounted.Final)
	}
	if !published.AsOf.Equal(recounted.AsOf) {
		differs("as_of", published.AsOf, recounted.AsOf)
	}
	expected := withoutPlaces(published, recounted.Pages)
	for i := range max(len(published.Pages), len(expected)) {
		there, here := pageInWords(published.Pages, i), pageInWords(expected, i)
		if there != here {
			differs(fmt.Sprintf("rank %d", i+1), there, here)
		}
	}
	return different
}

// withoutPlaces leaves out of a recount the pages that would fill the places of those that were removed: at the end, or
// anywhere on a board with a maximum for each group.
func withoutPlaces(published *codec.Board, recounted []codec.BoardPage) []codec.BoardPage {
	filled := min(published.Removed, len(recounted)-len(published.Pages))
	if filled <= 0 {
		return recounted
	}
	if !perGroup(published) {
		return recounted[:len(recounted)-filled]
	}
	named := make(map[string]bool, len(published.Pages))
	for i := range published.Pages {
		named[published.Pages[i].Page] = true
	}
	return slices.DeleteFunc(slices.Clone(recounted), func(p codec.BoardPage) bool {
		fills := filled > 0 && !named[p.Page]
		if fills {
			filled--
		}
		return fills
	})
}

// perGroup reports whether a board has a maximum of pages for each group.
func perGroup(b *codec.Board) bool {
	var d struct {
		Maximum int `json:"max-per-group"`
	}
	return json.Unmarshal(b.Definition, &d) == nil && d.Maximum > 0
}

// pageInWords has all of a page that a recount has too.
func pageInWords(pages []codec.BoardPage, i int) string {
	if i >= len(pages) {
		return "no page"
	}
	p := &pages[i]
	return fmt.Sprintf("page %q with heat %s, clicks %s, minutes %s, likes %s, behaviours %d", p.Page, p.Heat, p.Clicks, p.Minutes, p.Likes, p.Behaviours)
}
