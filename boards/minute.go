package boards

import "time"

// Minute is a time in whole minutes since 1970-01-01 00:00 UTC, from 0 to [MaxMinute].
type Minute int64

// MaxMinute is the last minute of the year 9998: in every time zone its year has four digits.
const MaxMinute Minute = 4_222_846_079

// millisPerMinute is the number of milliseconds in a minute.
const millisPerMinute = 60_000

// MinuteOfMillis returns the minute of a timestamp in milliseconds since 1970-01-01 00:00 UTC, as
// records have it. A timestamp before or after all minutes belongs to the first or the last of
// them; that of a record without a timestamp, -1, to the first.
func MinuteOfMillis(millis int64) Minute {
	return max(0, min(Minute(millis/millisPerMinute), MaxMinute))
}

// MinuteOf returns the minute of a time; see [MinuteOfMillis].
func MinuteOf(t time.Time) Minute { return MinuteOfMillis(t.UnixMilli()) }

// Time returns the beginning of the minute, in UTC.
func (m Minute) Time() time.Time { return time.Unix(int64(m)*60, 0).UTC() }

// String returns the beginning of the minute as RFC 3339 has it, such as "2026-01-02T15:04:00Z".
func (m Minute) String() string { return m.Time().Format(time.RFC3339) }
