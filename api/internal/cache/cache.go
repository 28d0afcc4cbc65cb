// Package cache keeps answers for some seconds, for listings that ask the same of many.
package cache

import (
	"context"
	"sync"
	"time"
)

const (
	keep = 3 * time.Second
	most = 4096
)

// Cache keeps what listings add to the ledger's records, for a few seconds.
type Cache struct {
	now func() time.Time
	mu  sync.Mutex
	m   map[string]entry
}

type entry struct {
	v     any
	until time.Time
}

// New is empty.
func New(now func() time.Time) *Cache {
	return &Cache{now: now, m: map[string]entry{}}
}

// Ask returns the value kept under key, unless it must be fresh; else it asks, and keeps the answer for others. Errors are not
// kept.
func Ask[T any](ctx context.Context, fresh bool, r *Cache, key string, ask func(context.Context) (T, error)) (T, error) {
	r.mu.Lock()
	k, ok := r.m[key]
	r.mu.Unlock()
	if ok && !fresh && r.now().Before(k.until) {
		return k.v.(T), nil
	}
	v, err := ask(ctx)
	if err != nil {
		return v, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.m) >= most {
		clear(r.m)
	}
	r.m[key] = entry{v, r.now().Add(keep)}
	return v, nil
}
