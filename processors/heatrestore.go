package processors

import (
	"errors"
	"fmt"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/store"
)

// ErrRestore says that a restore did not reach the fence of its take-over. A retry may
// succeed.
var ErrRestore = errors.New("the restore did not reach the fence")

// ErrBehaviorTopic says that the behaviour topic does not match the table: it was
// deleted and recreated, or has lost records. It is permanent.
var ErrBehaviorTopic = errors.New("the behaviour topic does not match the table")

// ResumeHeat makes a kept or an empty partition ready to be restored up to the fence of
// a take-over, which is at an offset of the changelog. It reports whether that is done
// already: where one control record lies between the last transaction of this process
// and its fence, no other owner wrote, and there is nothing to fetch.
func ResumeHeat(p *store.Partition, fence codec.Fence, fenceAt int64) (whole bool) {
	p.Resume()
	at, _ := p.GetOffset(-1)
	if whole = at >= 0 && fenceAt == at+2; whole {
		p.Refence(fence, fenceAt)
	}
	return whole
}

// RestoredRanking returns an error that wraps ErrRestore unless the fence that was restored,
// nil for none, is that of the owner.
func RestoredRanking(fence []byte, owner string) error {
	f, err := codec.DecodeFence(fence)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRestore, err)
	}
	if f.Owner != owner {
		return ErrRestore
	}
	return nil
}

// HeatFound is what the owner of a heat partition found when it took the partition over.
type HeatFound struct {
	// Owner is the owner's name in its fence.
	Owner string
	// Behavior is the id of the behaviour topic.
	Behavior codec.TopicID
	// First is where the partition of the behaviour topic began before the take-over.
	// Later, the next owner may have deleted more, which this one would take for ranges
	// that are missing.
	First int64
}

// HeatRestored is the result of a restore.
type HeatRestored struct {
	// Next is the offset of the behaviour topic's partition that the table goes on
	// at, whatever the group's own offset says. The topic must reach that far.
	Next int64
	// From is where to read from: above Next where ranges were deleted before they were
	// applied. If they were not applied before, what follows is a gap.
	From int64
}

// RestoredHeat checks that a restore was complete and matches the behaviour topic, and
// returns where to continue. A partition without progress begins to count. The error wraps
// ErrRestore, ErrBehaviorTopic, or what is wrong with the partition. With a [store.DeletedError], the result says where
// to continue once the partition may: see [HeatDeleted].
func RestoredHeat(p *store.Partition, found HeatFound) (HeatRestored, error) {
	if fence, ok := p.Fence(); !ok || fence.Owner != found.Owner {
		return HeatRestored{}, ErrRestore
	}
	fault := p.Check()
	if _, deleted := errors.AsType[*store.DeletedError](fault); fault != nil && !deleted {
		return HeatRestored{}, fault
	}
	progress, started := p.Progress()
	// "pageheat reset --keep-totals" leaves a progress without a behaviour topic. (A broker
	// without topic ids gives the same zero each time.)
	fresh := !started || progress.Behavior.IsZero() && !found.Behavior.IsZero()
	switch {
	case fresh && found.First > 0:
		return HeatRestored{}, failure.New(failure.StartOver, "%w: it begins at offset %d, and the table has no progress in it",
			ErrBehaviorTopic, found.First)
	case fresh:
		p.Begin(found.Behavior, 0)
		progress, _ = p.Progress()
	case progress.Behavior != found.Behavior:
		return HeatRestored{}, failure.New(failure.Recreated, "%w: it was recreated: its topic id was %s and is %s", ErrBehaviorTopic, progress.Behavior, found.Behavior)
	}
	return HeatRestored{Next: progress.Next, From: max(progress.Next, found.First)}, fault
}

// CheckEnd returns an error that wraps ErrBehaviorTopic if the behaviour topic's partition
// ends below the offset at which the table goes on.
func (r HeatRestored) CheckEnd(end int64) error {
	if r.Next > end {
		return failure.New(failure.Recreated, "%w: it ends at offset %d, the table goes on at %d", ErrBehaviorTopic, end, r.Next)
	}
	return nil
}
