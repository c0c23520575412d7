package views

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/lovoo/goka/storage"
)

// tableStore is one partition of a table in memory, for a view: a map from key to encoded
// value, with the last offset. It implements goka's storage.Storage; goka's own memory store
// keeps its keys sorted and is too slow for a million of them. Here keys are sorted only for an
// iteration.
//
// Values are strings: they never change in place, so they can be returned without a copy, and
// an entry is two words smaller than with two slices.
//
// It is safe for concurrent use.
type tableStore struct {
	// onRecovered is called when the partition has been read up to its initial end. It is set
	// before goka gets the store, and may be nil.
	onRecovered func()

	mu     sync.RWMutex
	values map[string]string
	offset int64
	read   bool // offset is one
}

var _ storage.Storage = (*tableStore)(nil)

func newTableStore() *tableStore {
	return &tableStore{values: make(map[string]string)}
}

// Lookup returns the value of a key, without a copy.
func (s *tableStore) Lookup(key string) (string, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	value, ok := s.values[key]
	return value, ok
}

// Len returns the number of keys.
func (s *tableStore) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.values)
}

// Open does nothing: there is nothing to open.
func (s *tableStore) Open() error { return nil }

// Close does nothing. The values stay readable for readers in progress.
func (s *tableStore) Close() error { return nil }

// Has reports whether there is a value for the key.
func (s *tableStore) Has(key string) (bool, error) {
	_, ok := s.Lookup(key)
	return ok, nil
}

// Get returns a copy of the value, or nil.
func (s *tableStore) Get(key string) ([]byte, error) {
	value, ok := s.Lookup(key)
	if !ok {
		return nil, nil
	}
	return []byte(value), nil
}

// Set stores a copy of the value. It refuses nil, which is a deletion in Kafka: use Delete.
func (s *tableStore) Set(key string, value []byte) error {
	if value == nil {
		return errors.New("setting a key of a table to no value: delete it instead")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key] = string(value)
	return nil
}

// Delete removes the key, if it exists.
func (s *tableStore) Delete(key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
	return nil
}

// GetOffset returns the offset set last, or def.
func (s *tableStore) GetOffset(def int64) (int64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.read {
		return def, nil
	}
	return s.offset, nil
}

// SetOffset stores the offset of the last record.
func (s *tableStore) SetOffset(offset int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset, s.read = offset, true
	return nil
}

// MarkRecovered is called by goka when the partition has been read.
func (s *tableStore) MarkRecovered() error {
	if s.onRecovered != nil {
		s.onRecovered()
	}
	return nil
}

// Iterator iterates over a snapshot of the entries, by key.
func (s *tableStore) Iterator() (storage.Iterator, error) {
	return s.IteratorWithRange(nil, nil)
}

// IteratorWithRange iterates over a snapshot of the entries with start <= key < limit, by key;
// nil means no limit.
func (s *tableStore) IteratorWithRange(start, limit []byte) (storage.Iterator, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	it := &tableIterator{at: -1}
	for key, value := range s.values {
		if key >= string(start) && (limit == nil || key < string(limit)) {
			it.entries = append(it.entries, entry{key, value})
		}
	}
	slices.SortFunc(it.entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return it, nil
}

type entry struct{ key, value string }

// tableIterator iterates over a snapshot. It belongs to one goroutine.
type tableIterator struct {
	entries []entry
	at      int
}

func (i *tableIterator) valid() bool { return i.at >= 0 && i.at < len(i.entries) }

func (i *tableIterator) Next() bool {
	if i.at < len(i.entries) {
		i.at++
	}
	return i.valid()
}

func (i *tableIterator) Err() error { return nil }

func (i *tableIterator) Key() []byte {
	if !i.valid() {
		return nil
	}
	return []byte(i.entries[i.at].key)
}

func (i *tableIterator) Value() ([]byte, error) {
	if !i.valid() {
		return nil, nil
	}
	return []byte(i.entries[i.at].value), nil
}

func (i *tableIterator) Release() { i.entries, i.at = nil, 0 }

// Seek moves before the first key that is not below key; Next then moves to it.
func (i *tableIterator) Seek(key []byte) bool {
	at, _ := slices.BinarySearchFunc(i.entries, string(key),
		func(e entry, key string) int { return strings.Compare(e.key, key) })
	i.at = at - 1
	return at < len(i.entries)
}
