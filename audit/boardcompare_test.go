package audit_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"

	"pageheat/audit"
	"pageheat/codec"
)

// TestCompareBoardsWithoutForgottenPages: a recount may have other pages in the places of those that were removed, and
// no others.
func TestCompareBoardsWithoutForgottenPages(t *testing.T) {
	board := func(removed int, definition string, pages ...string) *codec.Board {
		b := &codec.Board{Removed: removed, Definition: jsontext.Value(definition)}
		for _, page := range pages {
			b.Pages = append(b.Pages, codec.BoardPage{Page: page, Heat: "1"})
		}
		return b
	}
	const capped = `{"max-per-group":1}`
	for _, c := range []struct {
		published *codec.Board
		recounted []string
		equal     bool
	}{
		{board(0, "{}", "a", "b"), []string{"a", "b"}, true},
		{board(0, "{}", "a", "b"), []string{"a", "b", "c"}, false},
		{board(1, "{}", "a", "b"), []string{"a", "b", "c"}, true},
		{board(1, "{}", "a", "b"), []string{"a", "b"}, true}, // there is no other page
		{board(1, "{}", "a", "b"), []string{"a", "c", "b"}, false},
		{board(1, "{}", "a", "b"), []string{"a", "b", "c", "d"}, false},
		{board(1, "{}", "a", "b"), []string{"a"}, false},
		{board(1, capped, "a", "b"), []string{"a", "c", "b"}, true}, // of the group of the page that was removed
		{board(1, capped, "a", "b"), []string{"c", "a", "d", "b"}, false},
		{board(0, capped, "a", "b"), []string{"a", "c", "b"}, false},
	} {
		different := audit.CompareBoard(c.published, board(0, "", c.recounted...))
		assert.Equal(t, c.equal, len(different) == 0, "%v, and recounted %v: %v", c.published.Pages, c.recounted, different)
	}
}
