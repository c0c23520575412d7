package codec

import (
	"encoding/binary"
	"strconv"
	"strings"
)

const sweepVersion = 1

// Sweep says that a partition of a heat table has dropped the pages that had no behaviour for a time: each page whose
// behaviours at offsets above From and up to To are all of days before Before. What the partition had counted of such a
// page up to To does not count any more, for ever. A record of all sweeps takes the place of one for each page.
type Sweep struct {
	// Number is that of the sweep among the requests to forget pages and the sweeps of the partition that has the
	// record: see [Forgotten].Number.
	Number uint64
	// Partitions and Partition say of which pages: those of a partition, in a table with that number of them. After
	// a migration other partitions have the record, too.
	Partitions, Partition int32
	// Before is the day: pages with a behaviour of it, or of a later day, remain.
	Before Day
	// SweptAt is when, in milliseconds since 1970 (Unix time).
	SweptAt int64
	// Input is the id of the topic whose offsets From and To have.
	Input TopicID
	// From is how far the partition had counted when it began to keep the days of behaviours, by input partition; it
	// knows no days up to there. To is how far it had counted when it dropped the pages. Input partitions that they
	// do not have are at [Unknown].
	From, To []int64
}

// Covers reports whether behaviours of the input at an offset of a partition are among those that are dropped with
// their pages.
func (s *Sweep) Covers(input TopicID, partition int32, offset int64) bool {
	return input == s.Input && offset <= at(s.To, partition)
}

// Spares reports whether a behaviour that the sweep covers keeps its page: if it is of a day at an offset of an input
// partition.
func (s *Sweep) Spares(partition int32, offset int64, day Day) bool {
	return day >= s.Before && offset > at(s.From, partition)
}

func at(offsets []int64, partition int32) int64 {
	if int(partition) >= len(offsets) {
		return Unknown
	}
	return offsets[partition]
}

// Key is the key of the sweep in the heat table. A partition sweeps once for a day at most.
func (s *Sweep) Key() string {
	return internalMark + string(KindSweep) + internalMark + strconv.Itoa(int(s.Partitions)) + internalMark +
		strconv.Itoa(int(s.Partition)) + internalMark + strconv.Itoa(int(s.Before))
}

// isSweepKey reports whether a key is that of a sweep.
func isSweepKey(key string) bool {
	numbers, ok := strings.CutPrefix(key, internalMark+string(KindSweep)+internalMark)
	parts := strings.Split(numbers, internalMark)
	if !ok || len(parts) != 3 {
		return false
	}
	var parsed [3]uint64
	for i, bits := range []int{31, 31, 16} {
		var err error
		if parsed[i], err = strconv.ParseUint(parts[i], 10, bits); err != nil {
			return false
		}
	}
	s := Sweep{Partitions: int32(parsed[0]), Partition: int32(parsed[1]), Before: Day(parsed[2])}
	return s.Key() == key && s.Partition < s.Partitions
}

// AppendSweep appends s to dst.
func AppendSweep(dst []byte, s *Sweep) []byte {
	dst = binary.AppendUvarint(append(dst, sweepVersion), s.Number)
	dst = binary.AppendUvarint(dst, uint64(s.Partitions))
	dst = binary.AppendUvarint(dst, uint64(s.Partition))
	dst = binary.AppendUvarint(dst, uint64(s.Before))
	dst = binary.AppendVarint(dst, s.SweptAt)
	dst = append(dst, s.Input[:]...)
	return appendTo(appendTo(dst, s.From), s.To)
}

// DecodeSweep reads what [AppendSweep] wrote.
func DecodeSweep(b []byte) (*Sweep, error) {
	r := newReader("sweep", b, sweepVersion)
	s := &Sweep{Number: r.number("number")}
	s.Partitions = r.partitions("number of heat partitions")
	s.Partition = r.partition("partition", s.Partitions)
	s.Before = r.day("before")
	s.SweptAt = r.varint("swept at")
	s.Input = r.topicID("input topic id")
	s.From, s.To = r.to("from"), r.to("to")
	if err := r.end(); err != nil {
		return nil, err
	}
	return s, nil
}

// day reads a day.
func (r *reader) day(what string) Day {
	u := r.uvarint(what)
	if u > maxDay {
		r.fail("%s, day %d, is out of range", what, u)
		return 0
	}
	return Day(u)
}

// appendTo appends how far input partitions were counted.
func appendTo(dst []byte, to []int64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(to)))
	for _, offset := range to {
		dst = binary.AppendUvarint(dst, uint64(offset-Unknown))
	}
	return dst
}

// to reads what appendTo wrote.
func (r *reader) to(what string) []int64 {
	n := r.count("input partitions", 1)
	if n == 0 {
		return nil
	}
	to := make([]int64, n)
	for i := range to {
		to[i] = r.nonNegative(what) + Unknown
	}
	return to
}
