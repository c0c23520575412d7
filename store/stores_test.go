package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/store"
)

// kind makes partitions of one kind of store.
type kind struct {
	make func() (*store.Partition, error)
}

// onBoth runs a test with the store in memory and with that on disk, which writes
// each page at once.
func onBoth(t *testing.T, test func(t *testing.T, s kind)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		test(t, kind{func() (*store.Partition, error) { return store.New(config(10)), nil }})
	})
	t.Run("disk", func(t *testing.T) {
		disk := openDisk(t, t.TempDir())
		disk.WriteAt(1)
		test(t, kind{func() (*store.Partition, error) { return disk.New(config(10)) }})
	})
}

func openDisk(t *testing.T, dir string) *store.Disk {
	t.Helper()
	disk, err := store.OpenDisk(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, disk.Close()) })
	return disk
}

// tester is what testing.T and rapid.T have in common.
type tester interface {
	require.TestingT
	Cleanup(func())
}

// partition is an empty one.
func (s kind) partition(t tester) *store.Partition {
	p, err := s.make()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Discard()) })
	return p
}

// started is a partition that has begun to count.
func (s kind) started(t tester) *store.Partition {
	p := s.partition(t)
	p.Begin(behavior(), 0)
	require.NoError(t, p.MarkRecovered())
	return p
}
