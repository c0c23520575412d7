package store_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/store"
)

// part is the number of the partition in these tests.
const part = 3

// parts is how many there are.
const parts = 5

func config(top int) store.Config {
	return store.Config{ID: part, Partitions: parts, Scorer: heat.DefaultWeights(), Top: top}
}

func input() codec.TopicID    { return codec.TopicID{1} }
func behavior() codec.TopicID { return codec.TopicID{2} }

// totals are those of n behaviours of one click each.
func totals(n uint64) heat.Totals { return heat.Totals{Clicks: heat.Uint128{Lo: n}, Behaviours: n} }

// record is one record of the changelog.
type record struct {
	key   string
	value []byte
}

func pageRecord(page string, n uint64) record {
	t := totals(n)
	return record{page, codec.AppendPageState(nil, &t)}
}

func progressRecord(p codec.Progress) record {
	p.Partitions = parts
	return record{codec.ProgressKey(part), codec.AppendProgress(nil, &p)}
}

func restore(t require.TestingT, p *store.Partition, records ...record) {
	for _, r := range records {
		require.NoError(t, p.Set(r.key, r.value))
	}
	require.NoError(t, p.MarkRecovered())
}

func TestRestore(t *testing.T) { onBoth(t, testRestore) }

func testRestore(t *testing.T, s kind) {
	p := s.partition(t)
	_, started := p.Progress()
	require.False(t, started)
	_, fenced := p.Fence()
	require.False(t, fenced)

	progress := codec.Progress{Input: input(), Behavior: behavior(), Next: 9, Counted: 7, To: []int64{4, -1}, Begin: []int64{0, 0}, Lost: []uint64{2, 0}, Partitions: parts}
	fence := codec.Fence{Owner: "b", TakenAt: 5}
	restore(t, p,
		pageRecord("a", 2), pageRecord("b", 3),
		record{codec.FenceKey(part), codec.AppendFence(nil, codec.Fence{Owner: "a"})},
		pageRecord("a", 4), progressRecord(progress),
		record{codec.FenceKey(part), codec.AppendFence(nil, fence)})
	require.NoError(t, p.Check())
	got, started := p.Progress()
	require.True(t, started)
	require.Equal(t, progress, got)
	gotFence, _ := p.Fence()
	require.Equal(t, fence, gotFence)
	require.Equal(t, 2, p.Len())
	a, ok, _ := p.Totals("a")
	require.True(t, ok)
	require.Equal(t, totals(4), a)
	var l codec.Leaders
	p.Leaders(&l)
	require.Equal(t, []codec.Leader{{Page: "a", Totals: totals(4)}, {Page: "b", Totals: totals(3)}}, l.Pages)
	require.EqualValues(t, 7, l.Counted)
	require.True(t, p.Clean())
	require.Zero(t, p.Dirty())
}

// Between records of different keys, the order does not matter; of one key, the
// newest counts, whichever of the older ones compaction has left.
func TestRestoreInAnyOrderOfKeys(t *testing.T) { onBoth(t, testRestoreInAnyOrderOfKeys) }

func testRestoreInAnyOrderOfKeys(t *testing.T, s kind) {
	rapid.Check(t, func(t *rapid.T) {
		newest := map[string]uint64{}
		var counted uint64
		var keys []string
		versions := map[string][]record{}
		for _, page := range []string{"a", "b", "c", "d"}[:rapid.IntRange(1, 4).Draw(t, "pages")] {
			n := uint64(0)
			for range rapid.IntRange(1, 3).Draw(t, "versions") {
				n += rapid.Uint64Range(1, 5).Draw(t, "behaviours")
				keys = append(keys, page)
				versions[page] = append(versions[page], pageRecord(page, n))
			}
			newest[page] = n
			counted += n
		}
		key := codec.ProgressKey(part)
		keys = append(keys, key, key)
		versions[key] = []record{progressRecord(codec.Progress{Counted: 1}), progressRecord(codec.Progress{Counted: counted, Next: 8})}

		p := s.partition(t)
		for _, key := range rapid.Permutation(keys).Draw(t, "order") {
			r := versions[key][0]
			versions[key] = versions[key][1:]
			if len(versions[key]) > 0 && rapid.Bool().Draw(t, "compacted") {
				continue
			}
			require.NoError(t, p.Set(r.key, r.value))
		}
		require.NoError(t, p.MarkRecovered())
		require.NoError(t, p.Check())
		for page, n := range newest {
			got, _, _ := p.Totals(page)
			require.Equal(t, totals(n), got)
		}
	})
}

