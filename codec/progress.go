package codec

import (
	"encoding/binary"
	"slices"

	"pageheat/boards"
)

// Progress of a partition that has taken no request to forget a page has another version: a program that does not
// know requests reads it. So does one that does not know definitions, where there are no boards, one that does not
// know closings, where no period is closed, and one that does not know days, where pages are not dropped.
const (
	progressVersion        = 3
	progressForgetVersion  = 4
	progressDefinedVersion = 5 // with definitions of boards; requests may be there or not
	progressClosedVersion  = 6 // with closings; requests and definitions may be there or not
	progressDaysVersion    = 7 // with days; all others may be there or not
	fenceVersion           = 1
)

// Unknown is the progress in an input partition that nothing was heard of yet; -1
// is that of one that is known to be at its beginning.
const Unknown = -2

// Progress says how far one partition of the heat table has counted: the table's
// pages are the exact totals of the input up to it.
type Progress struct {
	// Input and Behavior are the ids of the input topic and of the topic that
	// carries the ranges. Progress means nothing for others.
	Input, Behavior TopicID
	// Partitions is the number of partitions of the heat table, at least 1. Which
	// pages the partition holds follows from it.
	Partitions int32
	// Next is the offset of the range topic's partition that comes next.
	Next int64
	// Counted is how many behaviours are in the partition's totals.
	Counted uint64
	// To is, by input partition, the highest offset that is counted; -1 where
	// nothing is, [Unknown] where the partition was never heard of.
	To []int64
	// Begin is, by input partition, the offset that counting began at: above 0
	// where the first messages were gone before the partition was known. They are
	// not lost.
	Begin []int64
	// Lost is, by input partition, how many messages were gone before they were
	// read, at most (it counts offsets, and not every offset is a message).
	Lost []uint64
	// Boards are the further boards that the table counts for, by number. Leaders have none here.
	Boards []BoardProgress
	// NextBoard is the number that the next new board gets. A number is never used again, so what
	// pages still have of a board that was removed is never taken for that of another.
	NextBoard uint64
	// Forget says how far the partition has taken in requests to forget pages.
	Forget ForgetProgress
	// Days says which days of behaviours are known, nil if none are kept. It is not changed, and leaders have none.
	Days *DaysProgress
}

// DaysProgress says which days of behaviours a partition of the heat table knows, and which pages it has dropped for
// want of behaviours. It is there from the first owner on that was to drop pages, for ever: every owner keeps days then.
type DaysProgress struct {
	// From is the progress from which on days are known, see [Sweep]. Pages without a behaviour since have day 0.
	From []int64
	// Since is the day on which that was, by the owner's clock; 0 if nothing was counted before. All sweeps are for
	// later days, so that every page has had its time.
	Since Day
	// Before is the day of the last sweep, 0 if there was none: pages with an earlier day are dropped. What is counted
	// later has this day, or a later one.
	Before Day
	// Swept says that all of these are removed from the table. Before, those that are in it do not count.
	Swept bool
}

// Dropped reports whether a page with a day is dropped. A nil DaysProgress drops none.
func (d *DaysProgress) Dropped(day Day) bool { return d != nil && day < d.Before }

// ForgetProgress is how far a partition of the heat table has taken in the requests of its partition of the forget
// topic. It is zero until the first one.
type ForgetProgress struct {
	// Topic is the id of the forget topic, and Next the offset that comes next. Leaders do not have them.
	Topic TopicID
	Next  int64
	// Taken is the number of requests that were taken in, from whatever topic: it never goes back.
	Taken uint64
}

// BoardProgress is how far a partition of the heat table has counted for a further board.
type BoardProgress struct {
	// Number is what states of pages are marked with.
	Number uint64
	// Name is the board's name, and Counting its counting hash: states mean nothing for another.
	Name, Counting string
	// Definition is what the hash is made of, so that states can be read without settings, see
	// [boards.Definition.Counting]. It is empty if an earlier version wrote the progress.
	Definition string
	// AsOf is the board's T, which never goes back.
	AsOf boards.Minute
	// Late is the number of behaviours that came too late for the board.
	Late uint64
	// Since is, by input partition, the offset from which on the board counts: above 0 if it was added
	// when there was input already. It is shorter where there was nothing.
	Since []int64
	// Closings are those of the periods that are held, oldest first. Periods that an earlier version closed, or
	// another deployment, have none.
	Closings []Closing
}

// Closing is how far a partition of the heat table had counted when it closed periods of a board: what it counted
// later was late for them.
type Closing struct {
	// AsOf is the board's T from then on: the periods are those that were open as of the T before.
	AsOf boards.Minute
	// Counted, To and Late are those of [Progress] and [BoardProgress].
	Counted uint64
	To      []int64
	Late    uint64
}

