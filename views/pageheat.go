package views

import (
	"pageheat/codec"
	"pageheat/heat"
)

// PageHeat describes one page: its heat and the exact totals behind it. As JSON its numbers are plain decimals with all their digits.
type PageHeat struct {
	Page       string        `json:"page"`
	Heat       codec.Decimal `json:"heat"`
	Clicks     codec.Decimal `json:"clicks"`
	Minutes    codec.Decimal `json:"minutes"`
	Likes      int64         `json:"likes"`
	Behaviours uint64        `json:"behaviours"`
}

// NewPageHeat returns the heat of a page with these totals.
func NewPageHeat(page string, t heat.Totals, w heat.Weights) PageHeat {
	return PageHeat{
		Page:       page,
		Heat:       codec.Decimal(w.Heat(&t)),
		Clicks:     codec.Decimal(t.ClicksDecimal()),
		Minutes:    codec.Decimal(t.MinutesDecimal()),
		Likes:      t.Likes,
		Behaviours: t.Behaviours,
	}
}
