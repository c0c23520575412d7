package heat

import (
	"strconv"

	"pageheat/failure"
)

// The maximum values of [Limits]. The package comment proves the arithmetic for them.
const (
	MostClicks  = 1_000_000
	MostMinutes = 1_440
)

// unitsPerMinute is the number of units of [Minutes] in one minute.
const unitsPerMinute = 1_000_000_000

// minutesScale is the number of decimals that [Minutes] keeps.
const minutesScale = 9

// Limits are the maximum values of one behaviour. A behaviour beyond them is invalid as a
// whole; values are never clamped. Sums taken with different limits are different sums.
type Limits struct {
	// MaxClicks is the maximum clicks of one behaviour, 1 to [MostClicks].
	MaxClicks uint32 `help:"Maximum clicks of a valid behaviour."`
	// MaxMinutes is the maximum dwell time of one behaviour in whole minutes, 1 to
	// [MostMinutes].
	MaxMinutes uint32 `help:"Maximum minutes of a valid behaviour."`
}

// DefaultLimits returns the default limits: one million clicks, and one day.
func DefaultLimits() Limits {
	return Limits{MaxClicks: MostClicks, MaxMinutes: MostMinutes}
}

// Validate returns a [failure.Setting] if a limit is out of range.
func (l Limits) Validate() error {
	if l.MaxClicks < 1 || l.MaxClicks > MostClicks {
		return failure.BadSetting("max-clicks", "the maximum clicks of one behaviour must be from 1 to %d, not %d", MostClicks, l.MaxClicks)
	}
	if l.MaxMinutes < 1 || l.MaxMinutes > MostMinutes {
		return failure.BadSetting("max-minutes", "the maximum minutes of one behaviour must be from 1 to %d, not %d", MostMinutes, l.MaxMinutes)
	}
	return nil
}

// Minutes is a dwell time in units of 10⁻⁹ minutes (60 nanoseconds).
type Minutes int64

// WholeMinutes returns n minutes.
func WholeMinutes(n uint32) Minutes { return Minutes(n) * unitsPerMinute }

// String returns the minutes as a plain decimal without trailing zeros, such as
// "1.5119122".
func (m Minutes) String() string { return string(m.Append(nil)) }

// Append appends what String returns to dst.
func (m Minutes) Append(dst []byte) []byte {
	u := uint64(m)
	if m < 0 {
		dst = append(dst, '-')
		u = -u
	}
	if u%unitsPerMinute == 0 {
		return strconv.AppendUint(dst, u/unitsPerMinute, 10)
	}
	return appendDecimal(dst, Uint128{Lo: u}, minutesScale)
}

// Behaviour is one visit of one page by one user.
type Behaviour struct {
	// Page is the name of the page: 1 to 1024 bytes of UTF-8 without control characters and
	// without '|'. It aliases the message that the behaviour was read from, so it is valid only
	// as long as that message.
	Page []byte
	// Clicks on the page, from 0 to [Limits].MaxClicks.
	Clicks uint32
	// Minutes spent on the page, from 0 to [Limits].MaxMinutes.
	Minutes Minutes
	// Like is -1 for a dislike, 0 for none, 1 for a like.
	Like int8
}
