package boards

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPeriods(t *testing.T) {
	for _, c := range []struct {
		zone, minute string
		period       Period
		name         string
		first, end   string
	}{
		{"UTC", "2026-01-02T15:04:00Z", Hour, "2026-01-02T15", "2026-01-02T15:00:00Z", "2026-01-02T16:00:00Z"},
		{"UTC", "2026-01-02T15:04:00Z", Day, "2026-01-02", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"},
		{"UTC", "2026-01-02T15:04:00Z", Week, "2026-W01", "2025-12-29T00:00:00Z", "2026-01-05T00:00:00Z"},
		{"UTC", "2026-02-02T15:04:00Z", Month, "2026-02", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"},
		{"UTC", "2021-01-03T23:59:00Z", Week, "2020-W53", "2020-12-28T00:00:00Z", "2021-01-04T00:00:00Z"},
		{"Europe/Berlin", "2026-01-01T23:30:00Z", Day, "2026-01-02", "2026-01-01T23:00:00Z", "2026-01-02T23:00:00Z"},
		// The clock is put forward: 23 hours; an hour does not exist.
		{"Europe/Berlin", "2026-03-29T12:00:00Z", Day, "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"Europe/Berlin", "2026-03-29T01:00:00Z", Hour, "2026-03-29T03", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"},
		// It is put back: 25 hours; an hour is shown twice.
		{"Europe/Berlin", "2026-10-25T12:00:00Z", Day, "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"Europe/Berlin", "2026-10-25T00:30:00Z", Hour, "2026-10-25T02", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"},
		{"Europe/Berlin", "2026-10-25T01:30:00Z", Hour, "2026-10-25T02", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"},
		// By half an hour.
		{"Australia/Lord_Howe", "2026-04-04T15:10:00Z", Hour, "2026-04-05T01", "2026-04-04T14:00:00Z", "2026-04-04T15:30:00Z"},
		// There is no midnight on this day, and two of them on that one.
		{"America/Sao_Paulo", "2018-11-04T12:00:00Z", Day, "2018-11-04", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},
		{"America/Sao_Paulo", "2018-02-18T02:30:00Z", Day, "2018-02-17", "2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z"},
		// One minute after midnight the clock was put back, so a day began, ended and began again.
		{"America/St_Johns", "2010-11-07T02:30:00Z", Day, "2010-11-07", "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"},
		{"America/St_Johns", "2010-11-07T02:31:00Z", Day, "2010-11-06", "2010-11-06T02:30:00Z", "2010-11-07T03:30:00Z"},
		// A zone that moved across the date line.
		{"Pacific/Apia", "2011-12-30T09:59:00Z", Day, "2011-12-29", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", "2011-12-30T10:00:00Z", Day, "2011-12-31", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
		{"Pacific/Apia", "2011-12-30T10:00:00Z", Week, "2011-W52", "2011-12-26T10:00:00Z", "2012-01-01T10:00:00Z"},
		// 44 minutes and 30 seconds.
		{"Africa/Monrovia", "1971-05-02T00:45:00Z", Day, "1971-05-02", "1971-05-02T00:45:00Z", "1971-05-03T00:45:00Z"},
		// Beyond the table of the zone, on the last day of a leap year.
		{"Europe/Berlin", "2040-12-31T12:00:00Z", Day, "2040-12-31", "2040-12-30T23:00:00Z", "2040-12-31T23:00:00Z"},
		{"Europe/Berlin", "2041-01-01T12:00:00Z", Month, "2041-01", "2040-12-31T23:00:00Z", "2041-01-31T23:00:00Z"},
		{"America/New_York", "1970-01-01T00:00:00Z", Month, "1969-12", "1970-01-01T00:00:00Z", "1970-01-01T05:00:00Z"},
		{"Pacific/Auckland", MaxMinute.String(), Month, "9999-01", "9998-12-31T11:00:00Z", "9999-01-31T11:00:00Z"},
	} {
		cal := &calendar{period: c.period, zone: zone(t, c.zone)}
		slot := cal.slot(at(t, c.minute))
		assert.Equal(t, c.name, cal.name(slot), c)
		named, ok := cal.named(c.name)
		assert.True(t, ok, c)
		assert.Equal(t, slot, named, c)
		first, end := cal.bounds(slot)
		assert.Equal(t, c.first, first.String(), c)
		assert.Equal(t, c.end, end.String(), c)
	}
}

func TestPeriodThatTheClockSkipped(t *testing.T) {
	day := &calendar{period: Day, zone: zone(t, "Pacific/Apia")}
	slot, ok := day.named("2011-12-30")
	require.True(t, ok)
	first, end := day.bounds(slot)
	assert.Equal(t, "2011-12-30T10:00:00Z", first.String())
	assert.Equal(t, first, end)
	hour := &calendar{period: Hour, zone: zone(t, "Europe/Berlin")}
	slot, _ = hour.named("2026-03-29T02")
	first, end = hour.bounds(slot)
	assert.Equal(t, "2026-03-29T01:00:00Z", first.String())
	assert.Equal(t, first, end)
}

func TestNamesOfNoPeriod(t *testing.T) {
	for period, names := range map[Period][]string{
		Hour: {"", "2026-01-02", "2026-01-02T24", "2026-01-02T1", "2026-01-02T15:00"},
		Day:  {"", "2026-02-29", "2026-1-2", "26-01-02", "sport", "1950-01-01"},
		Week: {"", "2026-W54", "2026-W00", "2026-W1", "2025-W53", "2026-01", "2026-W01x"}, Month: {"2026-13", "2026-00", "2026"},
	} {
		for _, name := range names {
			_, ok := (&calendar{period: period, zone: time.UTC}).named(name)
			assert.False(t, ok, name)
		}
	}
}

// TestPeriodsFollowEachOther: in every zone each minute is within the bounds of its period, and as of its
// own time no behaviour is late.
func TestPeriodsFollowEachOther(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/St_Johns", "America/Sao_Paulo", "America/Havana", "Asia/Kathmandu",
		"Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "America/Nuuk", "Asia/Tehran", "Asia/Gaza"}
	rapid.Check(t, func(t *rapid.T) {
		c := &calendar{period: rapid.SampledFrom([]Period{Hour, Day, Week, Month}).Draw(t, "period"), grace: Minute(rapid.IntRange(1, 60).Draw(t, "grace"))}
		c.zone, _ = time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		m := Minute(rapid.Int64Range(0, 70_000_000).Draw(t, "minute"))
		if _, next := m.Time().In(c.zone).ZoneBounds(); !next.IsZero() && rapid.Bool().Draw(t, "at a change") {
			m = max(0, MinuteOf(next)+Minute(rapid.IntRange(-90, 90).Draw(t, "from the change")))
		}
		slot := c.slot(m)
		first, end := c.bounds(slot)
		assert.LessOrEqual(t, first, m)
		assert.Less(t, m, end)
		assert.Equal(t, slot, c.slot(first))
		assert.Equal(t, slot, c.slot(end-1))
		if first > 0 {
			assert.NotEqual(t, slot, c.slot(first-1))
		}
		assert.NotEqual(t, slot, c.slot(end))
		named, ok := c.named(c.name(slot))
		assert.True(t, ok)
		assert.Equal(t, slot, named)
		assert.LessOrEqual(t, c.firstOpen(m), slot)
		assert.Greater(t, c.closes(c.firstOpen(m)), m, "open")
		assert.GreaterOrEqual(t, c.firstOpen(m+1), c.firstOpen(m), "what is closed remains so")
		assert.LessOrEqual(t, c.firstOpen(end+c.grace-1), slot)
		assert.Greater(t, c.firstOpen(end+c.grace), slot)
	})
}
