package contract

import (
	"slices"
	"strings"
)

// Map is a state in memory.
type Map map[string][]byte

// Get implements State.
func (m Map) Get(key string) ([]byte, error) { return m[key], nil }

// Page implements State.
func (m Map) Page(prefix, start string, limit int) ([]Record, string, error) {
	var keys []string
	for key := range m { // sorted below
		if strings.HasPrefix(key, prefix) && key >= start {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	next := ""
	if len(keys) > limit {
		next, keys = keys[limit], keys[:limit]
	}
	records := make([]Record, len(keys))
	for i, key := range keys {
		records[i] = Record{key, m[key]}
	}
	return records, next, nil
}

// Commit writes down what a call answered.
func (m Map) Commit(a Answer) {
	for _, w := range a.Writes {
		m[w.Key] = w.Value
	}
}
