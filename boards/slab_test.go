package boards

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestSlabIsAMapOfPieces: what is in the slots of a slab is what is in the pieces of a map, however they are taken and given
// back, and a slab of which nothing is taken has nothing.
func TestSlabIsAMapOfPieces(t *testing.T) {
	sizes := rapid.OneOf(rapid.IntRange(1, 64), rapid.IntRange(65, largestSlot), rapid.IntRange(largestSlot-1, 3*largestSlot))
	rapid.Check(t, func(t *rapid.T) {
		var s slab
		pieces := map[slot][]byte{}
		var taken []slot
		stamp := byte(0)
		give := func(i int) {
			p := taken[i]
			require.True(t, bytes.HasPrefix(s.bytes(p), pieces[p]))
			s.give(p)
			delete(pieces, p)
			taken = slices.Delete(taken, i, i+1)
		}
		t.Repeat(map[string]func(*rapid.T){
			"take some of a size": func(t *rapid.T) {
				size := sizes.Draw(t, "size")
				for range rapid.IntRange(1, 40).Draw(t, "count") {
					p := s.take(size)
					require.NotContains(t, pieces, p)
					require.NotEqual(t, slot{}, p)
					stamp++
					pieces[p] = bytes.Repeat([]byte{stamp}, size)
					require.GreaterOrEqual(t, len(s.bytes(p)), size)
					require.Equal(t, len(s.bytes(p)), cap(s.bytes(p)))
					memory := s.bytes(p)
					for i := range memory {
						memory[i] = stamp
					}
					taken = append(taken, p)
				}
			},
			"give some back": func(t *rapid.T) {
				for range rapid.IntRange(0, len(taken)).Draw(t, "count") {
					give(rapid.IntRange(0, len(taken)-1).Draw(t, "which"))
				}
			},
			"": func(t *rapid.T) {
				held := 0
				for _, c := range s.chunks {
					held += len(c.bytes)
				}
				require.Equal(t, held, s.held)
				for p, piece := range pieces {
					require.True(t, bytes.HasPrefix(s.bytes(p), piece))
				}
			},
		})
		for len(taken) > 0 {
			give(len(taken) - 1)
		}
		assert.Zero(t, s.held)
		assert.Zero(t, s.roomy)
		for _, c := range s.chunks {
			assert.Equal(t, chunk{}, c)
		}
	})
}

// TestSlotsAreTakenAgain: a slab whose slots are given back and taken again does not grow, and one of which some
// are given back takes these first.
func TestSlotsAreTakenAgain(t *testing.T) {
	const count = 10_000
	random := slices.Repeat([]int{8, 11, 40, 200, 64, 1000, 17, largestSlot + 1}, count/8)
	var s slab
	var taken []slot
	for _, size := range random {
		taken = append(taken, s.take(size))
	}
	held, chunks := s.held, len(s.chunks)
	for round := range 20 {
		for i := round % 3; i < count; i += 3 {
			s.give(taken[i])
		}
		for i := round % 3; i < count; i += 3 {
			taken[i] = s.take(random[i])
		}
		assert.Equal(t, held, s.held)
		assert.Len(t, s.chunks, chunks)
	}
}

// TestClasses: each size has the smallest class that has room for it, and little of it stays empty.
func TestClasses(t *testing.T) {
	for size := 1; size <= largestSlot; size++ {
		class := classOf(size)
		assert.GreaterOrEqual(t, sizeOf(class), size)
		if class > 0 {
			assert.Less(t, sizeOf(class-1), size)
		}
		assert.Zero(t, sizeOf(class)%unit)
		if size > perDoubling*unit {
			assert.Less(t, sizeOf(class)-size, size/perDoubling)
		}
	}
	assert.Equal(t, classes-1, classOf(largestSlot))
}
