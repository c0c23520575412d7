package views

import (
	"time"

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
	// Boards are what the page has on further boards, by name; nil if that is not known.
	Boards map[string]PageOn `json:"boards,omitempty"`
}

// PageOn is what a page has on a board as of a minute.
type PageOn struct {
	AsOf time.Time `json:"as_of"`
	// Heat is empty if the weights of the board are not known.
	Heat       codec.Decimal `json:"heat,omitempty"`
	Clicks     codec.Decimal `json:"clicks"`
	Minutes    codec.Decimal `json:"minutes"`
	Likes      codec.Decimal `json:"likes"`
	Behaviours uint64        `json:"behaviours"`
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
