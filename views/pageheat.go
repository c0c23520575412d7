package views

import (
	"bytes"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"pageheat/codec"
	"pageheat/heat"
)

// PageHeat describes one page: its heat and the exact totals behind it. As JSON its numbers are plain decimals with all their digits.
type PageHeat struct {
	Page       string        `json:"page"`
	Title      string        `json:"title,omitempty"`
	URL        string        `json:"url,omitempty"`
	Heat       codec.Decimal `json:"heat"`
	Clicks     codec.Decimal `json:"clicks"`
	Minutes    codec.Decimal `json:"minutes"`
	Likes      int64         `json:"likes"`
	Behaviours uint64        `json:"behaviours"`
	// Boards are what the page has on further boards, by name; nil if it has nothing, or that is not known.
	Boards map[string]PageOn `json:"boards,omitempty"`
}

// PageOn is what a page has on a board as of a minute.
type PageOn struct {
	// Rank is its place on the published board; 0 if that is not known.
	Rank int `json:"rank,omitzero"`
	// AsOf is the time of the sums.
	AsOf time.Time `json:"as_of,omitzero"`
	// Heat is empty if the weights of the board are not known.
	Heat       codec.Decimal `json:"heat,omitempty"`
	Clicks     codec.Decimal `json:"clicks"`
	Minutes    codec.Decimal `json:"minutes"`
	Likes      codec.Decimal `json:"likes"`
	Behaviours uint64        `json:"behaviours"`
}

// OnPublished returns what a published board has of a page, and whether the page is on it.
func OnPublished(b *Board, page string) (on PageOn, ok bool) {
	member, err := jsontext.AppendQuote([]byte(`"page":`), page)
	if err != nil || !bytes.Contains(b.Value, member) { // most boards do not have it
		return PageOn{}, false
	}
	decoded, err := codec.DecodeBoard(b.Value)
	if err != nil {
		return PageOn{}, false
	}
	i := slices.IndexFunc(decoded.Pages, func(p codec.BoardPage) bool { return p.Page == page })
	if i < 0 {
		return PageOn{}, false
	}
	p := &decoded.Pages[i]
	return PageOn{Rank: p.Rank, AsOf: decoded.AsOf, Heat: p.Heat, Clicks: p.Clicks, Minutes: p.Minutes, Likes: p.Likes, Behaviours: p.Behaviours}, true
}

// NewPageHeat returns the heat of a page with these totals and label.
func NewPageHeat(page string, s *codec.PageState, w heat.Weights) PageHeat {
	t := &s.Totals
	p := PageHeat{
		Page:       page,
		Heat:       codec.Decimal(w.Heat(t)),
		Clicks:     codec.Decimal(t.ClicksDecimal()),
		Minutes:    codec.Decimal(t.MinutesDecimal()),
		Likes:      t.Likes,
		Behaviours: t.Behaviours,
	}
	if s.Label != nil {
		p.Title, p.URL = s.Label.Title, s.Label.URL
	}
	return p
}
