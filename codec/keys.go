package codec

import (
	"strconv"
	"strings"
)

// Kind is what a record of a table is about that is no page's.
type Kind string

// The kinds of records under internal keys.
const (
	// KindProgress: a [Progress].
	KindProgress Kind = "progress"
	// KindFence: a [Fence].
	KindFence Kind = "fence"
	// KindKept: a [Kept].
	KindKept Kind = "kept"
	// KindForgotten: a [Forgotten].
	KindForgotten Kind = "forgotten"
	// KindSweep: a [Sweep].
	KindSweep Kind = "sweep"
	// KindEpoch: an [Epoch].
	KindEpoch Kind = "epoch"
	// KindPosition: an [EventsPosition].
	KindPosition Kind = "position"
	// KindUnknown: an internal key that this program does not know.
	KindUnknown Kind = ""
)

// internalMark begins every internal key. No page's name can contain it.
const internalMark = "|"

// ProgressKey returns the key of the progress of a heat partition. It names the
// partition since goka gives a producer the key only.
func ProgressKey(partition int32) string { return partitionKey(KindProgress, partition) }

// FenceKey returns the key of the fence of a heat partition.
func FenceKey(partition int32) string { return partitionKey(KindFence, partition) }

// KeptKey returns the key of the [Kept] of a heat partition.
func KeptKey(partition int32) string { return partitionKey(KindKept, partition) }

// EpochKey returns the key of the ranking's epoch.
func EpochKey() string { return internalMark + string(KindEpoch) }

// EventsPositionKey returns the key of the position of events in the output.
func EventsPositionKey() string { return internalMark + string(KindPosition) }

func partitionKey(kind Kind, partition int32) string {
	return internalMark + string(kind) + internalMark + strconv.Itoa(int(partition))
}

// InternalKey reports whether a table's key is one of ours and not a page's name,
// and if so what its record is and of which partition (0 for the epoch, the position, forgotten pages and sweeps). A key
// that begins as ours do, and is none that this program knows, is of
// [KindUnknown]: it is still no page.
func InternalKey(key string) (kind Kind, partition int32, ok bool) {
	name, isInternal := strings.CutPrefix(key, internalMark)
	if !isInternal {
		return KindUnknown, 0, false
	}
	switch key {
	case EpochKey():
		return KindEpoch, 0, true
	case EventsPositionKey():
		return KindPosition, 0, true
	}
	if _, ok := ForgottenHash(key); ok {
		return KindForgotten, 0, true
	}
	if isSweepKey(key) {
		return KindSweep, 0, true
	}
	name, digits, _ := strings.Cut(name, internalMark)
	kind = Kind(name)
	number, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || kind != KindProgress && kind != KindFence && kind != KindKept || key != partitionKey(kind, int32(number)) {
		return KindUnknown, 0, true
	}
	return kind, int32(number), true
}
