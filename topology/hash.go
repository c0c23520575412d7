package topology

import (
	"hash"
	"hash/fnv"
)

// FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/
const (
	fnvOffset uint32 = 2166136261
	fnvPrime  uint32 = 16777619

	// low31 clears the top bit. goka converts the hash to an int32 and negates it if it is
	// negative, which does not work for 0x80000000: page "/t/cb8p5q" then has a negative
	// partition. Without the top bit nothing is negative, and all ways to compute a remainder
	// agree.
	low31 uint32 = 1<<31 - 1
)

// Hasher places keys. Pass it to everything in goka and sarama that accepts a hasher
// (goka.WithHasher, WithViewHasher, WithEmitterHasher, sarama.NewCustomHashPartitioner). The
// hash is FNV-1a without its top bit.
func Hasher() func() hash.Hash32 {
	return func() hash.Hash32 { return pageHash{fnv.New32a()} }
}

// pageHash is FNV-1a without the top bit.
type pageHash struct{ hash.Hash32 }

func (h pageHash) Sum32() uint32 { return h.Hash32.Sum32() & low31 }

func (h pageHash) Sum(b []byte) []byte {
	s := h.Sum32()
	return append(b, byte(s>>24), byte(s>>16), byte(s>>8), byte(s))
}

// Partition returns the partition of a page for a number of partitions (above 0): the same as
// goka and sarama compute with [Hasher], without an allocation.
func Partition[P []byte | string](page P, partitions int) int32 {
	return PartitionOf(Hash(page), partitions)
}

// Hash returns the hash of a page that its partition follows from, for any number of partitions.
func Hash[P []byte | string](page P) uint32 {
	h := fnvOffset
	for i := range len(page) {
		h = (h ^ uint32(page[i])) * fnvPrime
	}
	return h & low31
}

// PartitionOf returns the partition of a page with a hash, for a number of partitions (above 0).
func PartitionOf(hash uint32, partitions int) int32 { return int32(hash&low31) % int32(partitions) }
