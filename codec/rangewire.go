package codec

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"pageheat/boards"
	"pageheat/heat"
)

const rangeVersion = 3

// The flags of a range.
const (
	rangeLost   = 1 << iota
	rangeLimits // its limits are written: they are not the greatest ones, which are the default
	rangeSource // its source is written: it is not 0
)

// RangeHeader says what a range is of. A range holds what one partition of the
// input holds for one partition of the target at input offsets in (From, To]. The
// ranges of such a pair follow each other: one's From is the To before it.
type RangeHeader struct {
	// Input is the id of the input topic.
	Input TopicID
	// Partition is the partition of the input topic, from 0.
	Partition int32
	// Targets is the number of heat partitions that pages are spread over, at least
	// 1, and Target the one that the range is for. Which pages a range holds follows
	// from them: with another number it is another range.
	Targets, Target int32
	// From and To are input offsets, at least -1, From at most To. Where they are
	// equal, or the range holds no pages, it is empty: it tells only how far the
	// input has been read.
	From, To int64
	// Source is the number of the source of the input partition. 0 is the input topic, and there
	// is no other yet.
	Source uint32
	// Minute is the first minute in which the pages have behaviours, by the timestamps of their
	// records, or an earlier one; 0 if the range holds no pages. See [AppendMinute].
	Minute boards.Minute
	// Limits are what the behaviours were validated with.
	Limits heat.Limits
	// Lost says that the input at these offsets was gone before it was read. Such
	// a range holds no pages.
	Lost bool
}

// AppendRangeHeader appends the beginning of a range to dst; exactly that many sums of pages have
// to follow, each by [AppendPageSum]. A page with behaviours in several minutes has a sum for each.
func AppendRangeHeader(dst []byte, h RangeHeader, pages int) []byte {
	var flags byte
	if h.Lost {
		flags |= rangeLost
	}
	if h.Limits != greatestLimits() {
		flags |= rangeLimits
	}
	if h.Source != 0 {
		flags |= rangeSource
	}
	dst = append(dst, rangeVersion, flags)
	dst = append(dst, h.Input[:]...)
	dst = binary.AppendUvarint(dst, uint64(h.Partition))
	dst = binary.AppendUvarint(dst, uint64(h.Targets))
	dst = binary.AppendUvarint(dst, uint64(h.Target))
	dst = appendOffset(dst, h.From)
	dst = binary.AppendUvarint(dst, uint64(h.To-h.From))
	if flags&rangeLimits != 0 {
		dst = binary.AppendUvarint(dst, uint64(h.Limits.MaxClicks))
		dst = binary.AppendUvarint(dst, uint64(h.Limits.MaxMinutes))
	}
	if flags&rangeSource != 0 {
		dst = binary.AppendUvarint(dst, uint64(h.Source))
	}
	dst = binary.AppendUvarint(dst, uint64(pages))
	if pages > 0 {
		dst = binary.AppendUvarint(dst, uint64(h.Minute))
	}
	return dst
}

// greatestLimits are part of the format, and so do not change with the default ones.
func greatestLimits() heat.Limits {
	return heat.Limits{MaxClicks: heat.MostClicks, MaxMinutes: heat.MostMinutes}
}

// AppendMinute begins the pages of a later minute: that many minutes, at least 1, after the one
// before, which is the header's at first. At least one page has to follow. On the wire it is a page without a name.
func AppendMinute(dst []byte, later boards.Minute) []byte {
	return binary.AppendUvarint(append(dst, 0), uint64(later))
}

// AppendPageLabel appends the label of the page whose sum is appended next. The minute is that of the sum; the
// label's offset must be one of the range, and its partition that of the range. On the wire it is a page without
// a name, and no minute later.
func AppendPageLabel(dst []byte, h *RangeHeader, minute boards.Minute, l *StampedLabel) []byte {
	dst = append(dst, 0, 0)
	dst = binary.AppendVarint(dst, l.Timestamp-millis(minute))
	dst = binary.AppendUvarint(dst, uint64(h.To-l.Offset))
	return appendLabel(dst, &l.Label)
}

// millis are the ms since 1970 at which a minute begins.
func millis(m boards.Minute) int64 { return int64(m) * 60_000 }

// AppendPageSum appends one page's sums to a range. A page must not be empty, nor
// be appended twice to the same minute.
func AppendPageSum[P []byte | string](dst []byte, page P, t *heat.Totals) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(page)))
	dst = append(dst, page...)
	return appendTotals(dst, t)
}

