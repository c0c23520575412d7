package model

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"pageheat/codec"
)

// titles are what behaviours call their pages, and addresses are where they say that these are.
func titles() []codec.Label {
	return []codec.Label{{Title: "A"}, {Title: "Ä <b>&", URL: "/a"}, {URL: "https://example.org/?b=1"}, {Title: "C", URL: "/c"}}
}

// entitle makes a valid behaviour say what its page is called.
func (w *world) entitle(m *message, minutes string) {
	m.label = titles()[w.n(len(titles()))]
	value := append(append([]byte(`{"page":"`), w.pages[m.page].name...), `","clicks":`...)
	value = append(append(strconv.AppendInt(value, m.clicks, 10), `,"minutes":`...), minutes...)
	value = strconv.AppendInt(append(value, `,"like":`...), m.like, 10)
	if m.label.Title != "" {
		value = append(append(append(value, `,"title":"`...), m.label.Title...), '"')
	}
	url := m.label.URL
	if url == "" {
		url = "ftp://example.org" // no address of a page
	}
	m.value = append(append(append(value, `,"url":"`...), url...), `"}`...)
	w.counts.Titles++
}

// name takes the next message of a page, which is in an input partition: the newest one that calls it something,
// by its timestamp, its partition and its offset, says what it is called.
func (s *sum) name(m *message, in int) {
	if m.label.IsZero() {
		return
	}
	if n := s.named; n == nil || cmp.Or(cmp.Compare(m.timestamp, n.timestamp), cmp.Compare(in, s.in), cmp.Compare(m.offset, n.offset)) > 0 {
		s.named, s.in = m, in
	}
}

// label is what a page is called.
func (s *sum) label() codec.Label {
	if s.named == nil {
		return codec.Label{}
	}
	return s.named.label
}

// isCalled reports whether a page on a board is called what it should be.
func (s *sum) isCalled(p *codec.BoardPage) bool {
	return s.label() == codec.Label{Title: p.Title, URL: p.URL}
}

// String describes the sum.
func (s *sum) String() string {
	return fmt.Sprintf("{clicks:%d minutes:%d likes:%d behaviours:%d} called %+v", s.clicks, s.minutes, s.likes, s.behaviours, s.label())
}

// untitled returns the record of a page without its label.
func untitled(value []byte) []byte {
	return rewritten(value, func(page *codec.PageState) { page.Label = nil })
}

// rewritten returns the record of a page after a change of what it has beside the states of boards.
func rewritten(value []byte, change func(*codec.PageState)) []byte {
	page, err := codec.DecodePage(value)
	if err != nil {
		return value
	}
	change(&page)
	var kept [][]byte
	for states := page.Boards; states.Len > 0; {
		number, encoded, err := states.Next()
		if err != nil {
			return value
		}
		kept = append(kept, append(binary.AppendUvarint(nil, number), encoded...))
	}
	return withStates(&page, kept)
}

// withStates returns the record of a page with states of boards, as they are encoded.
func withStates(page *codec.PageState, states [][]byte) []byte {
	record := codec.AppendPage(nil, &page.Totals, page.Label, page.Day, len(states))
	return append(record, slices.Concat(states...)...)
}
