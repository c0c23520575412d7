package audit

import (
	"fmt"

	"pageheat/codec"
)

// CompareBoard compares a published board with a recount of it, digit by digit: the pages in their order,
// and what the board says of itself. It returns a line for each difference, none if they are equal. Version,
// the times of changes, and previous ranks are the ranking's alone.
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
	for i := range max(len(published.Pages), len(recounted.Pages)) {
		there, here := pageInWords(published, i), pageInWords(recounted, i)
		if there != here {
			differs(fmt.Sprintf("rank %d", i+1), there, here)
		}
	}
	return different
}

// pageInWords has all of a page that a recount has too.
func pageInWords(b *codec.Board, i int) string {
	if i >= len(b.Pages) {
		return "no page"
	}
	p := &b.Pages[i]
	return fmt.Sprintf("page %q with heat %s, clicks %s, minutes %s, likes %s, behaviours %d", p.Page, p.Heat, p.Clicks, p.Minutes, p.Likes, p.Behaviours)
}
