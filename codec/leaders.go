package codec

import (
	"encoding/binary"
	"math"

	"pageheat/heat"
)

const leadersVersion = 1

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
	// Input, Behavior, Next, To, Lost and Counted are those of [Progress].
	Input, Behavior TopicID
	Next            int64
	To              []int64
	Lost            []uint64
	Counted         uint64
	// Pages are the hottest pages, hottest first.
	Pages []Leader
}

// AppendLeaders appends l to dst. It does not allocate if dst has room.
func AppendLeaders(dst []byte, l *Leaders) []byte {
	dst = append(dst, leadersVersion)
	dst = binary.AppendUvarint(dst, uint64(l.Partition))
	dst = appendPosition(dst, &Progress{
		Input: l.Input, Behavior: l.Behavior, Next: l.Next, Counted: l.Counted, To: l.To, Lost: l.Lost,
	})
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
	partition := r.uvarint("partition")
	if partition > math.MaxInt32 {
		r.fail("partition %d is out of range", partition)
	}
	p := r.position()
	l := &Leaders{
		Partition: int32(partition),
		Input:     p.Input, Behavior: p.Behavior, Next: p.Next, To: p.To, Lost: p.Lost, Counted: p.Counted,
	}
	if n := r.count("pages", minPageSumBytes); n > 0 {
		l.Pages = make([]Leader, n)
		first := r.at
		text := string(b[first:])
		for i := range l.Pages {
			page := r.page()
			l.Pages[i].Page = text[r.at-len(page)-first : r.at-first]
			l.Pages[i].Totals = r.totals()
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
