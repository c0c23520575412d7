package processors

import (
	"slices"

	"pageheat/store"
)

// HeatStores are the heat partitions that a process holds from one session to the next, so
// that a take-over has little to restore, or nothing: see [ResumeHeat]. It belongs to one
// goroutine at a time.
type HeatStores struct {
	standby bool
	kept    map[int32]*store.Partition
}

// NewHeatStores returns the stores of a process that holds none yet. A standby also keeps
// the partitions that other instances own, and follows them.
func NewHeatStores(standby bool) *HeatStores {
	return &HeatStores{standby: standby, kept: make(map[int32]*store.Partition)}
}

// Begin begins a session that owns partitions. It returns the partitions that are kept no
// longer: others own them, and what is here would only get older.
func (k *HeatStores) Begin(owned []int32) (others []*store.Partition) {
	for p, partition := range k.kept {
		if !k.standby && !slices.Contains(owned, p) {
			delete(k.kept, p)
			others = append(others, partition)
		}
	}
	return others
}

// Take hands over a partition that was kept, nil if there is none.
func (k *HeatStores) Take(p int32) *store.Partition {
	partition := k.kept[p]
	delete(k.kept, p)
	return partition
}

// Keep keeps a partition whose session, restore or standby has ended, and reports whether it
// does: only if there was no fault, and all that is in memory is known to be in the
// changelog. The end of a session is no fault. A partition that is not kept must be discarded.
func (k *HeatStores) Keep(p *store.Partition, fault error) bool {
	if fault != nil || !p.Clean() || k.kept[p.ID()] != nil {
		return false
	}
	k.kept[p.ID()] = p
	return true
}
