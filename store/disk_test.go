package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/store"
)

// visits is a range with a given number of behaviours of pages chosen at random, those with low
// numbers much more often.
func visits(random *rand.Rand, to int64, pages, count int) []byte {
	sums := map[string]heat.Totals{}
	for range count {
		name := fmt.Sprint("page", int(float64(pages)*random.Float64()*random.Float64()))
		t := sums[name]
		t.Count(heat.Behaviour{Clicks: 1, Like: 1})
		sums[name] = t
	}
	return sumsOf(to, sums)
}

// fall is a range in which the first of the pages, who lead, are disliked by many.
func fall(to int64, pages int) []byte {
	sums := map[string]heat.Totals{}
	for i := range pages {
		sums[fmt.Sprint("page", i)] = heat.Totals{Likes: -100, Behaviours: 100}
	}
	return sumsOf(to, sums)
}

// span is how many offsets such a range has.
const span = 1_000_000

func sumsOf(to int64, sums map[string]heat.Totals) []byte {
	h := codec.RangeHeader{Input: input(), Targets: parts, Target: part, From: to, To: to + span, Limits: heat.DefaultLimits()}
	b := codec.AppendRangeHeader(nil, h, len(sums))
	for name, t := range sums {
		if name[len(name)-1]%2 == 0 { // half of the pages
			b = codec.AppendPageLabel(b, &h, 0, &codec.StampedLabel{Label: codec.NewLabel(fmt.Sprint("Title ", to), ""), Stamp: codec.Stamp{Timestamp: to % 7, Offset: to + 1}})
		}
		b = codec.AppendPageSum(b, name, &t)
	}
	return b
}

// With many more pages than it has in memory, also where the heat falls and while
// checkpoints are written, the store on disk gives what the store in memory gives. So does
// one that is restored from what it has written.
func TestDiskIsAsMemory(t *testing.T) {
	const pages = 8000
	rounds := int64(300)
	if testing.Short() {
		rounds = 150
	}
	disk := openDisk(t, t.TempDir())
	disk.WriteAt(100)
	on := func() *store.Partition {
		p, err := disk.New(config(10))
		require.NoError(t, err)
		return p
	}
	onDisk, inMemory := on(), store.New(config(10))
	random := rand.New(rand.NewPCG(1, 2))
	var checkpoint *store.Checkpoint
	var written []record
	least := pages
	for round := range rounds {
		msg := visits(random, round*span-1, pages, 200)
		if round%120 == 119 {
			msg = fall(round*span-1, pages*3/4) // the index goes through all pages again
		}
		for _, p := range []*store.Partition{onDisk, inMemory} {
			p.Begin(behavior(), 0)
			_, err := p.Apply(msg, round)
			require.NoError(t, err)
		}
		var got, want codec.Leaders
		onDisk.Leaders(&got)
		inMemory.Leaders(&want)
		require.Equal(t, want, got, "round %d", round)
		require.Equal(t, inMemory.Len(), onDisk.Len())
		if checkpoint == nil {
			checkpoint = onDisk.Checkpoint()
		}
		for range 220 { // so that checkpoints span rounds
			key, value, more := checkpoint.Next(nil)
			if !more {
				checkpoint.Committed(round)
				checkpoint = nil
				break
			}
			written = append(written, record{key, value})
		}
		if round > 50 {
			least = min(least, onDisk.Resident())
		}
	}
	require.Less(t, least, onDisk.Len()/2, "most pages are on disk alone")
	for checkpoint != nil {
		key, value, more := checkpoint.Next(nil)
		if !more {
			checkpoint.Committed(rounds)
			break
		}
		written = append(written, record{key, value})
	}
	if checkpoint = onDisk.Checkpoint(); checkpoint != nil {
		written = append(written, drain(t, checkpoint, rounds)...)
	}
	require.True(t, onDisk.Clean())

	restored := on()
	restore(t, restored, written...)
	for _, p := range []*store.Partition{onDisk, restored} {
		require.NoError(t, p.Check())
		require.Equal(t, inMemory.Len(), p.Len())
		for i := range pages {
			name := fmt.Sprint("page", i)
			want, known, _ := inMemory.Page(name)
			got, ok, _ := p.Page(name)
			require.Equal(t, known, ok, name)
			require.Equal(t, want, got, name)
		}
		var got, want codec.Leaders
		p.Leaders(&got)
		inMemory.Leaders(&want)
		require.Equal(t, want.Pages, got.Pages)
		require.Equal(t, want.Labels, got.Labels)
		require.NotEmpty(t, want.Labels)
	}
}

