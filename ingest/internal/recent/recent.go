// Package recent keeps in memory what was used last, of things that are on disk too. There are two generations: what is used moves to
// the younger one, and when that is full the older one is forgotten. It costs no order to maintain, and holds at most twice
// its size.
package recent

// Cache is not safe for concurrent use, except that several goroutines may Peek.
type Cache[K comparable, V any] struct {
	size       int
	young, old map[K]V
}

// New makes a cache whose younger generation is full with size entries.
func New[K comparable, V any](size int) *Cache[K, V] {
	return &Cache[K, V]{size: size, young: map[K]V{}}
}

// Get finds an entry and makes it young. Neither Get nor Put forgets anything: only Turn does.
func (c *Cache[K, V]) Get(k K) (V, bool) {
	v, ok := c.young[k]
	if !ok {
		if v, ok = c.old[k]; ok {
			c.young[k] = v
		}
	}
	return v, ok
}

// Peek finds an entry of the younger generation and changes nothing.
func (c *Cache[K, V]) Peek(k K) (V, bool) {
	v, ok := c.young[k]
	return v, ok
}

// Put adds or replaces an entry.
func (c *Cache[K, V]) Put(k K, v V) { c.young[k] = v }

// Delete forgets an entry.
func (c *Cache[K, V]) Delete(k K) {
	delete(c.young, k)
	delete(c.old, k)
}

// Turn forgets the older generation when the younger is full. An entry whose value is being changed must be on disk, or held
// elsewhere, before.
func (c *Cache[K, V]) Turn() {
	if len(c.young) >= c.size {
		c.young, c.old = map[K]V{}, c.young
	}
}

// Len counts the entries, one that is in both generations twice.
func (c *Cache[K, V]) Len() int { return len(c.young) + len(c.old) }
