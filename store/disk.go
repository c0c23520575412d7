package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/filter"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/storage"
)

// ErrDisk says that a directory of the on-disk store could not be read or written.
// Another partition may be restored at once, or when the disk works again: the changelog
// has everything.
var ErrDisk = errors.New("the on-disk store failed")

// ErrDirInUse says that another process has the directory of an on-disk store.
var ErrDirInUse = errors.New("the directory is used by another process")

// Disk makes partitions that keep their pages in a directory. The
// directory is scratch: the changelog is the truth, and a partition on disk is restored from
// it as one in memory is. So nothing is synced, and files of an earlier process are deleted.
//
// A Disk may be used by many goroutines at a time; its partitions, each by one.
type Disk struct {
	dir     string    // empty where its files are in memory
	lock    io.Closer // nil there
	records int       // written at a time

	mu     sync.Mutex
	made   int // partitions, for names that were not used before
	opened map[*diskPages]bool
}

// What one partition takes besides its pages in memory. Its bloom filters and the
// indexes of its tables are in the cache of blocks, too.
const (
	blockCacheBytes  = 32 << 20
	writeBufferBytes = 8 << 20 // there are up to two
	tableBytes       = 16 << 20
	openTables       = 128
	bloomBits        = 10 // per page: one of a hundred unknown pages is looked for
)

// partitionPrefix begins the names of the partitions' directories.
const partitionPrefix = "partition-"

// OpenDisk takes a directory, which is made if there is none, for this process
// alone, until Close. It fails with ErrDirInUse where another process has it, and
// with ErrDisk where it cannot be used.
func OpenDisk(dir string) (*Disk, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, diskError("making the directory", dir, err)
	}
	lock, err := storage.OpenFile(dir, false) // its lock is all that is used
	if inUse(err) {
		return nil, fmt.Errorf("%w: %s: give each instance another one", ErrDirInUse, dir)
	}
	if err != nil {
		return nil, diskError("locking the directory", dir, err)
	}
	d := &Disk{dir: dir, lock: lock, records: writeRecords, opened: make(map[*diskPages]bool)}
	if err := d.wipe(); err != nil {
		_ = lock.Close()
		return nil, diskError("deleting what an earlier process left in", dir, err)
	}
	return d, nil
}

// DiskInMemory returns a Disk whose files are in memory, for tests that need many: its
// partitions take little, and write each state at once.
func DiskInMemory() *Disk { return &Disk{records: 1, opened: make(map[*diskPages]bool)} }

// wipe deletes the partitions of earlier processes, and nothing else.
func (d *Disk) wipe() error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), partitionPrefix) {
			if err := os.RemoveAll(filepath.Join(d.dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// New returns an empty partition, as the function New does, with its pages on disk.
// It must be discarded when it is no longer used. It fails with ErrDisk, and if there are further
// boards, which need their pages in memory.
func (d *Disk) New(c Config) (*Partition, error) {
	if len(c.Boards) > 0 {
		return nil, fmt.Errorf("%d boards beside all-time: a partition on disk has none", len(c.Boards))
	}
	d.mu.Lock()
	d.made++
	dir := d.dir
	if dir != "" {
		dir = filepath.Join(dir, partitionPrefix+strconv.Itoa(int(c.ID))+"-"+strconv.Itoa(d.made))
	}
	d.mu.Unlock()
	db, err := d.openFiles(dir)
	if err != nil {
		return nil, diskError("opening", dir, err)
	}
	where := newDiskPages(dir, db, d.records)
	where.gone = func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.opened, where)
	}
	d.mu.Lock()
	d.opened[where] = true
	d.mu.Unlock()
	return newPartition(c, where), nil
}

// openFiles opens the files of a partition.
func (d *Disk) openFiles(dir string) (*leveldb.DB, error) {
	if dir == "" {
		return leveldb.Open(storage.NewMemStorage(), &opt.Options{
			BlockCacheCapacity: opt.KiB, WriteBuffer: 4 * opt.KiB, Filter: filter.NewBloomFilter(bloomBits), DisableBufferPool: true})
	}
	return leveldb.OpenFile(dir, &opt.Options{
		BlockCacheCapacity:     blockCacheBytes,
		WriteBuffer:            writeBufferBytes,
		CompactionTableSize:    tableBytes,
		OpenFilesCacheCapacity: openTables,
		Filter:                 filter.NewBloomFilter(bloomBits),
		DisableSeeksCompaction: true, // pages are read at random: it would never end
		NoSync:                 true,
	})
}

// Close discards all partitions and releases the directory. No partition may be in
// use. The error is for the log: nothing is lost.
func (d *Disk) Close() error {
	d.mu.Lock()
	var opened []*diskPages
	for where := range d.opened {
		opened = append(opened, where)
	}
	d.mu.Unlock()
	var errs []error
	for _, where := range opened {
		errs = append(errs, where.discard())
	}
	if d.lock == nil {
		return errors.Join(errs...)
	}
	if err := d.lock.Close(); err != nil {
		errs = append(errs, diskError("releasing", d.dir, err))
	}
	return errors.Join(errs...)
}

// diskError is an ErrDisk with a hint.
func diskError(doing, dir string, err error) error {
	return fmt.Errorf("%w: %s %s: %w: see that the disk is sound and has space, and that this user may write there; "+
		"nothing in the directory is needed, it may be deleted while no instance runs", ErrDisk, doing, dir, err)
}
