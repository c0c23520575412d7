package views

import (
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
