package boards

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxPatterns is the largest number of patterns in a list.
	maxPatterns = 100
	// maxPatternBytes is the longest pattern.
	maxPatternBytes = 1000
	// MaxGroupBytes is the longest name of a group.
	MaxGroupBytes = 128
)

// Pattern matches names of pages: a regular expression as in package regexp (RE2) that has to match
// the whole name, as in the configuration of Prometheus. Its time is linear in the length of the
// name, whatever the pattern. A Pattern may be used by several goroutines.
type Pattern struct{ re *regexp.Regexp }

// NewPattern reads a pattern, such as "/sport/.*".
func NewPattern(pattern string) (Pattern, error) {
	if len(pattern) > maxPatternBytes {
		return Pattern{}, fmt.Errorf("a pattern of %d bytes: the maximum is %d", len(pattern), maxPatternBytes)
	}
	// Alone first: in the brackets below, "a)|(b" would be one.
	if _, err := syntax.Parse(pattern, syntax.Perl); err != nil {
		return Pattern{}, fmt.Errorf("%q is not a pattern: %w", pattern, err)
	}
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return Pattern{}, fmt.Errorf("%q is not a pattern: %w", pattern, err)
	}
	return Pattern{re: re}, nil
}

// Matches reports whether the pattern matches the whole name of a page.
func (p Pattern) Matches(page string) bool { return p.re.MatchString(page) }

// Grouping finds the group of a page. It may be used by several goroutines.
type Grouping struct{ pattern Pattern }

// NewGrouping reads a pattern with one group, such as "/([^/]+)/.*".
func NewGrouping(pattern string) (Grouping, error) {
	p, err := NewPattern(pattern)
	if err != nil {
		return Grouping{}, err
	}
	if n := p.re.NumSubexp(); n != 1 {
		return Grouping{}, fmt.Errorf("%q has %d groups: it must have one, such as /([^/]+)/.*; (?:...) is none", pattern, n)
	}
	return Grouping{pattern: p}, nil
}

// Group returns the group of a page: what the group of the pattern matches. It is a part of a key
// and of a path, so a page has none, and ok is false, where that is empty, ".", "..", longer than
// [MaxGroupBytes], has a slash or a character that is not printed, or is what paths of boards end with, such
// as "events".
func (g Grouping) Group(page string) (group string, ok bool) {
	at := g.pattern.re.FindStringSubmatchIndex(page)
	if at == nil || at[2] < 0 {
		return "", false
	}
	if group = page[at[2]:at[3]]; !IsGroup(group) {
		return "", false
	}
	return group, true
}

// IsGroup reports whether a text can be a group of some board, see [Grouping.Group].
func IsGroup(text string) bool {
	return text != "" && text != "." && text != ".." && !reserved(text) && len(text) <= MaxGroupBytes && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, func(r rune) bool { return r == '/' || !unicode.IsPrint(r) })
}
