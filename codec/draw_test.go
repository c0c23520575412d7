package codec

import (
	"math"
	"math/bits"
	"strings"

	"pgregory.net/rapid"

	"pageheat/boards"
	"pageheat/heat"
)

func drawTopicID(t *rapid.T) (id TopicID) {
	copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "topic id"))
	return id
}

func drawPartition(t *rapid.T) int32 { return rapid.Int32Range(0, math.MaxInt32).Draw(t, "partition") }

func drawOffset(t *rapid.T) int64 { return rapid.Int64Range(0, MaxNumber-2).Draw(t, "offset") }

func drawDefinition(t *rapid.T) (d Definition) {
	copy(d.Order[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "order"))
	d.Top = rapid.IntRange(1, math.MaxInt32).Draw(t, "top")
	d.Text = rapid.StringN(0, 100, maxDefinitionBytes).Draw(t, "text")
	return d
}

func drawTotals(t *rapid.T) heat.Totals {
	behaviours := rapid.OneOf(rapid.Uint64Range(0, 9), rapid.Uint64Range(0, 1<<50)).Draw(t, "behaviours")
	upTo := func(most uint64, name string) heat.Uint128 { // most for each behaviour
		hi, lo := bits.Mul64(behaviours, rapid.Uint64Range(0, most).Draw(t, name))
		return heat.Uint128{Hi: hi, Lo: lo}
	}
	return heat.Totals{
		Clicks: upTo(heat.MostClicks, "clicks"), Minutes: upTo(uint64(heat.WholeMinutes(heat.MostMinutes)), "minutes"),
		Likes: rapid.Int64Range(-int64(behaviours), int64(behaviours)).Draw(t, "likes"), Behaviours: behaviours,
	}
}

func drawPages(t *rapid.T) (pages []Leader) {
	for range rapid.IntRange(0, 4).Draw(t, "pages") {
		name := rapid.StringN(1, 100, MaxPageBytes).Filter(func(s string) bool { return isPage([]byte(s)) })
		pages = append(pages, Leader{name.Draw(t, "page"), drawTotals(t)})
	}
	return pages
}

func drawLabel(t *rapid.T, partition int32, offset int64) *StampedLabel {
	label := rapid.Custom(func(t *rapid.T) Label {
		return NewLabel(rapid.StringN(0, 300, -1).Draw(t, "title"),
			rapid.SampledFrom([]string{"", "/a", "https://forum.example/", "/" + strings.Repeat("x", MaxURLBytes-1)}).Draw(t, "url"))
	}).Filter(func(l Label) bool { return !l.IsZero() }).Draw(t, "label")
	return &StampedLabel{label, Stamp{rapid.Int64().Draw(t, "timestamp"), partition, offset}}
}

func drawProgress(t *rapid.T) Progress {
	p := Progress{
		Input: drawTopicID(t), Behavior: drawTopicID(t),
		Partitions: rapid.Int32Range(1, math.MaxInt32).Draw(t, "heat partitions"),
		Next:       drawOffset(t), Counted: rapid.Uint64Range(0, MaxNumber-1).Draw(t, "counted"),
	}
	for range rapid.IntRange(0, 4).Draw(t, "partitions") {
		p.To = append(p.To, drawOffset(t)+Unknown)
		p.Begin = append(p.Begin, drawOffset(t))
		p.Lost = append(p.Lost, rapid.Uint64Range(0, MaxNumber-1).Draw(t, "lost"))
	}
	for range rapid.IntRange(0, 3).Draw(t, "boards") {
		p.Boards = append(p.Boards, BoardProgress{
			Number: p.NextBoard, Name: rapid.StringN(0, 20, 80).Draw(t, "name"), Counting: rapid.StringMatching("[0-9a-f]{16}").Draw(t, "counting"),
			AsOf: boards.Minute(rapid.Int64Range(0, int64(boards.MaxMinute)).Draw(t, "as of")),
			Late: rapid.Uint64Range(0, MaxNumber-1).Draw(t, "late"),
		})
		p.NextBoard += rapid.Uint64Range(1, 3).Draw(t, "next board")
		if since := rapid.SliceOfN(rapid.Int64Range(0, MaxNumber-1), 0, 3).Draw(t, "since"); len(since) > 0 {
			p.Boards[len(p.Boards)-1].Since = since
		}
	}
	return p
}

func drawRange(t *rapid.T) *wholeRange {
	h := RangeHeader{
		Input: drawTopicID(t), Partition: drawPartition(t),
		Targets: rapid.Int32Range(1, math.MaxInt32).Draw(t, "targets"),
		From:    drawOffset(t) - 1,
		Limits: heat.Limits{
			MaxClicks:  rapid.Uint32Range(0, heat.MostClicks).Draw(t, "most clicks"),
			MaxMinutes: rapid.Uint32Range(0, heat.MostMinutes).Draw(t, "most minutes"),
		},
		Lost:   rapid.Bool().Draw(t, "lost"),
		Source: rapid.SampledFrom([]uint32{0, 0, 1, math.MaxUint32}).Draw(t, "source"),
	}
	h.Target = rapid.Int32Range(0, h.Targets-1).Draw(t, "target")
	h.To = rapid.Int64Range(h.From, MaxNumber-2).Draw(t, "to")
	whole := &wholeRange{Header: h}
	if h.Lost || h.From == h.To {
		return whole
	}
	behaviours := uint64(0)
	minute := rapid.SampledFrom([]boards.Minute{0, 29_000_000, boards.MaxMinute}).Draw(t, "minute")
	first := minute
	for _, page := range drawPages(t) {
		behaviours += page.Totals.Behaviours
		if page.Totals.Within(h.Limits) && behaviours <= uint64(h.To-h.From) {
			var label *StampedLabel
			if rapid.Bool().Draw(t, "labelled") {
				label = drawLabel(t, h.Partition, rapid.Int64Range(h.From+1, h.To).Draw(t, "offset of the label"))
			}
			whole.Pages = append(whole.Pages, minutePage{page, minute, label})
		}
		minute = min(boards.MaxMinute, minute+rapid.SampledFrom([]boards.Minute{0, 0, 0, 1, 1000}).Draw(t, "later"))
	}
	if len(whole.Pages) > 0 {
		whole.Header.Minute = first
	}
	return whole
}
