package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// place is where a slot stands, over restarts. What happened on the ledger is asked there; this only remembers which shipment is at
// play and how far its trip is. Losing the last write costs a repeated piece of a trip.
type place struct {
	Ordinal int           `json:"ordinal"` // of the shipment at play, from 1
	At      time.Duration `json:"at_ns"`   // of its trip
	Open    string        `json:"open"`    // delivered, to be closed later
}

// readPlace finds a slot at its first shipment when it never played.
func readPlace(path string) (p place, known bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return place{Ordinal: 1}, false, nil
	}
	if err != nil {
		return p, false, err
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, false, fmt.Errorf("%s: %w; remove the file to start the slot's shipments anew", path, err)
	}
	return p, true, nil
}

func (p place) write(path string) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
