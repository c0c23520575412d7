package accesslog

import "hash/maphash"

// Remembered is how many of the last pairs of client and page are remembered at least.
const Remembered = 1_000_000

// seen remembers pairs of client and page, by 128 bits of a keyed hash: nobody can make two
// pairs alike. The older half is forgotten when there is no more room.
type seen struct {
	seeds        [2]maphash.Seed
	newer, older map[[2]uint64]struct{}
	most         int // of each half; 0 means Remembered
}

// add remembers a pair, and reports whether it was remembered already.
func (s *seen) add(client, page string) bool {
	if s.newer == nil {
		s.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
		s.newer, s.older = map[[2]uint64]struct{}{}, map[[2]uint64]struct{}{}
	}
	var key [2]uint64
	for i, seed := range s.seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		_, _ = h.WriteString(client) // it never fails
		_ = h.WriteByte(0)           // no page contains it
		_, _ = h.WriteString(page)
		key[i] = h.Sum64()
	}
	if _, is := s.newer[key]; is {
		return true
	}
	_, is := s.older[key]
	most := s.most
	if most == 0 {
		most = Remembered
	}
	if len(s.newer) >= most {
		clear(s.older)
		s.newer, s.older = s.older, s.newer
	}
	s.newer[key] = struct{}{}
	return is
}
