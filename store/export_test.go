package store

// WriteAt has new partitions write a given number of states at a time.
func (d *Disk) WriteAt(records int) { d.records = records }

// Resident is how many pages of a partition on disk are in memory.
func (p *Partition) Resident() int { return len(p.pages.(*diskPages).resident) }

// CloseFiles closes the files under a partition on disk, as a failure would.
func (p *Partition) CloseFiles() error { return p.pages.(*diskPages).db.Close() }

// Touched is how many pages of the first further board its index is to be told of.
func (p *Partition) Touched() int { return len(p.boards[0].touched) }
