package views

import (
	"fmt"
	"runtime"
	"sort"
	"sync"
	"testing"

	"github.com/lovoo/goka/storage"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestStorageConformance checks what goka requires of a storage.
func TestStorageConformance(t *testing.T) {
	open := func(t *testing.T) *tableStore {
		s := newTableStore()
		require.NoError(t, s.Open())
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	t.Run("a key that was never set has no value", func(t *testing.T) {
		s := open(t)
		value, err := s.Get("a")
		require.NoError(t, err)
		require.Nil(t, value, "nil is how goka knows it")
		has, err := s.Has("a")
		require.NoError(t, err)
		require.False(t, has)
		require.NoError(t, s.Delete("a"))
	})
	t.Run("the last value set is the one", func(t *testing.T) {
		s := open(t)
		require.NoError(t, s.Set("a", []byte("1")))
		require.NoError(t, s.Set("a", []byte("2")))
		value, err := s.Get("a")
		require.NoError(t, err)
		require.Equal(t, "2", string(value))
		require.Equal(t, 1, s.Len())
	})
	t.Run("an empty value is a value", func(t *testing.T) {
		s := open(t)
		require.NoError(t, s.Set("a", []byte{}))
		value, err := s.Get("a")
		require.NoError(t, err)
		require.NotNil(t, value)
		require.Error(t, s.Set("b", nil), "no value is a deletion")
	})
	t.Run("values do not alias what was set or got", func(t *testing.T) {
		s := open(t)
		set := []byte("abc")
		require.NoError(t, s.Set("a", set))
		set[0] = 'X'
		got, err := s.Get("a")
		require.NoError(t, err)
		require.Equal(t, "abc", string(got))
		got[0] = 'Y'
		again, err := s.Get("a")
		require.NoError(t, err)
		require.Equal(t, "abc", string(again))
	})
	t.Run("offsets", func(t *testing.T) {
		s := open(t)
		offset, err := s.GetOffset(-3)
		require.NoError(t, err)
		require.EqualValues(t, -3, offset)
		require.NoError(t, s.SetOffset(0))
		offset, err = s.GetOffset(-3)
		require.NoError(t, err)
		require.EqualValues(t, 0, offset, "zero is an offset like others")
	})
	t.Run("recovery is told", func(t *testing.T) {
		s := open(t)
		require.NoError(t, s.MarkRecovered())
		told := 0
		s.onRecovered = func() { told++ }
		require.NoError(t, s.MarkRecovered())
		require.Equal(t, 1, told)
	})
	t.Run("an iterator goes over a snapshot", func(t *testing.T) {
		s := open(t)
		for _, k := range []string{"c", "a", "b"} {
			require.NoError(t, s.Set(k, []byte("v"+k)))
		}
		it, err := s.Iterator()
		require.NoError(t, err)
		require.NoError(t, s.Delete("b"))
		require.Nil(t, it.Key(), "before the first")
		require.Equal(t, []string{"a=va", "b=vb", "c=vc"}, drain(t, it))
		require.False(t, it.Next())
		require.Nil(t, it.Key())
		it.Release()
		require.False(t, it.Next())
	})
	t.Run("seek goes to the first key that is not below", func(t *testing.T) {
		s := open(t)
		for _, k := range []string{"a", "c", "e"} {
			require.NoError(t, s.Set(k, []byte(k)))
		}
		it, err := s.Iterator()
		require.NoError(t, err)
		require.True(t, it.Seek([]byte("b")))
		require.Equal(t, []string{"c=c", "e=e"}, drain(t, it))
		require.True(t, it.Seek([]byte("a")), "also backwards")
		require.Equal(t, []string{"a=a", "c=c", "e=e"}, drain(t, it))
		require.False(t, it.Seek([]byte("f")))
		require.False(t, it.Next())
	})
}

// TestStorageIsAMap compares it with a map, range by range.
func TestStorageIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, model := newTableStore(), map[string]string{}
		key := rapid.StringMatching(`[a-d]{0,3}`)
		for _, op := range rapid.SliceOf(rapid.IntRange(0, 3)).Draw(t, "ops") {
			k := key.Draw(t, "key")
			if op == 0 {
				delete(model, k)
				require.NoError(t, s.Delete(k))
				continue
			}
			model[k] = fmt.Sprint(op)
			require.NoError(t, s.Set(k, []byte(model[k])))
		}
		start, limit := key.Draw(t, "start"), key.Draw(t, "limit")
		var want []string
		for k, v := range model {
			if k >= start && k < limit {
				want = append(want, k+"="+v)
			}
		}
		sort.Strings(want)
		it, err := s.IteratorWithRange([]byte(start), []byte(limit))
		require.NoError(t, err)
		require.Equal(t, want, drain(t, it))
	})
}

func TestStorageUnderConcurrency(t *testing.T) {
	s := newTableStore()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 500 {
				_, _ = s.Lookup(fmt.Sprint(i))
				_, _ = s.Iterator()
			}
		})
	}
	for i := range 500 {
		require.NoError(t, s.Set(fmt.Sprint(i), []byte("v")))
		require.NoError(t, s.SetOffset(int64(i)))
	}
	wg.Wait()
	require.Equal(t, 500, s.Len())
}

// A million pages must fit, with others in the same process.
func TestStorageIsSmall(t *testing.T) {
	const pages = 500_000
	before := heapBytes()
	s := newTableStore()
	value := make([]byte, 24)
	for i := range pages {
		require.NoError(t, s.Set(fmt.Sprintf("page%d", i), value))
	}
	perPage := (heapBytes() - before) / pages
	runtime.KeepAlive(s)
	require.Less(t, perPage, 200, "bytes a page")
}

func heapBytes() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func drain(t require.TestingT, it storage.Iterator) []string {
	var got []string
	for it.Next() {
		value, err := it.Value()
		require.NoError(t, err)
		got = append(got, string(it.Key())+"="+string(value))
	}
	require.NoError(t, it.Err())
	return got
}