// What lies between two commits is never taken for a table.
func TestRestoreRefusesAPartOfATransaction(t *testing.T) {
	onBoth(t, testRestoreRefusesAPartOfATransaction)
}

func testRestoreRefusesAPartOfATransaction(t *testing.T, s kind) {
	rapid.Check(t, func(t *rapid.T) {
		p := s.partition(t)
		p.Begin(behavior(), 0)
		require.NoError(t, p.MarkRecovered())
		var log []record
		whole := map[int]bool{0: true}
		to := int64(-1)
		for range rapid.IntRange(1, 4).Draw(t, "commits") {
			for range rapid.IntRange(1, 4).Draw(t, "ranges") {
				apply(t, p, &to, rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), rapid.Uint64Range(1, 2), 1, 4).Draw(t, "pages"))
			}
			log = append(log, drain(t, p.Checkpoint(), int64(len(log)))...)
			whole[len(log)] = true
		}
		for end := range len(log) + 1 {
			restored := s.partition(t)
			restore(t, restored, log[:end]...)
			if whole[end] {
				require.NoError(t, restored.Check(), "%d of %d records", end, len(log))
			} else {
				require.Error(t, restored.Check(), "%d of %d records", end, len(log))
			}
		}
	})
}

func TestRestoreRefusesDamage(t *testing.T) { onBoth(t, testRestoreRefusesDamage) }

func testRestoreRefusesDamage(t *testing.T, s kind) {
	state := pageRecord("a", 1).value
	for name, r := range map[string]record{
		"a page state of another version": {"a", append([]byte{99}, state[1:]...)},
		"a page state cut short":          {"a", state[:len(state)-1]},
		"an empty page state":             {"a", []byte{}},
		"a page state of nothing":         pageRecord("a", 0),
		"a progress cut short":            {codec.ProgressKey(part), progressRecord(codec.Progress{Next: 1}).value[:9]},
		"a fence cut short":               {codec.FenceKey(part), []byte{1}},
		"the progress of another":         {codec.ProgressKey(part + 1), progressRecord(codec.Progress{}).value},
		"the fence of another":            {codec.FenceKey(part + 1), codec.AppendFence(nil, codec.Fence{})},
	} {
		p := s.partition(t)
		require.Error(t, p.Set(r.key, r.value), name)
		require.Error(t, p.Check(), name)
		require.False(t, p.Clean(), name)
		require.Nil(t, p.Checkpoint(), name)
	}
	for name, records := range map[string][]record{
		"more than was counted": {pageRecord("a", 3), progressRecord(codec.Progress{Counted: 2})},
		"less than was counted": {pageRecord("a", 1), progressRecord(codec.Progress{Counted: 2})},
		"nothing of it":         {progressRecord(codec.Progress{Counted: 2})},
		"no progress":           {pageRecord("a", 1)},
	} {
		p := s.partition(t)
		restore(t, p, records...)
		require.ErrorContains(t, p.Check(), "damaged", name)
		require.ErrorContains(t, p.Check(), "partition 3", name)
	}
}

// A table for another number of partitions is refused as that, and a record of a
// newer program too.
func TestRestoreSaysWhatIsWrong(t *testing.T) { onBoth(t, testRestoreSaysWhatIsWrong) }

func testRestoreSaysWhatIsWrong(t *testing.T, s kind) {
	other := codec.AppendProgress(nil, &codec.Progress{Partitions: 3})
	p := s.partition(t)
	err := p.Set(codec.ProgressKey(part), other)
	require.ErrorIs(t, err, codec.ErrOtherPartitions)
	require.ErrorContains(t, err, "P was 3 and is 5")

	p = s.partition(t)
	require.ErrorIs(t, p.Set("|later|7", []byte{1}), store.ErrUnknownKey)
	p = s.partition(t)
	require.ErrorIs(t, p.Set("a", append([]byte{99}, pageRecord("a", 1).value[1:]...)), codec.ErrVersion)
	p = s.partition(t)
	require.ErrorIs(t, p.Set("a\xC2", pageRecord("a", 1).value), codec.ErrMalformed)
}

// Somebody deletes a page. As long as the changelog still has its state, the page is
// as it was, and is written again; and nothing else is.
func TestRestoreUndoesTombstones(t *testing.T) { onBoth(t, testRestoreUndoesTombstones) }

