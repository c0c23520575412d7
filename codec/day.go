package codec

import (
	"math"
	"time"

	"pageheat/boards"
)

// Day is a day in UTC, in days since 1970-01-01: that of a page's newest behaviour by the timestamps of records. It is 0
// if it is not known.
type Day uint16

const (
	minutesPerDay = 24 * 60
	maxDay        = math.MaxUint16 // in the year 2149
)

// DayOf returns the day of a minute: the first one for minutes of 1970-01-01, and the last one for those after
// all days.
func DayOf(m boards.Minute) Day { return Day(max(1, min(m/minutesPerDay, maxDay))) }

// Time returns the beginning of the day.
func (d Day) Time() time.Time { return time.Unix(int64(d)*minutesPerDay*60, 0).UTC() }

// String returns the date, such as "2026-01-02".
func (d Day) String() string { return d.Time().Format(time.DateOnly) }
