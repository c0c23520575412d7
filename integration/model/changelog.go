package model

import "slices"

// fate is the outcome of a transaction.
type fate uint8

const (
	open fate = iota
	committed
	aborted
)

// transaction is one transaction on a changelog.
type transaction struct {
	epoch   int
	fate    fate
	began   int64 // offset of its first record
	records int
}

// record is one record of a changelog.
type record struct {
	offset      int64
	key         string
	value       []byte
	transaction *transaction
}

// cell is the newest committed record of a key.
type cell struct {
	offset int64
	value  []byte
}

// changelog is one partition of a group table, with the transactional.id that writes it. A
// producer is identified by its epoch from takeOver.
type changelog struct {
	name    string
	records []record
	next    int64
	epoch   int
	open    []*transaction  // at most one with fencing
	table   map[string]cell // result of a read of all committed records
	fencing bool
}

func newChangelog(name string, fencing bool) *changelog {
	return &changelog{name: name, table: make(map[string]cell), fencing: fencing}
}

// takeOver makes the caller the owner of the transactional.id. It aborts the previous owner's
// open transaction and fences it.
func (c *changelog) takeOver() (epoch int) {
	if c.fencing {
		c.abort()
	}
	c.epoch++
	return c.epoch
}

// expire aborts an open transaction that timed out. Its owner is fenced.
func (c *changelog) expire() bool {
	if len(c.open) == 0 {
		return false
	}
	c.abort()
	if c.fencing {
		c.epoch++
	}
	return true
}

func (c *changelog) abort() {
	for _, t := range c.open {
		t.fate = aborted
		c.next++ // the marker
	}
	c.open = c.open[:0]
}

// transactionOf returns the open transaction of an epoch, nil if there is none.
func (c *changelog) transactionOf(epoch int) *transaction {
	for _, t := range c.open {
		if t.epoch == epoch {
			return t
		}
	}
	return nil
}

// begin returns the epoch's transaction, a new one if it has none. It returns false if the epoch is fenced.
func (c *changelog) begin(epoch int) (t *transaction, ok bool) {
	if c.fencing && epoch != c.epoch {
		return nil, false
	}
	if t = c.transactionOf(epoch); t == nil {
		t = &transaction{epoch: epoch, began: c.next}
		c.open = append(c.open, t)
	}
	return t, true
}

// write adds a record to the epoch's transaction. It returns false if the epoch is fenced.
func (c *changelog) write(epoch int, key string, value []byte) (offset int64, ok bool) {
	t, ok := c.begin(epoch)
	if !ok {
		return 0, false
	}
	offset = c.next
	c.records = append(c.records, record{offset, key, append([]byte(nil), value...), t})
	t.records++
	c.next++
	return offset, true
}

// commit commits the epoch's transaction. It returns false if the epoch is fenced or its
// transaction was aborted.
func (c *changelog) commit(epoch int) bool {
	t := c.transactionOf(epoch)
	if t == nil || c.fencing && epoch != c.epoch {
		return false
	}
	t.fate = committed
	for i, o := range c.open {
		if o == t {
			c.open = append(c.open[:i], c.open[i+1:]...)
			break
		}
	}
	c.next++ // the marker
	for i := len(c.records) - 1; i >= 0 && c.records[i].offset >= t.began; i-- {
		if r := &c.records[i]; r.transaction == t && r.offset >= c.table[r.key].offset {
			c.table[r.key] = cell{r.offset, r.value}
		}
	}
	return true
}

// stable returns the last stable offset: below it every transaction has ended.
func (c *changelog) stable() int64 {
	end := c.next
	for _, t := range c.open {
		end = min(end, t.began)
	}
	return end
}

// read returns the first committed record at an offset in [from, to].
func (c *changelog) read(from, to int64) (record, bool) {
	for i := range c.records {
		if r := &c.records[i]; r.offset >= from && r.offset <= to && r.transaction.fate == committed {
			return *r, true
		}
	}
	return record{}, false
}

// compact changes the changelog to a state that compaction may leave: below a point, only the
// newest committed record of each key. It does not wait for restores in progress: one that
// misses a page misses its fence too, because only an owner with a newer fence writes that page
// again.
func (w *world) compact(c *changelog) {
	point := c.stable()
	if point <= 0 {
		return
	}
	point = int64(w.n(int(point))) + 1
	records, taken := compacted(c.records, point)
	w.counts.Compacted += uint64(taken)
	w.say("compaction of %s up to offset %d takes %d records", c.name, point, taken)
	c.records = records
}

// compacted returns what compaction leaves: below a point, only the newest committed record of each key.
func compacted(records []record, point int64) (left []record, taken int) {
	newer := make(map[string]bool)
	kept := len(records)
	for _, r := range slices.Backward(records) {
		if r.offset < point {
			if r.transaction.fate == aborted || newer[r.key] {
				continue
			}
			newer[r.key] = true
		}
		kept--
		records[kept] = r
	}
	return append(records[:0], records[kept:]...), kept
}
