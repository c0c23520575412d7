package codec

import (
	"encoding/binary"

	"pageheat/heat"
)

const leadersVersion = 2

// Leader is one of a partition's hottest pages.
type Leader struct {
	// Page is the page's name.
	Page string
	// Totals are the sums over its behaviours.
	Totals heat.Totals
}

// Leaders are the hottest pages of one partition of the heat table, with how far
// it has counted. They are what is in memory, ahead of the committed table.
type Leaders struct {
	// Partition is the partition of the heat table, from 0.
	Partition int32
	// Progress is how far it has counted.
	Progress
	// Definition is what Pages were chosen by.
	Definition Definition
	// Pages are the hottest pages, hottest first.
	Pages []Leader
}

// AppendLeaders appends l to dst. It does not allocate if dst has room.
func AppendLeaders(dst []byte, l *Leaders) []byte {
	dst = appendPosition(append(dst, leadersVersion), &l.Progress)
	dst = binary.AppendUvarint(dst, uint64(l.Partition))
	dst = appendDefinition(dst, &l.Definition)
	dst = binary.AppendUvarint(dst, uint64(len(l.Pages)))
	for i := range l.Pages {
		dst = AppendPageSum(dst, l.Pages[i].Page, &l.Pages[i].Totals)
	}
	return dst
}

// DecodeLeaders reads what [AppendLeaders] wrote. It allocates once for each slice
// and once for all names; b is not kept.
func DecodeLeaders(b []byte) (*Leaders, error) {
	r := newReader("leaders", b, leadersVersion)
	p := r.position()
	l := &Leaders{Partition: r.partition("partition", p.Partitions), Progress: p}
	first := r.at
	definition, words := r.definition()
	if r.err != nil {
		return nil, r.err
	}
	text := string(b[first:])
	definition.Text = text[r.at-len(words)-first : r.at-first]
	l.Definition = definition
	if n := r.count("pages", minPageSumBytes); n > 0 {
		l.Pages = make([]Leader, n)
		for i := range l.Pages {
			page := r.page()
			l.Pages[i].Page = text[r.at-len(page)-first : r.at-first]
			l.Pages[i].Totals = r.totals()
			r.possible(&l.Pages[i].Totals, heat.DefaultLimits())
			if r.err != nil {
				break
			}
		}
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return l, nil
}
