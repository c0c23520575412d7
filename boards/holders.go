package boards

import (
	"iter"
	"maps"
	"slices"
)

// Holders says which pages have behaviours in which slot of a board, so that only these are visited
// when T advances. P is what the caller knows a page by. The zero value has no pages.
//
// It is not safe for concurrent use.
type Holders[P any] struct {
	slots map[Slot][]P
}

// Note notes that a page has behaviours in a slot: when [State.Add] says that it is fresh, and for each
// of [State.Slots] of a decoded state. A page noted twice is visited twice.
func (h *Holders[P]) Note(s Slot, page P) {
	if h.slots == nil {
		h.slots = map[Slot][]P{}
	}
	h.slots[s] = append(h.slots[s], page)
}

// In returns the pages that are noted in a slot, some perhaps twice. They belong to the holders.
func (h *Holders[P]) In(s Slot) []P { return h.slots[s] }

// Len returns how many pages are noted in a slot.
func (h *Holders[P]) Len(s Slot) int { return len(h.slots[s]) }

// Leave forgets the slots before first, and yields their pages in pieces of no more than most.
func (h *Holders[P]) Leave(first Slot, most int) iter.Seq[[]P] {
	return func(yield func([]P) bool) {
		for s, pages := range h.slots {
			if s >= first {
				continue
			}
			delete(h.slots, s)
			for piece := range slices.Chunk(pages, max(most, 1)) {
				if !yield(piece) {
					return
				}
			}
		}
	}
}

// Drop forgets the slots before first, after their pages have been visited.
func (h *Holders[P]) Drop(first Slot) {
	maps.DeleteFunc(h.slots, func(s Slot, _ []P) bool { return s < first })
}

// Turn yields the pages whose sums on a board are different as of the slot to than as of the slot
// from, in pieces of no more than most pages: those with behaviours in a slot that begins to count, and
// those with behaviours in one that no longer does. (On a calendar board these are the pages of
// both periods.) A page may be yielded more than once. The pieces belong to the holders.
//
// Pages may be noted meanwhile. Those noted in a slot that counts as of to are the caller's: their
// sums are as of to already if it asks for them so.
func (h *Holders[P]) Turn(b *Board, from, to Slot, most int) iter.Seq[[]P] {
	changed := make([]Slot, 0, len(h.slots))
	for s := range h.slots {
		if b.Counts(s, from) != b.Counts(s, to) {
			changed = append(changed, s)
		}
	}
	slices.Sort(changed)
	return func(yield func([]P) bool) {
		for _, s := range changed {
			for piece := range slices.Chunk(h.slots[s], max(most, 1)) {
				if !yield(piece) {
					return
				}
			}
		}
	}
}
