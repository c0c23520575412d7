package boards

import (
	"fmt"
	"time"
)

// Period is the length of the periods of a calendar board.
type Period uint8

// The periods.
const (
	Hour Period = iota + 1
	Day
	Week // of ISO 8601: Monday to Sunday
	Month
)

// String returns the name that a setting has for the period, such as "day".
func (p Period) String() string {
	switch p {
	case Hour:
		return "hour"
	case Day:
		return "day"
	case Week:
		return "week"
	case Month:
		return "month"
	default:
		return fmt.Sprintf("period %d", uint8(p))
	}
}

// minutes returns how long most periods take, the longest month for a month.
func (p Period) minutes() Minute {
	switch p {
	case Hour:
		return 60
	case Week:
		return 7 * 24 * 60
	case Month:
		return 31 * 24 * 60
	default:
		return 24 * 60
	}
}

// calendar divides time into the periods of a time zone. The period of a minute is what a calendar
// and a clock on the wall show at its beginning: its date, or its date and hour. An hour that the
// clock shows twice, when it is put back, is one period; one that it skips does not exist.
//
// The slot of a period is its number since 1969-12-29, a Monday, or since January 1969.
type calendar struct {
	period Period
	zone   *time.Location
	grace  Minute
}

// newCalendar returns the calendar of the definition of a calendar board.
func newCalendar(d Definition) *calendar {
	return &calendar{period: d.Period, zone: d.Zone, grace: Minute(d.Grace / time.Minute)}
}

const (
	minutesPerDay = 24 * 60
	// mondayBefore is how many days 1969-12-29 is before 1970-01-01.
	mondayBefore = 3
	baseYear     = 1969
	// mostOffset is more minutes than any clock differs from UTC.
	mostOffset = 26 * 60
)

// slot returns the period that a minute is in.
func (c *calendar) slot(m Minute) Slot {
	local := time.Unix(int64(m)*60, 0).In(c.zone)
	_, offset := local.Zone()
	return c.slotOfClock(floorDiv(int64(m)*60+int64(offset), 60))
}

// slotOfClock returns the period when the clock on the wall shows that many minutes since
// 1970-01-01 00:00.
func (c *calendar) slotOfClock(shown int64) Slot {
	switch c.period {
	case Hour:
		return Slot(floorDiv(shown, 60) + 24*mondayBefore)
	case Week:
		return Slot(floorDiv(floorDiv(shown, minutesPerDay)+mondayBefore, 7))
	case Month:
		year, month, _ := time.Unix(shown*60, 0).UTC().Date()
		return Slot((year-baseYear)*12 + int(month) - 1)
	default:
		return Slot(floorDiv(shown, minutesPerDay) + mondayBefore)
	}
}

// clock returns what the clock on the wall shows at the beginning of a period, in UTC.
func (c *calendar) clock(s Slot) time.Time {
	monday := time.Date(1970, time.January, 1-mondayBefore, 0, 0, 0, 0, time.UTC)
	switch c.period {
	case Hour:
		return monday.AddDate(0, 0, int(s/24)).Add(time.Duration(s%24) * time.Hour)
	case Week:
		return monday.AddDate(0, 0, 7*int(s))
	case Month:
		return time.Date(baseYear, time.January+time.Month(s), 1, 0, 0, 0, 0, time.UTC)
	default:
		return monday.AddDate(0, 0, int(s))
	}
}

// name returns the name of a period, such as "2026-01-02T15", "2026-01-02", "2026-W01" or "2026-01".
func (c *calendar) name(s Slot) string {
	begins := c.clock(s)
	switch c.period {
	case Hour:
		return begins.Format("2006-01-02T15")
	case Week:
		year, week := begins.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	case Month:
		return begins.Format("2006-01")
	default:
		return begins.Format(time.DateOnly)
	}
}

// named returns the period with a name, and whether there is one: the reverse of name.
func (c *calendar) named(name string) (Slot, bool) {
	var begins time.Time
	var err error
	switch c.period {
	case Hour:
		begins, err = time.Parse("2006-01-02T15", name)
	case Week:
		var year, week int
		if _, err = fmt.Sscanf(name, "%4d-W%2d", &year, &week); err == nil {
			// January 4 is in the first week.
			begins = time.Date(year, time.January, 4+7*(week-1), 0, 0, 0, 0, time.UTC)
		}
	case Month:
		begins, err = time.Parse("2006-01", name)
	default:
		begins, err = time.Parse(time.DateOnly, name)
	}
	if err != nil {
		return 0, false
	}
	s := c.slotOfClock(begins.Unix() / 60)
	return s, s >= 0 && c.name(s) == name
}

// bounds returns the first minute of a period and the one after its last. A period that the clock
// skipped begins and ends when it did.
//
// While the offset from UTC is the same, the clock shows a period for one stretch of time, so it
// looks at each offset that is in use about then.
func (c *calendar) bounds(s Slot) (first, end Minute) {
	// What the clock shows at the beginning of this and of the next period, in seconds.
	from, to := c.clock(s).Unix(), c.clock(s+1).Unix()
	found := false
	for at := from - mostOffset*60; at < to+mostOffset*60; {
		local := time.Unix(at, 0).In(c.zone)
		_, shown := local.Zone()
		offset, until := int64(shown), to+mostOffset*60
		if _, changes := local.ZoneBounds(); !changes.IsZero() {
			until = changes.Unix()
		}
		if until <= at {
			// On the last day of leap years beyond the table of a zone, package time says that the
			// offset has changed already (Go 1.26).
			until = at + 60*60
		}
		// A minute belongs to where it begins.
		a := Minute(-floorDiv(-max(from-offset, at), 60))
		b := Minute(-floorDiv(-min(to-offset, until), 60))
		switch {
		case a < b && !found:
			first, end, found = a, b, true
		case a < b:
			end = b
		case !found && from-offset >= until:
			first, end = b, b // unless a later offset has it
		}
		at = until
	}
	return max(first, 0), max(end, 0)
}

// closes returns the minute from which on a period is closed.
func (c *calendar) closes(s Slot) Minute {
	_, end := c.bounds(s)
	return end + c.grace
}

// firstOpen returns the oldest period that is open as of a minute.
func (c *calendar) firstOpen(asOf Minute) Slot {
	s := c.slot(asOf)
	for s > 0 && c.closes(s-1) > asOf {
		s--
	}
	return s
}

// floorDiv returns ⌊a/b⌋ for b > 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
