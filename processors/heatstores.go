package processors

import (
	"slices"

	"pageheat/failure"
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

// Follow is how a standby goes on with a heat partition after an error.
type Follow uint8

const (
	// FollowOn reads it on from where it is, with the next try.
	FollowOn Follow = iota
	// FollowAnew discards it and reads it from the beginning, with the next try.
	FollowAnew
	// FollowNoMore leaves it to a take-over, which says what is wrong: its records cannot be trusted.
	FollowNoMore
)

// AfterFollowing is how a standby goes on after an error of following a partition. Gone says that the changelog
// no longer has what comes next: it was deleted, or the log ends before it. Failed says that the
// partition itself has failed, see [store.Partition.Failed].
func AfterFollowing(err error, gone, failed bool) Follow {
	switch {
	case !gone && !failed:
		return FollowOn
	case failure.As(err) == nil:
		return FollowAnew
	default:
		return FollowNoMore
	}
}