// MaxRangeHeaderBytes is the most that [AppendRangeHeader] appends.
const MaxRangeHeaderBytes = 2 + 16 + 3*5 + 3*binary.MaxVarintLen64 + 3*5 + MaxMinuteBytes

// MaxMinuteBytes is the most that [AppendMinute] appends.
const MaxMinuteBytes = 1 + 5

// MaxPageSumBytes is the most that [AppendPageSum] appends for a page of the
// longest name.
const MaxPageSumBytes = 2 + MaxPageBytes + 2*19 + 2*binary.MaxVarintLen64

// minPageSumBytes is the least that a page and its sums take.
const minPageSumBytes = 2 + minTotalsBytes

// PageMinute is what a range has a sum for: a page in one minute.
type PageMinute struct {
	Page   string
	Minute boards.Minute
}

// PageSum is what a range has of a page in one minute.
type PageSum struct {
	heat.Totals
	// Label is the newest label of the behaviours, nil if there is none.
	Label *StampedLabel
}

// RangeReader reads a range page by page, without allocating. It aliases the bytes
// it was made from. It is not safe for concurrent use.
type RangeReader struct {
	// Header is the range's header.
	Header RangeHeader
	// Pages is how many sums of pages the range holds in all.
	Pages int
	// Minute is that of the page that Next returned last.
	Minute boards.Minute

	next     int
	left     uint64 // how many behaviours the pages that were not read can have
	r        reader
	label    *StampedLabel
	labelled int // the page that label is of, counted from 1
}

// Label is the label of the page that Next returned last, nil if the range has none of it. It does not alias the
// range's bytes.
func (r *RangeReader) Label() *StampedLabel {
	if r.labelled != r.next {
		return nil
	}
	return r.label
}

// DecodeRangeHeader reads the header of a range, of which b may be only the beginning.
// What follows it is not looked at.
func DecodeRangeHeader(b []byte) (RangeHeader, error) {
	r := newReader("range", b, rangeVersion)
	h := r.rangeHeader()
	return h, r.err
}

// ReadRange reads a range's header.
func ReadRange(b []byte) (RangeReader, error) {
	r := newReader("range", b, rangeVersion)
	h := r.rangeHeader()
	pages := r.count("pages", minPageSumBytes)
	if pages > 0 && (h.Lost || h.From == h.To) {
		r.fail("a range that is lost or empty holds %d pages", pages)
	}
	if pages == 0 {
		_ = r.end() // else Next finds what is left over
	} else {
		h.Minute = r.minute("minute")
	}
	if r.err != nil {
		return RangeReader{}, r.err
	}
	return RangeReader{Header: h, Pages: pages, Minute: h.Minute, left: uint64(h.To - h.From), r: r}, nil
}

// minute reads a minute, or a difference of minutes.
func (r *reader) minute(what string) boards.Minute {
	u := r.uvarint(what)
	if u > uint64(boards.MaxMinute) {
		r.fail("%s, %d, is out of range", what, u)
		return 0
	}
	return boards.Minute(u)
}

func (r *reader) rangeHeader() (h RangeHeader) {
	flags := r.byte("flags")
	if flags&^(rangeLost|rangeLimits|rangeSource) != 0 {
		r.fail("flags %#x are not known", flags)
	}
	h.Lost = flags&rangeLost != 0
	h.Input = r.topicID("input topic id")
	partition := r.uvarint("input partition")
	if partition > math.MaxInt32 {
		r.fail("input partition %d is out of range", partition)
	}
	h.Partition = int32(partition)
	h.Targets = r.partitions("number of heat partitions")
	h.Target = r.partition("heat partition", h.Targets)
	h.From = r.offset("from")
	length := r.uvarint("to")
	if length > uint64(MaxNumber-2-h.From) {
		r.fail("to is out of range")
		length = 0
	}
	h.To = h.From + int64(length)
	h.Limits = greatestLimits()
	if flags&rangeLimits != 0 {
		h.Limits = heat.Limits{MaxClicks: r.uint32("most clicks"), MaxMinutes: r.uint32("most minutes")}
		if h.Limits == greatestLimits() {
			r.fail("the greatest limits are written")
		}
	}
	if flags&rangeSource != 0 {
		if h.Source = r.uint32("source"); h.Source == 0 {
			r.fail("the source 0 is written")
		}
	}
	if h.Limits.MaxClicks > heat.MostClicks || h.Limits.MaxMinutes > heat.MostMinutes {
		r.fail("limits of %d clicks and %d minutes: the maximums are %d and %d",
			h.Limits.MaxClicks, h.Limits.MaxMinutes, heat.MostClicks, heat.MostMinutes)
	}
	return h
}

