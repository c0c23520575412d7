package heat

import (
	"fmt"
	"math/bits"
)

// Totals are the exact sums over the behaviours of one page, or of any set of
// behaviours. The zero value is the sum over none. Adding is commutative and
// associative, so totals do not depend on the order or grouping of messages.
//
// Totals are not safe for concurrent use.
type Totals struct {
	// Clicks is the sum of clicks.
	Clicks Uint128
	// Minutes is the sum of dwell times in units of 10⁻⁹ minutes.
	Minutes Uint128
	// Likes is the sum of like: likes less dislikes.
	Likes int64
	// Behaviours is the number of behaviours in the sums.
	Behaviours uint64
}

// Count adds one behaviour, which must be within the limits (in particular its
// minutes must not be negative). It does not keep b.Page.
func (t *Totals) Count(b Behaviour) {
	t.Clicks = t.Clicks.AddUint64(uint64(b.Clicks))
	t.Minutes = t.Minutes.AddUint64(uint64(b.Minutes))
	t.Likes += int64(b.Like)
	t.Behaviours++
}

// Add adds the behaviours summed in o.
func (t *Totals) Add(o *Totals) {
	t.Clicks = t.Clicks.Add(o.Clicks)
	t.Minutes = t.Minutes.Add(o.Minutes)
	t.Likes += o.Likes
	t.Behaviours += o.Behaviours
}

// Sub subtracts the behaviours summed in o. It changes nothing and returns an error if o has
// more clicks, minutes or behaviours than t, because then o is not a part of t.
func (t *Totals) Sub(o *Totals) error {
	clicks, ok := t.Clicks.Sub(o.Clicks)
	if !ok {
		return fmt.Errorf("cannot subtract %v clicks from %v", o.Clicks, t.Clicks)
	}
	minutes, ok := t.Minutes.Sub(o.Minutes)
	if !ok {
		return fmt.Errorf("cannot subtract %s minutes from %s", o.MinutesDecimal(), t.MinutesDecimal())
	}
	if o.Behaviours > t.Behaviours {
		return fmt.Errorf("cannot subtract %d behaviours from %d", o.Behaviours, t.Behaviours)
	}
	t.Clicks, t.Minutes = clicks, minutes
	t.Likes -= o.Likes
	t.Behaviours -= o.Behaviours
	return nil
}

// ClicksDecimal returns the sum of clicks in decimal digits.
func (t *Totals) ClicksDecimal() string { return t.Clicks.String() }

// MinutesDecimal returns the sum of minutes as a plain decimal without trailing
// zeros, such as "250.61037345".
func (t *Totals) MinutesDecimal() string {
	return string(appendDecimal(nil, t.Minutes, minutesScale))
}

// ParseTotals returns the totals with sums in decimal digits, as ClicksDecimal and MinutesDecimal
// return them.
func ParseTotals(clicks, minutes string, likes int64, behaviours uint64) (Totals, error) {
	t := Totals{Likes: likes, Behaviours: behaviours}
	var err error
	if t.Clicks, err = ParseDecimal(clicks, 0); err != nil {
		return Totals{}, fmt.Errorf("clicks: %w", err)
	}
	if t.Minutes, err = ParseDecimal(minutes, minutesScale); err != nil {
		return Totals{}, fmt.Errorf("minutes: %w", err)
	}
	return t, nil
}

// Within reports whether t's number of behaviours, each within the limits, can add up to t.
// Sums of such totals do not overflow as long as their behaviours do not.
func (t *Totals) Within(l Limits) bool {
	if likes := t.Likes; likes < 0 && uint64(-likes) > t.Behaviours || likes > 0 && uint64(likes) > t.Behaviours {
		return false
	}
	hi, lo := bits.Mul64(t.Behaviours, uint64(l.MaxClicks))
	if t.Clicks.Hi > hi || t.Clicks.Hi == hi && t.Clicks.Lo > lo {
		return false
	}
	hi, lo = bits.Mul64(t.Behaviours, uint64(l.MaxMinutes)*unitsPerMinute)
	return t.Minutes.Hi < hi || t.Minutes.Hi == hi && t.Minutes.Lo <= lo
}
