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

// Get returns the value kept under key, or asks for it. Errors are not kept.
func Get[T any](ctx context.Context, r *Cache, key string, ask func(context.Context) (T, error)) (T, error) {
	r.mu.Lock()
	k, ok := r.m[key]
	r.mu.Unlock()
	if ok && r.now().Before(k.until) {
		return k.v.(T), nil
	}
	return Refresh(ctx, r, key, ask)
}

// Refresh asks, and keeps the answer for others.
func Refresh[T any](ctx context.Context, r *Cache, key string, ask func(context.Context) (T, error)) (T, error) {
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

// Ask is fresh or cached.
func Ask[T any](ctx context.Context, now bool, r *Cache, key string, ask func(context.Context) (T, error)) (T, error) {
	if now {
		return Refresh(ctx, r, key, ask)
	}
	return Get(ctx, r, key, ask)
}