func testRestoreUndoesTombstones(t *testing.T, s kind) {
	progress := progressRecord(codec.Progress{Behavior: behavior(), Counted: 7, Next: 8})
	p := s.partition(t)
	restore(t, p, pageRecord("a", 2), pageRecord("b", 3), pageRecord("c", 1), progress,
		record{key: "a"}, record{key: "never"}, record{key: "b"}, pageRecord("b", 4), record{key: progress.key})
	require.NoError(t, p.Check())
	require.Equal(t, 1, p.Mended())
	a, ok, _ := p.Totals("a")
	require.True(t, ok)
	require.Equal(t, totals(2), a)
	require.Equal(t, 3, p.Len())
	require.Equal(t, []record{pageRecord("a", 2), progress}, drain(t, p.Checkpoint(), 9))
	require.True(t, p.Clean())

	p = s.partition(t)
	restore(t, p, pageRecord("b", 3), progress, record{key: "a"})
	err := p.Check()
	require.ErrorIs(t, err, store.ErrDeleted, "its state is gone from the changelog too")
	require.ErrorContains(t, err, `"a"`)
}

// The totals of a deleted page are gone. Once it is asked to be forgotten, the partition continues without them, and the
// checkpoint that takes the request in makes the table whole.
func TestDeletedPagesCanBeForgotten(t *testing.T) { onBoth(t, testDeletedPagesCanBeForgotten) }

func testDeletedPagesCanBeForgotten(t *testing.T, s kind) {
	counted := codec.Progress{Input: input(), Behavior: behavior(), Counted: 9, Next: 8, To: []int64{5}, Begin: []int64{0}, Lost: []uint64{0}}
	left := []record{pageRecord("b", 3), pageRecord("c", 2), progressRecord(counted)}
	p := s.partition(t)
	for _, r := range left {
		require.NoError(t, p.Set(r.key, r.value))
	}
	require.NoError(t, p.Deleted("a", 17))
	require.NoError(t, p.Deleted("c", 18))
	require.NoError(t, p.Deleted(codec.KeptKey(part), 19))
	require.NoError(t, p.MarkRecovered())
	for range 2 { // it changes nothing
		var deleted *store.DeletedError
		require.ErrorAs(t, p.Check(), &deleted)
		require.Equal(t, []store.DeletedPage{{Page: "a", Offset: 17}}, deleted.Pages, "c is here")
		require.ErrorContains(t, deleted, `"a" at offset 17`)
		require.NoError(t, p.Failed())
	}

	require.NoError(t, p.GiveUpDeleted())
	require.NoError(t, p.Check())
	require.Equal(t, 1, p.Mended(), "c")
	r := forgetRequest(1, "a", false)
	require.NoError(t, p.Forget(r, forgetTopic(), 4))
	c, written := p.Checkpoint(), []record(nil)
	for key, value, more := c.Next(nil); more; key, value, more = c.Next(nil) {
		written = append(written, record{key, value})
	}
	c.Committed(30)
	require.True(t, p.Clean())
	require.Equal(t, record{"a", nil}, written[0])

	q := s.partition(t)
	restoreOwn(t, q, append([]record{left[0]}, written...)...)
	require.NoError(t, q.Check())
	require.Zero(t, q.Mended())
	require.Equal(t, 2, q.Len())
	require.Zero(t, known(t, q, "a"))
	progress, _ := q.Progress()
	require.EqualValues(t, 5, progress.Counted)
	f := q.Forgotten(r.Hash)
	require.NotNil(t, f)
	require.False(t, f.Counts(input(), 0, 5))
	require.True(t, f.Counts(input(), 0, 6))
}

// Where all deleted pages are known, one of them is older than what was counted: all may be.
func TestAnOlderStateOfADeletedPageIsNotTaken(t *testing.T) {
	onBoth(t, func(t *testing.T, s kind) {
		p := s.partition(t)
		restore(t, p, pageRecord("a", 2), pageRecord("b", 3), progressRecord(codec.Progress{Counted: 7}), record{key: "a"})
		require.ErrorContains(t, p.Check(), `"a"`)
		require.NoError(t, p.GiveUpDeleted())
		require.NoError(t, p.Check())
		require.NoError(t, p.Forget(forgetRequest(1, "a", false), forgetTopic(), 4))
		progress, _ := p.Progress()
		require.EqualValues(t, 3, progress.Counted)
		require.Equal(t, 1, p.Len())
	})
}

