package codec

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"pageheat/heat"
)

const (
	rangeVersion = 2
	rangeLost    = 1 // flag
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
	// equal, or the range holds no pages, it is a mark: it tells only how far the
	// input has been read.
	From, To int64
	// Limits are what the behaviours were validated with.
	Limits heat.Limits
	// Lost says that the input at these offsets was gone before it was read. Such
	// a range holds no pages.
	Lost bool
}

// AppendRangeHeader appends the beginning of a range to dst; the sums of exactly
// that many pages have to follow, each by [AppendPageSum].
func AppendRangeHeader(dst []byte, h RangeHeader, pages int) []byte {
	var flags byte
	if h.Lost {
		flags |= rangeLost
	}
	dst = append(dst, rangeVersion, flags)
	dst = append(dst, h.Input[:]...)
	dst = binary.AppendUvarint(dst, uint64(h.Partition))
	dst = binary.AppendUvarint(dst, uint64(h.Targets))
	dst = binary.AppendUvarint(dst, uint64(h.Target))
	dst = appendOffset(dst, h.From)
	dst = binary.AppendUvarint(dst, uint64(h.To-h.From))
	dst = binary.AppendUvarint(dst, uint64(h.Limits.MaxClicks))
	dst = binary.AppendUvarint(dst, uint64(h.Limits.MaxMinutes))
	return binary.AppendUvarint(dst, uint64(pages))
}

// AppendPageSum appends one page's sums to a range. A page must not be empty, nor
// be appended twice to a range.
func AppendPageSum[P []byte | string](dst []byte, page P, t *heat.Totals) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(page)))
	dst = append(dst, page...)
	return appendTotals(dst, t)
}

// MaxRangeHeaderBytes is the most that [AppendRangeHeader] appends.
const MaxRangeHeaderBytes = 2 + 16 + 3*5 + 3*binary.MaxVarintLen64 + 2*5

// MaxPageSumBytes is the most that [AppendPageSum] appends for a page of the
// longest name.
const MaxPageSumBytes = 2 + MaxPageBytes + 2*19 + 2*binary.MaxVarintLen64

// minPageSumBytes is the least that a page and its sums take.
const minPageSumBytes = 2 + minTotalsBytes

// RangeReader reads a range page by page, without allocating. It aliases the bytes
// it was made from. It is not safe for concurrent use.
type RangeReader struct {
	// Header is the range's header.
	Header RangeHeader
	// Pages is how many pages the range holds in all.
	Pages int

	next       int
	behaviours uint64 // of the pages read so far
	r          reader
}

// ReadRange reads a range's header.
func ReadRange(b []byte) (RangeReader, error) {
	r := newReader("range", b, rangeVersion)
	var h RangeHeader
	flags := r.byte("flags")
	if flags&^rangeLost != 0 {
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
	h.Limits.MaxClicks = r.uint32("most clicks")
	h.Limits.MaxMinutes = r.uint32("most minutes")
	if h.Limits.MaxClicks > heat.MostClicks || h.Limits.MaxMinutes > heat.MostMinutes {
		r.fail("limits of %d clicks and %d minutes, the most are %d and %d",
			h.Limits.MaxClicks, h.Limits.MaxMinutes, heat.MostClicks, heat.MostMinutes)
	}
	pages := r.count("pages", minPageSumBytes)
	if pages > 0 && (h.Lost || h.From == h.To) {
		r.fail("a range that is lost or empty holds %d pages", pages)
	}
	if pages == 0 {
		_ = r.end() // else Next finds what is left over
	}
	if r.err != nil {
		return RangeReader{}, r.err
	}
	return RangeReader{Header: h, Pages: pages, r: r}, nil
}

// Next returns the next page and its sums; io.EOF after the last. The page aliases
// the range's bytes. After another error the range must not be used: it is then
// not known what of it was right.
func (r *RangeReader) Next() (page []byte, t heat.Totals, err error) {
	if r.r.err == nil && r.next == r.Pages {
		if err := r.r.end(); err != nil {
			return nil, heat.Totals{}, r.describe(err)
		}
		return nil, heat.Totals{}, io.EOF
	}
	r.next++
	page = r.r.page()
	t = r.r.totals()
	r.r.possible(&t, r.Header.Limits)
	if r.behaviours += t.Behaviours; r.behaviours > uint64(r.Header.To-r.Header.From) {
		r.r.fail("%d behaviours or more at %d offsets", r.behaviours, r.Header.To-r.Header.From)
	}
	if r.r.err != nil {
		return nil, heat.Totals{}, r.describe(r.r.err)
	}
	return page, t, nil
}

func (r *RangeReader) describe(err error) error {
	return fmt.Errorf("input partition %d, offsets (%d, %d], page %d of %d: %w",
		r.Header.Partition, r.Header.From, r.Header.To, r.next, r.Pages, err)
}