// What has changed and is not written is in memory: it says when it is too much, and
// writing makes room again.
func TestDiskBoundsWhatIsInMemory(t *testing.T) {
	disk := openDisk(t, t.TempDir())
	p, err := disk.New(config(10))
	require.NoError(t, err)
	p.Begin(behavior(), 0)
	to, n := int64(-1), 0
	fill := func(enough func() bool) {
		for !enough() {
			pages := map[string]uint64{}
			for range 1000 {
				n++
				pages[fmt.Sprintf("%01000d", n)] = 1 // long names take much
			}
			applyLong(t, p, &to, 1000, pages)
		}
	}
	require.False(t, p.Crowded())
	fill(p.Crowded)
	require.False(t, p.Full())
	first := p.Dirty()
	checkpoint := p.Checkpoint()
	fill(p.Full)
	require.Less(t, n, 50_000)
	drain(t, checkpoint, 0)
	require.False(t, p.Full(), "it has written the first %d pages", first)
	drain(t, p.Checkpoint(), 0)
	require.False(t, p.Crowded())
	require.Less(t, p.Resident(), 4000)
	require.NoError(t, p.Check())
	require.Equal(t, n, p.Len())
}

func TestDiskIsOfOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "store")
	first, err := store.OpenDisk(dir)
	require.NoError(t, err)
	_, err = store.OpenDisk(dir)
	require.ErrorIs(t, err, store.ErrDirInUse)
	require.ErrorContains(t, err, dir)
	require.NoError(t, first.Close())
	openDisk(t, dir)
}

// What an earlier process left is deleted, and what is not its own is left alone.
func TestDiskBeginsEmpty(t *testing.T) {
	dir := t.TempDir()
	left, other := filepath.Join(dir, "partition-3-1"), filepath.Join(dir, "photos")
	for _, d := range []string{left, other} {
		require.NoError(t, os.MkdirAll(d, 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(d, "CURRENT"), []byte("left by another"), 0o600))
	}
	disk := openDisk(t, dir)
	require.NoDirExists(t, left)
	require.FileExists(t, filepath.Join(other, "CURRENT"))

	p, err := disk.New(config(10))
	require.NoError(t, err)
	require.DirExists(t, left)
	require.NoError(t, p.Discard())
	require.NoDirExists(t, left, "and a partition that is given up leaves nothing")
	require.NoError(t, p.Discard())
	require.Error(t, p.Failed())
	_, err = p.Apply(rangeOf(codec.RangeHeader{From: -1, To: 1}, map[string]uint64{"a": 1}), 0)
	require.Error(t, err)
}

func TestDiskThatCanNotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := store.OpenDisk(file)
	require.ErrorIs(t, err, store.ErrDisk)
	require.ErrorContains(t, err, file)

	disk := openDisk(t, filepath.Join(filepath.Dir(file), "store"))
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(file), "store", "partition-3-1"), nil, 0o600))
	_, err = disk.New(config(10))
	require.ErrorIs(t, err, store.ErrDisk)
}

// A disk that fails makes the partition unfit, whatever it is doing; the error says
// where and what to do.
func TestDiskFails(t *testing.T) {
	for name, use := range map[string]func(t *testing.T, p *store.Partition) error{
		"reading pages": func(t *testing.T, p *store.Partition) error {
			_, err := p.Apply(rangeOf(codec.RangeHeader{From: 9, To: 11}, map[string]uint64{"new": 1}), 1)
			return err
		},
		"writing a checkpoint": func(t *testing.T, p *store.Partition) error {
			drain(t, p.Checkpoint(), 0)
			return p.Failed()
		},
		"restoring": func(t *testing.T, p *store.Partition) error {
			p.Resume()
			r := pageRecord("new", 1)
			require.NoError(t, p.Set(r.key, r.value), "it is gathered")
			return p.Check()
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			disk := openDisk(t, dir)
			disk.WriteAt(1)
			p, err := disk.New(config(10))
			require.NoError(t, err)
			p.Begin(behavior(), 0)
			require.NoError(t, p.MarkRecovered())
			to := int64(-1)
			apply(t, p, &to, map[string]uint64{"a": 1})
			require.NoError(t, p.CloseFiles())
			_, _, err = p.Totals("new")
			require.ErrorIs(t, err, store.ErrDisk)
			require.NoError(t, p.Failed(), "a reader changes nothing")
			err = use(t, p)
			require.ErrorIs(t, err, store.ErrDisk)
			require.ErrorContains(t, err, filepath.Join(dir, "partition-3-1"))
			require.ErrorContains(t, err, "has space")
			require.ErrorIs(t, p.Failed(), store.ErrDisk)
			require.ErrorIs(t, p.Check(), store.ErrDisk)
			require.Nil(t, p.Checkpoint())
			require.False(t, p.Clean())
			require.NoError(t, p.Discard(), "its files can be deleted all the same")
			require.NoDirExists(t, filepath.Join(dir, "partition-3-1"))

			again, err := disk.New(config(10))
			require.NoError(t, err)
			require.NoError(t, again.Check(), "another takes its place")
		})
	}
}