// Tombstones explain nothing where pages hold more than was counted.
func TestTombstonesDoNotExplainEverything(t *testing.T) {
	p := store.New(config(10))
	restore(t, p, pageRecord("b", 3), progressRecord(codec.Progress{Counted: 2}), record{key: "a"})
	require.ErrorContains(t, p.Check(), "the changelog is damaged")
	require.NotErrorIs(t, p.Failed(), store.ErrDeleted)
}

// goka hands each record that is written behind to Set as well: what is in memory
// is newer.
// A restore reads millions of records, of which each page has many.
func TestRestoringAKnownPageTakesNoMemory(t *testing.T) {
	p := store.New(config(10))
	state := codec.AppendPageState(nil, &heat.Totals{Behaviours: 1})
	for _, name := range []string{"/articles/2026/01/some-title", "/Straße"} {
		require.NoError(t, p.Set(name, state))
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if err := p.Set(name, state); err != nil {
				t.Error(err)
			}
		}), name)
	}
}

func TestSetIsIgnoredOutsideOfARestore(t *testing.T) { onBoth(t, testSetIsIgnoredOutsideOfARestore) }

func testSetIsIgnoredOutsideOfARestore(t *testing.T, s kind) {
	p := s.partition(t)
	restore(t, p, pageRecord("a", 2), progressRecord(codec.Progress{Counted: 2}))
	require.NoError(t, p.Set("a", pageRecord("a", 1).value))
	require.NoError(t, p.Set("new", []byte("not even a state")))
	got, _, _ := p.Totals("a")
	require.Equal(t, totals(2), got)
	require.Equal(t, 1, p.Len())
	require.NoError(t, p.Check())
}

// A kept partition takes what others have written since, and nothing else has to
// be read.
func TestKeptPartitionTakesWhatOthersWrote(t *testing.T) {
	onBoth(t, testKeptPartitionTakesWhatOthersWrote)
}

func testKeptPartitionTakesWhatOthersWrote(t *testing.T, s kind) {
	p := s.partition(t)
	p.Begin(behavior(), 0)
	require.NoError(t, p.MarkRecovered())
	to := int64(-1)
	apply(t, p, &to, map[string]uint64{"a": 1, "b": 2})
	drain(t, p.Checkpoint(), 10)
	at, err := p.GetOffset(-7)
	require.NoError(t, err)
	require.EqualValues(t, 12, at, "the last record of the transaction")

	p.Resume()
	restore(t, p, pageRecord("b", 5), pageRecord("c", 1),
		progressRecord(codec.Progress{Input: input(), Behavior: behavior(), Next: 4, Counted: 7, To: []int64{9}, Begin: []int64{0}, Lost: []uint64{0}}),
		record{codec.FenceKey(part), codec.AppendFence(nil, codec.Fence{Owner: "me again"})})
	require.NoError(t, p.Check())
	to = 9
	apply(t, p, &to, map[string]uint64{"b": 1})
	b, _, _ := p.Totals("b")
	require.Equal(t, totals(6), b)
}

func TestRefence(t *testing.T) { onBoth(t, testRefence) }

func testRefence(t *testing.T, s kind) {
	p := s.partition(t)
	p.Refence(codec.Fence{Owner: "me"}, 14)
	fence, ok := p.Fence()
	require.True(t, ok)
	require.Equal(t, "me", fence.Owner)
	at, err := p.GetOffset(-7)
	require.NoError(t, err)
	require.EqualValues(t, 14, at)
}

func TestStorageOfGoka(t *testing.T) { onBoth(t, testStorageOfGoka) }

func testStorageOfGoka(t *testing.T, s kind) {
	p := s.partition(t)
	require.NoError(t, p.Open())
	at, err := p.GetOffset(-7)
	require.NoError(t, err)
	require.EqualValues(t, -7, at, "never restored")
	require.NoError(t, p.SetOffset(0))
	at, _ = p.GetOffset(-7)
	require.Zero(t, at)

	r := pageRecord("a", 1)
	require.NoError(t, p.Set(r.key, r.value))
	for key, there := range map[string]bool{"a": true, "b": false} {
		has, err := p.Has(key)
		require.NoError(t, err)
		require.Equal(t, there, has)
		value, err := p.Get(key)
		require.NoError(t, err)
		require.Equal(t, there, slices.Equal(value, r.value))
		require.Equal(t, there, value != nil)
	}
	_, err = p.Iterator()
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = p.IteratorWithRange(nil, nil)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.NoError(t, p.Close())
}