// Next reads the next page and its sums, which it puts into t; io.EOF after the last.
// The page aliases the range's bytes. After another error the range must not be used:
// it is then not known what of it was right.
func (r *RangeReader) Next(t *heat.Totals) (page []byte, err error) {
	if page := r.usualPage(t); page != nil {
		return page, nil
	}
	return r.anyPage(t)
}

// usualBehaviours is below how many behaviours of a page the products of their number
// and the limits fit 63 bits.
const usualBehaviours = 1 << 22

// usualPage reads what nearly all pages are: a short name of ASCII, and sums of less than
// 2⁵⁶. It returns nil, and has read nothing, for all else and for all that is wrong,
// which anyPage then judges; what it accepts, anyPage reads the same.
func (r *RangeReader) usualPage(t *heat.Totals) (page []byte) {
	if r.next >= r.Pages || r.r.at >= len(r.r.b) {
		return nil
	}
	b := r.r.b[r.r.at:]
	size := int(b[0])
	if size >= 0x80 || len(b) <= size {
		return nil
	}
	page, b = b[1:1+size:1+size], b[1+size:]
	clicks, n := shortUvarint(b)
	b = b[n:]
	minutes, m := shortUvarint(b)
	b = b[m:]
	zigzag, k := shortUvarint(b)
	b = b[k:]
	behaviours, l := shortUvarint(b)
	// n, m, k and l are 0 if there was no short number.
	if n == 0 || m == 0 || k == 0 || l == 0 || behaviours >= usualBehaviours || behaviours > r.left || !isASCIIPage(page) {
		return nil
	}
	likes := int64(zigzag>>1) ^ -int64(zigzag&1)
	if clicks > behaviours*uint64(r.Header.Limits.MaxClicks) ||
		minutes > behaviours*uint64(heat.WholeMinutes(r.Header.Limits.MaxMinutes)) ||
		likes > int64(behaviours) || -likes > int64(behaviours) {
		return nil
	}
	t.Clicks, t.Minutes = heat.Uint128{Lo: clicks}, heat.Uint128{Lo: minutes}
	t.Likes, t.Behaviours = likes, behaviours
	r.r.at += 1 + size + n + m + k + l
	r.left -= behaviours
	r.next++
	return page
}

// anyPage reads any page.
func (r *RangeReader) anyPage(t *heat.Totals) (page []byte, err error) {
	*t = heat.Totals{}
	if r.r.err == nil && r.next == r.Pages {
		if err := r.r.end(); err != nil {
			return nil, r.describe(err)
		}
		return nil, io.EOF
	}
	r.next++
	if r.marked() && r.later() && r.marked() {
		if r.later() {
			r.r.fail("no page between two minutes")
		}
	}
	page = r.r.page()
	*t = r.r.totals()
	r.r.possible(t, r.Header.Limits)
	if t.Behaviours > r.left {
		offsets := uint64(r.Header.To - r.Header.From)
		r.r.fail("%d behaviours or more at %d offsets", offsets-r.left+t.Behaviours, offsets)
	}
	if r.r.err != nil {
		return nil, r.describe(r.r.err)
	}
	r.left -= t.Behaviours
	return page, nil
}

// marked reports whether something without a name follows.
func (r *RangeReader) marked() bool { return r.r.left() > 0 && r.r.b[r.r.at] == 0 }

// later reads what [AppendMinute] wrote; it is false for what [AppendPageLabel] did.
func (r *RangeReader) later() bool {
	r.r.at++
	later := r.r.minute("minutes since the last")
	if later == 0 {
		r.readLabel()
		return false
	}
	if later > boards.MaxMinute-r.Minute {
		r.r.fail("%d minutes after minute %d", later, r.Minute)
	}
	r.Minute += later
	return true
}

func (r *RangeReader) readLabel() {
	l := &StampedLabel{Stamp: Stamp{Timestamp: r.r.varint("timestamp of a label") + millis(r.Minute), Partition: r.Header.Partition}}
	before := r.r.uvarint("offset of a label")
	if before >= uint64(r.Header.To-r.Header.From) {
		r.r.fail("a label is %d offsets before the end of %d", before, r.Header.To-r.Header.From)
		return
	}
	l.Offset = r.Header.To - int64(before)
	l.Label = r.r.label()
	r.label, r.labelled = l, r.next
}

func (r *RangeReader) describe(err error) error {
	return fmt.Errorf("input partition %d, offsets (%d, %d], page %d of %d: %w",
		r.Header.Partition, r.Header.From, r.Header.To, r.next, r.Pages, err)
}
