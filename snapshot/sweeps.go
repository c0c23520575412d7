package snapshot

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"strconv"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/topology"
)

// Sweeps are those that may have dropped a page, in order: each has counted at least as far as the one before, and is for
// a later day.
type Sweeps []*codec.Sweep

// takeSweep takes the record of a sweep in a partition of the table.
func (f *Forgotten) takeSweep(partition int32, value []byte) error {
	s, err := codec.DecodeSweep(value)
	if err != nil {
		return err
	}
	f.AddSweep(partition, s)
	return nil
}

// AddSweep adds a sweep of which a partition of the table has the record.
func (f *Forgotten) AddSweep(partition int32, s *codec.Sweep) {
	all := slices.DeleteFunc(f.sweeps[partition], func(known *codec.Sweep) bool { return known.Key() == s.Key() }) // it was written again
	all = append(all, s)
	slices.SortFunc(all, func(a, b *codec.Sweep) int { return cmp.Compare(a.Number, b.Number) })
	f.sweeps[partition] = all
}

// HasSweeps reports whether pages were dropped because they had no behaviour for a time.
func (f *Forgotten) HasSweeps() bool { return f != nil && len(f.sweeps) > 0 }

// SweepsOf returns the sweeps that may have dropped a page, as far as they are about an input. The result must not be
// changed; pages share it.
func (f *Forgotten) SweepsOf(page []byte, input codec.TopicID) Sweeps {
	if !f.HasSweeps() {
		return nil
	}
	hash := topology.Hash(page)
	all := f.sweeps[topology.PartitionOf(hash, f.partitions)]
	key, last := make([]byte, 0, 64), int32(0)
	key = append(key, input[:]...)
	for _, s := range all { // pages of the same partitions, in all tables before, have the same sweeps
		if s.Partitions != last {
			last = s.Partitions
			key = append(strconv.AppendInt(append(key, '/'), int64(last), 10), '/')
			key = strconv.AppendInt(key, int64(topology.PartitionOf(hash, int(last))), 10)
		}
	}
	key = strconv.AppendInt(append(key, '/'), int64(topology.PartitionOf(hash, f.partitions)), 10)
	known, _ := f.shared.Load(string(key))
	if known, ok := known.(Sweeps); ok {
		return known
	}
	var of Sweeps
	for _, s := range all {
		if s.Input == input && topology.PartitionOf(hash, int(s.Partitions)) == s.Partition {
			of = append(of, s)
		}
	}
	f.shared.Store(string(key), of)
	return of
}

// AllSweeps returns the sweeps of all partitions, each once, in an order that keeps that of each partition.
func (f *Forgotten) AllSweeps() Sweeps {
	if !f.HasSweeps() {
		return nil
	}
	var all Sweeps
	known := map[string]bool{}
	for _, partition := range slices.Sorted(maps.Keys(f.sweeps)) {
		for _, s := range f.sweeps[partition] {
			if !known[s.Key()] {
				known[s.Key()] = true
				all = append(all, s)
			}
		}
	}
	return all
}

// Lives are the behaviours of a page by the times between sweeps that dropped it: those since the last one count. They
// may come in any order. The zero value is ready to use.
type Lives struct {
	// all are disjoint. Behaviours with a sweep between them that drops the page are in two of them.
	all []life
}

// life has behaviours between which no sweep drops the page. None from the first to the last of those with numbers from
// first to through does; if these are none, through is first - 1.
type life struct {
	first, through int
	totals         heat.Totals
}

// Count adds a behaviour at an offset of an input partition, of a day. A nil behaviour does not count, and keeps the page
// from being dropped all the same.
func (l *Lives) Count(sweeps Sweeps, partition int32, offset int64, day codec.Day, b *heat.Behaviour) {
	one := life{first: sort.Search(len(sweeps), func(i int) bool { return sweeps[i].Covers(sweeps[i].Input, partition, offset) })}
	one.through = one.first - 1 + sort.Search(len(sweeps)-one.first, func(i int) bool { return !sweeps[one.first+i].Spares(partition, offset, day) })
	if b != nil {
		one.totals.Count(*b)
	}
	l.all = slices.DeleteFunc(l.all, func(other life) bool {
		if other.first > one.through+1 || one.first > other.through+1 {
			return false
		}
		one.first, one.through = min(one.first, other.first), max(one.through, other.through)
		one.totals.Add(&other.totals)
		return true
	})
	l.all = append(l.all, one)
}

// Last returns the totals since the last of the sweeps that dropped the page, and those of all that came before.
func (l *Lives) Last(sweeps Sweeps) (last, before heat.Totals) {
	for i := range l.all {
		if one := &l.all[i]; one.through >= len(sweeps)-1 {
			last.Add(&one.totals)
		} else {
			before.Add(&one.totals)
		}
	}
	return last, before
}
