package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// memory is where each slot stands, over restarts. What happened on the ledger is asked there; this only remembers which
// shipment is at play and how far its trip is. Losing the last write costs a repeated piece of a trip.
type memory struct {
	path string

	mu    sync.Mutex // guards slots and the file
	slots map[int]place
}

// place of a slot.
type place struct {
	Ordinal int           `json:"ordinal"` // of the shipment at play, from 1
	At      time.Duration `json:"at_ns"`   // of its trip
	Open    string        `json:"open"`    // delivered, to be closed later
}

func openMemory(dir string) (*memory, error) {
	m := &memory{path: filepath.Join(dir, "slots.json"), slots: make(map[int]place)}
	data, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &m.slots); err != nil {
		return nil, fmt.Errorf("%s: %w; remove the file to start the fleet's shipments anew", m.path, err)
	}
	return m, nil
}

func (m *memory) get(slot int) (p place, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, known = m.slots[slot]
	return p, known
}

func (m *memory) put(slot int, p place) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slots[slot] = p
	data, err := json.Marshal(m.slots)
	if err != nil {
		return err
	}
	if err := os.WriteFile(m.path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(m.path+".new", m.path)
}
