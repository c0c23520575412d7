package processors

import (
	"pageheat/codec"
	"pageheat/store"
)

// HeatDeleted is a restored heat partition that cannot continue yet: another program has deleted pages from the table,
// and their totals are gone. It waits until each of them is asked to be forgotten, which makes the loss legitimate. It
// belongs to one goroutine.
type HeatDeleted struct {
	partition  *store.Partition
	deleted    *store.DeletedError
	partitions int32
	missing    map[codec.PageHash]struct{} // pages that nobody has asked to be forgotten
}

// NewHeatDeleted returns what waits for requests to forget the pages of an error of [RestoredHeat]. The number is that
// of heat partitions.
func NewHeatDeleted(p *store.Partition, deleted *store.DeletedError, partitions int32) *HeatDeleted {
	d := &HeatDeleted{partition: p, deleted: deleted, partitions: partitions, missing: make(map[codec.PageHash]struct{}, len(deleted.Pages))}
	for _, page := range deleted.Pages {
		d.missing[codec.HashPage(page.Page)] = struct{}{}
	}
	return d
}

// Forget takes a record of the partition's part of the forget topic, as [HeatStage.Forget] does. It returns
// how many pages are still to be asked to be forgotten. With none left, the partition may be used, by a stage that is
// given all these records before anything else. An error is permanent.
func (d *HeatDeleted) Forget(key, value []byte) (left int, err error) {
	r, _, err := readForget(key, value, d.partition.ID(), d.partitions)
	if err != nil {
		return 0, err
	}
	if r == nil { // the stage refuses it again, and its caller says why
		return len(d.missing), nil
	}
	if delete(d.missing, r.Hash); len(d.missing) > 0 {
		return len(d.missing), nil
	}
	if err := d.partition.GiveUpDeleted(); err != nil {
		return 0, err
	}
	return 0, d.partition.Check()
}

// Waiting is the error without the pages that are asked to be forgotten.
func (d *HeatDeleted) Waiting() *store.DeletedError {
	waiting := *d.deleted
	waiting.Pages = nil
	for _, page := range d.deleted.Pages {
		if _, missing := d.missing[codec.HashPage(page.Page)]; missing {
			waiting.Pages = append(waiting.Pages, page)
		}
	}
	return &waiting
}