// AppendProgress appends p to dst. To, Begin and Lost must be of one length.
func AppendProgress(dst []byte, p *Progress) []byte {
	closed := slices.ContainsFunc(p.Boards, func(b BoardProgress) bool { return len(b.Closings) > 0 })
	closed = closed || p.Days != nil
	defined := closed || hasDefinition(p.Boards)
	switch {
	case p.Days != nil:
		dst = appendPosition(append(dst, progressDaysVersion), p)
	case closed:
		dst = appendPosition(append(dst, progressClosedVersion), p)
	case defined:
		dst = appendPosition(append(dst, progressDefinedVersion), p)
	case p.Forget.Taken > 0:
		dst = appendPosition(append(dst, progressForgetVersion), p)
	default:
		dst = appendPosition(append(dst, progressVersion), p)
	}
	if defined || p.Forget.Taken > 0 {
		dst = append(dst, p.Forget.Topic[:]...)
		dst = binary.AppendUvarint(dst, uint64(p.Forget.Next))
		dst = binary.AppendUvarint(dst, p.Forget.Taken)
	}
	dst = binary.AppendUvarint(dst, p.NextBoard)
	dst = binary.AppendUvarint(dst, uint64(len(p.Boards)))
	for i := range p.Boards {
		b := &p.Boards[i]
		dst = binary.AppendUvarint(dst, b.Number)
		dst = appendName(dst, b.Name)
		dst = appendName(dst, b.Counting)
		if defined {
			dst = appendName(dst, b.Definition)
		}
		dst = binary.AppendUvarint(dst, uint64(b.AsOf))
		dst = binary.AppendUvarint(dst, b.Late)
		dst = appendSince(dst, b.Since)
		if closed {
			dst = binary.AppendUvarint(dst, uint64(len(b.Closings)))
			for i := range b.Closings {
				dst = appendClosing(dst, &b.Closings[i])
			}
		}
	}
	if p.Days != nil {
		dst = appendDays(dst, p.Days)
	}
	return dst
}

// daysSwept is a flag of days.
const daysSwept = 1 << 0

func appendDays(dst []byte, d *DaysProgress) []byte {
	flags := byte(0)
	if d.Swept {
		flags |= daysSwept
	}
	dst = binary.AppendUvarint(append(dst, flags), uint64(d.Since))
	dst = binary.AppendUvarint(dst, uint64(d.Before))
	return appendTo(dst, d.From)
}

// days reads what appendDays wrote.
func (r *reader) days() *DaysProgress {
	d := &DaysProgress{Swept: r.flags("days", daysSwept) != 0}
	d.Since, d.Before, d.From = r.day("since"), r.day("before"), r.to("from")
	return d
}

// appendClosing appends what closing reads.
func appendClosing(dst []byte, c *Closing) []byte {
	dst = binary.AppendUvarint(dst, uint64(c.AsOf))
	dst = binary.AppendUvarint(dst, c.Counted)
	dst = binary.AppendUvarint(dst, c.Late)
	return appendTo(dst, c.To)
}

// minClosingBytes is the least that a closing takes.
const minClosingBytes = 4

// closing reads what appendClosing wrote.
func (r *reader) closing() (c Closing) {
	c.AsOf, c.Counted, c.Late = r.minute("as of"), r.number("counted"), r.number("late")
	c.To = r.to("to")
	return c
}

// closings reads those of a board, oldest first.
func (r *reader) closings() []Closing {
	n := r.count("closings", minClosingBytes)
	if n == 0 {
		return nil
	}
	closings := make([]Closing, n)
	for i := range closings {
		closings[i] = r.closing()
		if r.err == nil && i > 0 && closings[i].AsOf <= closings[i-1].AsOf {
			r.fail("periods were closed as of %s after those as of %s", closings[i].AsOf, closings[i-1].AsOf)
		}
	}
	return closings
}

func hasDefinition(of []BoardProgress) bool {
	return slices.ContainsFunc(of, func(b BoardProgress) bool { return b.Definition != "" })
}

// appendSince appends the offsets from which on a board counts.
func appendSince(dst []byte, since []int64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(since)))
	for _, offset := range since {
		dst = binary.AppendUvarint(dst, uint64(offset))
	}
	return dst
}

// since reads what appendSince wrote.
func (r *reader) since() []int64 {
	n := r.count("since", 1)
	if n == 0 {
		return nil
	}
	since := make([]int64, n)
	for i := range since {
		since[i] = r.nonNegative("since")
	}
	return since
}

