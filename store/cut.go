package store

import (
	"pageheat/codec"
	"pageheat/heat"
)

// Cut is what one transaction writes: every page that changed since the last
// cut, with its totals at the cut, and last the progress. It belongs to the
// goroutine of its partition.
type Cut struct {
	partition *Partition
	pages     []*page
	next      int
	left      left // totals at the cut of pages changed since, see page.left
	progress  codec.Progress
	finished  bool
}

// Cut takes the changed pages, the progress and the count together. It
// returns nil while an earlier cut is open or when nothing was applied.
func (p *Partition) Cut() *Cut {
	if p.cut != nil || !p.ahead || p.failed != nil {
		return nil
	}
	c := &Cut{partition: p, pages: p.changed, progress: p.progress}
	c.progress.To = append([]int64(nil), p.progress.To...)
	c.progress.Begin = append([]int64(nil), p.progress.Begin...)
	c.progress.Lost = append([]uint64(nil), p.progress.Lost...)
	for _, pg := range c.pages {
		pg.state = pg.state&^changed | writing
	}
	p.changed, p.spare, p.bytes = p.spare, nil, 0
	c.left.blocks, p.left = p.left, nil
	p.ahead = false
	p.cut = c
	return c
}

// leave keeps the totals of the cut for a page that is about to change.
func (c *Cut) leave(pg *page) {
	pg.state &^= writing
	pg.left = c.left.add(&pg.Totals)
}

// left are totals that pages had at a cut. They lie in blocks that never move, and that
// the next cut uses again: a slice that grows would leave as much behind as it holds.
type left struct {
	blocks []*[leftBlock]heat.Totals
	count  int
}

const (
	leftBits  = 10
	leftBlock = 1 << leftBits // totals in a block
)

// add keeps totals and returns their number.
func (l *left) add(t *heat.Totals) int32 {
	if l.count>>leftBits == len(l.blocks) {
		l.blocks = append(l.blocks, new([leftBlock]heat.Totals))
	}
	*l.at(int32(l.count)) = *t
	l.count++
	return int32(l.count - 1)
}

// at are the totals with a number.
func (l *left) at(number int32) *heat.Totals {
	return &l.blocks[number>>leftBits][number&(leftBlock-1)]
}

// Next appends the next record's value to dst and returns it with its key. The
// last record is the progress; after it, more is false and nothing is returned. What
// it returns is right also where the partition fails meanwhile, see
// [Partition.Failed].
func (c *Cut) Next(dst []byte) (key string, value []byte, more bool) {
	if c.next == len(c.pages) {
		if c.finished {
			return "", dst, false
		}
		c.finished = true
		return codec.ProgressKey(c.partition.id), codec.AppendProgress(dst, &c.progress), true
	}
	pg := c.pages[c.next]
	c.pages[c.next] = nil
	c.next++
	if pg.state&writing != 0 {
		pg.state &^= writing
		value = codec.AppendPageState(dst, &pg.Totals)
		if err := c.partition.pages.written(pg, value[len(dst):]); err != nil {
			_ = c.partition.fail(err)
		}
		return pg.Name, value, true
	}
	return pg.Name, codec.AppendPageState(dst, c.left.at(pg.left)), true
}

// Len is the number of records of the cut that Next has yet to return.
func (c *Cut) Len() int {
	n := len(c.pages) - c.next
	if !c.finished {
		n++
	}
	return n
}

// Size is the number of pages in the cut.
func (c *Cut) Size() int { return len(c.pages) }

// Progress is the progress that the cut was taken at.
func (c *Cut) Progress() *codec.Progress { return &c.progress }

// Committed says that the transaction with every record of the cut is known
// to be committed, the last of them at the given offset of the changelog.
func (c *Cut) Committed(offset int64) {
	p := c.partition
	if p.cut == c {
		p.cut = nil
		p.spare = c.pages[:0]
		p.left = c.left.blocks
		p.offset = offset
	}
}
