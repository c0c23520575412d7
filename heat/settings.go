package heat

import "pageheat/failure"

// WeightSettings are the weights as an operator gives them, each a decimal that
// [NewWeights] takes.
type WeightSettings struct {
	WeightClicks  string `placeholder:"HEAT" help:"Heat added by a click."`
	WeightMinutes string `placeholder:"HEAT" help:"Heat added by a minute."`
	WeightLikes   string `placeholder:"HEAT" help:"Heat added by a like; a dislike subtracts it."`
}

// DefaultWeightSettings are those of [DefaultWeights].
func DefaultWeightSettings() WeightSettings {
	w := DefaultWeights()
	return WeightSettings{WeightClicks: w.Clicks(), WeightMinutes: w.Minutes(), WeightLikes: w.Like()}
}

// Weights reads them. The error is a [failure.Setting].
func (s WeightSettings) Weights() (Weights, error) {
	for _, w := range []struct{ setting, clicks, minutes, likes string }{
		{"weight-clicks", s.WeightClicks, "0", "0"},
		{"weight-minutes", "0", s.WeightMinutes, "0"},
		{"weight-likes", "0", "0", s.WeightLikes},
	} {
		if _, err := NewWeights(w.clicks, w.minutes, w.likes); err != nil {
			return Weights{}, failure.BadSetting(w.setting, "%w", err)
		}
	}
	return NewWeights(s.WeightClicks, s.WeightMinutes, s.WeightLikes)
}
