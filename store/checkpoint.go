package store

import (
	"pageheat/codec"
	"pageheat/heat"
)

// Checkpoint is what one transaction writes: every dirty page with its totals at the
// checkpoint, and the progress last. It belongs to the goroutine of its partition.
type Checkpoint struct {
	partition *Partition
	pages     []*page
	next      int
	preImages preImages                     // of pages that changed before Next handed them out
	records   recordArena                   // of them, by the number of their pre-image, if there are boards
	labels    map[*page]*codec.StampedLabel // of them, if there are none
	taken     []taking
	sweeps    []*codec.Sweep
	progress  codec.Progress
	finished  bool
}

// Checkpoint takes the dirty pages and the progress together; the pages are clean
// afterwards. It returns nil while an earlier checkpoint is open or if nothing was applied.
func (p *Partition) Checkpoint() *Checkpoint {
	if p.checkpoint != nil || !p.ahead || p.failed != nil {
		return nil
	}
	p.progress.Boards = p.BoardProgress()
	c := &Checkpoint{partition: p, pages: p.dirty, progress: p.progress}
	c.progress.To = append([]int64(nil), p.progress.To...)
	c.progress.Begin = append([]int64(nil), p.progress.Begin...)
	c.progress.Lost = append([]uint64(nil), p.progress.Lost...)
	for _, pg := range c.pages {
		pg.state = pg.state&^dirty | writing
	}
	p.dirty, p.spare, p.bytes = p.spare, nil, 0
	c.taken, p.taken = p.taken, nil
	c.sweeps, p.sweep.writes = p.sweep.writes, nil
	c.preImages.blocks, p.preImages = p.preImages, nil
	c.records, p.records = p.records, recordArena{}
	p.ahead = false
	p.checkpoint = c
	return c
}

// preserve keeps the pre-image of a page that is about to change.
func (c *Checkpoint) preserve(pg *page) {
	pg.state &^= writing
	if len(c.partition.boards) > 0 {
		record := c.records.begin()
		if pg.Totals.Behaviours > 0 { // else it is a tombstone
			record = c.partition.appendPage(record, pg, &pg.Totals)
		}
		pg.preImage = c.records.end(record)
		return
	}
	pg.preImage = c.preImages.add(&pg.Totals, pg.day)
	if label := c.partition.labels.get(&pg.Page); label != nil {
		if c.labels == nil {
			c.labels = make(map[*page]*codec.StampedLabel)
		}
		c.labels[pg] = label
	}
}

// preImages holds totals that pages had at a checkpoint. They lie in blocks that never move
// and that the next checkpoint reuses: a growing slice would leave as much garbage as it holds.
type preImages struct {
	blocks []*[preImageBlock]heat.Totals
	days   []codec.Day // that pages had, up to the last that had one
	count  int
}

const (
	preImageBits  = 10
	preImageBlock = 1 << preImageBits // totals in a block
)

// add stores totals and a day, and returns their number.
func (l *preImages) add(t *heat.Totals, day codec.Day) int32 {
	if l.count>>preImageBits == len(l.blocks) {
		l.blocks = append(l.blocks, new([preImageBlock]heat.Totals))
	}
	*l.at(int32(l.count)) = *t
	if day > 0 {
		l.days = append(append(l.days, make([]codec.Day, l.count-len(l.days))...), day)
	}
	l.count++
	return int32(l.count - 1)
}

// at returns the totals with a number.
func (l *preImages) at(number int32) *heat.Totals {
	return &l.blocks[number>>preImageBits][number&(preImageBlock-1)]
}

// day returns the day with a number.
func (l *preImages) day(number int32) codec.Day {
	if int(number) >= len(l.days) {
		return 0
	}
	return l.days[number]
}

// Forgets are the requests to forget pages that the checkpoint takes in: they must be written in the same transaction
// as its records.
func (c *Checkpoint) Forgets() []*codec.Forget {
	var requests []*codec.Forget
	for _, t := range c.taken {
		if t.request != nil {
			requests = append(requests, t.request)
		}
	}
	return requests
}

// Next appends the next record's value to dst and returns it with its key. Nothing is appended for a page that was
// removed: its record is a tombstone. The last
// record is the progress; after it, more is false. The result is valid even if the
// partition fails meanwhile, see [Partition.Failed].
func (c *Checkpoint) Next(dst []byte) (key string, value []byte, more bool) {
	if c.next == len(c.pages) {
		if len(c.taken) > 0 {
			t := c.taken[0]
			c.taken = c.taken[1:]
			return codec.ForgottenKey(t.hash), codec.AppendForgotten(dst, t.forgotten), true
		}
		if len(c.sweeps) > 0 {
			s := c.sweeps[0]
			c.sweeps = c.sweeps[1:]
			return s.Key(), codec.AppendSweep(dst, s), true
		}
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
		value = dst
		if pg.Totals.Behaviours > 0 {
			value = c.partition.appendPage(dst, pg, &pg.Totals)
		}
		key = pg.Name // the page may be freed
		c.partition.mu.Lock()
		err := c.partition.pages.written(pg, value[len(dst):])
		c.partition.mu.Unlock()
		if err != nil {
			_ = c.partition.fail(err)
		}
		return key, value, true
	}
	if len(c.partition.boards) > 0 {
		return pg.Name, append(dst, c.records.at(pg.preImage)...), true
	}
	if c.preImages.at(pg.preImage).Behaviours == 0 {
		return pg.Name, dst, true
	}
	return pg.Name, codec.AppendPage(dst, c.preImages.at(pg.preImage), c.labels[pg], c.preImages.day(pg.preImage), 0), true
}

// Len is the number of records of the checkpoint that Next has yet to return.
func (c *Checkpoint) Len() int {
	n := len(c.pages) - c.next + len(c.taken) + len(c.sweeps)
	if !c.finished {
		n++
	}
	return n
}

// Size is the number of pages in the checkpoint.
func (c *Checkpoint) Size() int { return len(c.pages) }

// Progress is the progress that the checkpoint was taken at.
func (c *Checkpoint) Progress() *codec.Progress { return &c.progress }

// Committed tells the partition that the transaction with all records of the checkpoint is
// committed. The last record has the given offset in the changelog.
func (c *Checkpoint) Committed(offset int64) {
	p := c.partition
	if p.checkpoint == c {
		p.checkpoint = nil
		p.spare = c.pages[:0]
		p.preImages = c.preImages.blocks
		p.records = c.records.emptied()
		p.offset = offset
		p.committedBoards(c.progress.Boards)
	}
}