// DecodeProgress reads what [AppendProgress] wrote.
func DecodeProgress(b []byte) (Progress, error) {
	version, r := byte(progressVersion), newReader("progress", b, progressVersion)
	if len(b) > 0 {
		switch b[0] {
		case progressForgetVersion:
			version, r = b[0], newReader("progress", b, progressForgetVersion)
		case progressDefinedVersion:
			version, r = b[0], newReader("progress", b, progressDefinedVersion)
		case progressClosedVersion:
			version, r = b[0], newReader("progress", b, progressClosedVersion)
		case progressDaysVersion:
			version, r = b[0], newReader("progress", b, progressDaysVersion)
		}
	}
	p := r.position()
	if version >= progressForgetVersion {
		p.Forget.Topic = r.topicID("forget topic id")
		p.Forget.Next = r.nonNegative("next offset of the forget topic")
		p.Forget.Taken = r.number("requests to forget pages")
	}
	if version == progressForgetVersion && r.err == nil && p.Forget.Taken == 0 {
		r.fail("no requests to forget pages")
	}
	p.NextBoard = r.number("number of the next board")
	closings := 0
	if n := r.count("boards", minBoardBytes); n > 0 {
		p.Boards = make([]BoardProgress, n)
		for i := range p.Boards {
			p.Boards[i] = r.board(p.NextBoard, version)
			closings += len(p.Boards[i].Closings)
		}
	}
	if version == progressDefinedVersion && r.err == nil && !hasDefinition(p.Boards) {
		r.fail("no definitions of boards")
	}
	if version == progressClosedVersion && r.err == nil && closings == 0 {
		r.fail("no closings of boards")
	}
	if version == progressDaysVersion {
		p.Days = r.days()
	}
	if err := r.end(); err != nil {
		return Progress{}, err
	}
	return p, nil
}

// minBoardBytes is the least that a board takes in the progress.
const minBoardBytes = 6

// maxCountingBytes is the longest definition of what a board counts that is read.
const maxCountingBytes = 1024

// board reads the progress of a board, whose number is below that of the next.
func (r *reader) board(next uint64, version byte) (b BoardProgress) {
	if b.Number = r.number("number of a board"); b.Number >= next {
		r.fail("the number %d of a board, and the next is %d", b.Number, next)
	}
	b.Name = string(r.bytes("name of a board", maxNameBytes))
	b.Counting = string(r.bytes("counting hash", maxNameBytes))
	if version >= progressDefinedVersion {
		b.Definition = string(r.bytes("definition", maxCountingBytes))
	}
	b.AsOf = r.minute("as of")
	b.Late = r.number("late")
	b.Since = r.since()
	if version >= progressClosedVersion {
		b.Closings = r.closings()
	}
	return b
}

// appendPosition appends all of p but boards; leaders hold the same.
func appendPosition(dst []byte, p *Progress) []byte {
	dst = append(dst, p.Input[:]...)
	dst = append(dst, p.Behavior[:]...)
	dst = binary.AppendUvarint(dst, uint64(p.Partitions))
	dst = binary.AppendUvarint(dst, uint64(p.Next))
	dst = binary.AppendUvarint(dst, p.Counted)
	dst = binary.AppendUvarint(dst, uint64(len(p.To)))
	for i, to := range p.To {
		dst = binary.AppendUvarint(dst, uint64(to-Unknown))
		dst = binary.AppendUvarint(dst, uint64(p.Begin[i]))
		dst = binary.AppendUvarint(dst, p.Lost[i])
	}
	return dst
}

// position reads what appendPosition wrote.
func (r *reader) position() (p Progress) {
	p.Input = r.topicID("input topic id")
	p.Behavior = r.topicID("behavior topic id")
	p.Partitions = r.partitions("number of heat partitions")
	p.Next = r.nonNegative("next offset")
	p.Counted = r.number("counted")
	if n := r.count("input partitions", 3); n > 0 {
		offsets := make([]int64, 2*n) // both in one piece
		p.To, p.Begin, p.Lost = offsets[:n:n], offsets[n:], make([]uint64, n)
		for i := range n {
			p.To[i] = r.nonNegative("to") + Unknown
			p.Begin[i] = r.nonNegative("begin")
			p.Lost[i] = r.number("lost")
		}
	}
	return p
}

// taken reads a number of requests to forget pages, in a version that is written if there are any.
func (r *reader) taken() uint64 {
	n := r.number("requests to forget pages")
	if r.err == nil && n == 0 {
		r.fail("no requests to forget pages")
	}
	return n
}

// Fence is what an owner writes into a heat partition when it takes it over: a
// restore has read all of the owner before once it has read this.
type Fence struct {
	// Owner names the instance and the take-over. It differs for each.
	Owner string
	// TakenAt is when, in milliseconds since 1970 (Unix time), by the owner's clock.
	TakenAt int64
}

// maxOwnerBytes is the longest name of an owner that is read.
const maxOwnerBytes = 4096

// AppendFence appends f to dst.
func AppendFence(dst []byte, f Fence) []byte {
	dst = append(dst, fenceVersion)
	dst = binary.AppendVarint(dst, f.TakenAt)
	dst = binary.AppendUvarint(dst, uint64(len(f.Owner)))
	return append(dst, f.Owner...)
}

// DecodeFence reads what [AppendFence] wrote.
func DecodeFence(b []byte) (Fence, error) {
	r := newReader("fence", b, fenceVersion)
	f := Fence{TakenAt: r.varint("taken at")}
	f.Owner = string(r.bytes("owner", maxOwnerBytes))
	if err := r.end(); err != nil {
		return Fence{}, err
	}
	return f, nil
}
