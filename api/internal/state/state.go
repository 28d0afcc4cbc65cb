// Package state is what of the API survives a restart: one Pebble store, shared by tenants that know nothing of one another.
// Each has the keys below its name.
//
// Set and Delete are on disk when they return, so a tenant writes down what it is about to do, does it, and writes down how it
// went: a process that finds only the first must look at the effect before it acts. A tenant bounds its own growth, by Forget.
package state

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// Store is safe for concurrent use by one process.
type Store struct{ db *pebble.DB }

// Open opens or makes the store in dir.
func Open(dir string) (*Store, error) {
	db, err := pebble.Open(dir, &pebble.Options{Logger: quiet{}, MemTableSize: 4 << 20, MaxOpenFiles: 64})
	if err != nil {
		return nil, fmt.Errorf("state in %s: %w (is another api running on this folder?)", dir, err)
	}
	return &Store{db}, nil
}

// Close flushes and closes.
func (s *Store) Close() error { return s.db.Close() }

// Checkpoint copies the store as it is now to a folder that does not exist yet. The copy is a store.
func (s *Store) Checkpoint(to string) error { return s.db.Checkpoint(to, pebble.WithFlushedWAL()) }

// Tenant has the keys below a name of letters.
func (s *Store) Tenant(name string) *Tenant { return &Tenant{s.db, []byte(name + "/")} }

// Tenant is one part's share of the store.
type Tenant struct {
	db     *pebble.DB
	prefix []byte
}

func (t *Tenant) key(key []byte) []byte { return slices.Concat(t.prefix, key) }

// Get returns nil for a key that is not there.
func (t *Tenant) Get(key []byte) ([]byte, error) {
	v, closer, err := t.db.Get(t.key(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	return append([]byte{}, v...), nil
}

// Set returns when the value is on disk.
func (t *Tenant) Set(key, value []byte) error { return t.db.Set(t.key(key), value, pebble.Sync) }

// Delete returns when the key is gone from disk.
func (t *Tenant) Delete(key []byte) error { return t.db.Delete(t.key(key), pebble.Sync) }

// Forget deletes without waiting for the disk: after a crash the key may be there again.
func (t *Tenant) Forget(key []byte) error { return t.db.Delete(t.key(key), pebble.NoSync) }

// Replace sets a key and deletes another (nil: none), both or neither, and returns when that is on disk.
func (t *Tenant) Replace(old, key, value []byte) error {
	b := t.db.NewBatch()
	defer b.Close()
	if err := b.Set(t.key(key), value, nil); err != nil {
		return err
	}
	if old != nil {
		if err := b.Delete(t.key(old), nil); err != nil {
			return err
		}
	}
	return b.Commit(pebble.Sync)
}

// Each calls fn for the tenant's keys in their order, as they were when it began. Key and value are fn's only while it runs.
func (t *Tenant) Each(fn func(key, value []byte) error) error { return t.From(nil, fn) }

// From is Each for the keys that are not below one.
func (t *Tenant) From(key []byte, fn func(key, value []byte) error) error {
	it, err := t.iterator()
	if err != nil {
		return err
	}
	defer it.Close()
	for it.SeekGE(t.key(key)); it.Valid(); it.Next() {
		if err := fn(it.Key()[len(t.prefix):], it.Value()); err != nil {
			return err
		}
	}
	return it.Error()
}

// Last returns the tenant's last key and its value, nil when it has none.
func (t *Tenant) Last() (key, value []byte, err error) {
	it, err := t.iterator()
	if err != nil {
		return nil, nil, err
	}
	defer it.Close()
	if it.Last() {
		key, value = slices.Clone(it.Key()[len(t.prefix):]), slices.Clone(it.Value())
	}
	return key, value, it.Error()
}

func (t *Tenant) iterator() (*pebble.Iterator, error) {
	end := slices.Clone(t.prefix)
	end[len(end)-1]++
	return t.db.NewIter(&pebble.IterOptions{LowerBound: t.prefix, UpperBound: end})
}

// quiet keeps Pebble's own lines out of the log; its errors come back from the calls.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}
