package views

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/lovoo/goka/storage"
)

// tableStore is one partition of a table in memory, for a view: a map from key
// to encoded value, with the offset that was last read. It implements goka's
// storage.Storage, whose own memory store keeps its keys sorted and does not
// cope with a million of them. Keys are sorted only for an iteration.
//
// Values are kept as strings: they never change in place, so that they can be
// handed out without a copy, and an entry is two words smaller than two slices.
//
// Safe for concurrent use.
type tableStore struct {
	// onRecovered is called when the partition has been read up to where it
	// ended; set before the store is given to goka, may be nil.
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

// Close does nothing. The values stay readable, so that a reader who is just
// looking one up is not disturbed.
func (s *tableStore) Close() error { return nil }

// Has says whether there is a value for the key.
func (s *tableStore) Has(key string) (bool, error) {
	_, ok := s.Lookup(key)
	return ok, nil
}

// Get returns a copy of the value, nil if there is none.
func (s *tableStore) Get(key string) ([]byte, error) {
	value, ok := s.Lookup(key)
	if !ok {
		return nil, nil
	}
	return []byte(value), nil
}

// Set keeps a copy of the value. A nil value is refused: it is a deletion in
// Kafka, and Delete is for that.
func (s *tableStore) Set(key string, value []byte) error {
	if value == nil {
		return errors.New("setting a key of a table to no value: delete it instead")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key] = string(value)
	return nil
}

// Delete forgets the key, if it is there.
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

// SetOffset keeps the offset of the record that was read last.
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

// Iterator goes over the entries as they are now, by key.
func (s *tableStore) Iterator() (storage.Iterator, error) {
	return s.IteratorWithRange(nil, nil)
}

// IteratorWithRange goes over the entries with start <= key < limit as they
// are now, by key; nil is no bound.
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

// tableIterator goes over a snapshot; for one goroutine.
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

// Seek goes before the first key that is not below key; Next then moves to it.
func (i *tableIterator) Seek(key []byte) bool {
	at, _ := slices.BinarySearchFunc(i.entries, string(key),
		func(e entry, key string) int { return strings.Compare(e.key, key) })
	i.at = at - 1
	return at < len(i.entries)
}
