package model

import (
	"fmt"
	"reflect"
	"strings"
)

// Counts are the number of times that each event happened, in one schedule or many. They show
// that the schedules reach what they are meant to test.
type Counts struct {
	Schedules, Stopped, Steps uint64

	Crashes, Expelled, HandOvers, Frozen, Faults         uint64 // of owners
	Retentions, Moved, Truncations, Trims                uint64 // of topics
	Duplicates, Late, Lost, CommitsRefused               uint64 // of ranges sent
	Applied, Dropped, Overlaps, Held, HeldInput          uint64 // of ranges read
	Commits, Fenced, Expired, Compacted, Restores        uint64 // of the table
	Kept, KeptWhole, Followed, OnDisk                    uint64 // stores: kept, and kept without a write of another owner
	Boards, OldBoards, Epochs, Overtaken, Again, Crossed uint64 // of the ranking
	IgnoredLeaders                                       uint64
	Begins, OffsetsExpired, Changed, Repartitioned       uint64 // of inputs, groups, settings, partitions
	InputAborts, InputsAdded, Unreadable, Yields         uint64 // of the input
	Above                                                uint64 // owners that started above the committed offset
	FurtherBoards, Turns, Turning, TooLate               uint64 // of further boards
	BoardsAdded, BoardsRemoved, BoardsRestored, Finals   uint64
	ClocksSet, OfGroups, Titles, Events                  uint64
	Requests, RequestsAgain, Forgotten, Blocked          uint64 // to forget pages; Blocked with further boards
	Sweeps, Swept, Unswept                               uint64 // of pages without behaviours; Unswept are in the table for a while
	BoardSweeps, BoardsSwept                             uint64 // the same with further boards; behaviours that one still had
}

// Add adds the counts of another schedule.
func (c *Counts) Add(o Counts) {
	into, from := reflect.ValueOf(c).Elem(), reflect.ValueOf(o)
	for i := range into.NumField() {
		into.Field(i).SetUint(into.Field(i).Uint() + from.Field(i).Uint())
	}
}

// Missing returns the names of the events that never happened.
func (c *Counts) Missing() []string {
	var missing []string
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if v.Field(i).Uint() == 0 {
			missing = append(missing, v.Type().Field(i).Name)
		}
	}
	return missing
}

// String returns the counts as one line.
func (c *Counts) String() string {
	var s strings.Builder
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		fmt.Fprintf(&s, "%s %d ", v.Type().Field(i).Name, v.Field(i).Uint())
	}
	return strings.TrimSpace(s.String())
}
