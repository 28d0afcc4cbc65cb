package verify

import (
	"sync"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Bounds of the prepared keys: 80 KiB each. A key is prepared when it has been used a few times, and gives its place up
// only after a minute without use, so that more trackers than places do not make the tables change hands all the time.
const (
	maxPrepared  = 768
	usesToEarn   = 4
	idleToLoseMS = 60_000
	maxCounted   = 65_536
)

// keys keeps the keys of busy trackers prepared. Safe for concurrent use; the zero value is ready.
type keys struct {
	mu       sync.Mutex
	entries  map[[32]byte]*keyEntry // by kid
	prepared int
}

type keyEntry struct {
	uses   int
	usedMS int64
	key    *telemetry.Prepared // nil until it has earned a place
}

// get returns the prepared key, nil when it has no place.
func (k *keys) get(kid [32]byte, public telemetry.PublicKey, nowMS int64) *telemetry.Prepared {
	if public.Alg != telemetry.Ed25519 {
		return nil
	}
	k.mu.Lock()
	e := k.entries[kid]
	if e == nil {
		if k.entries == nil || len(k.entries) >= maxCounted {
			k.forgetCounts()
		}
		e = &keyEntry{}
		k.entries[kid] = e
	}
	e.uses++
	e.usedMS = nowMS
	if e.key != nil || e.uses < usesToEarn || !k.place(nowMS) {
		defer k.mu.Unlock()
		return e.key
	}
	k.prepared++
	e.uses = -1 << 30 // nobody else prepares it meanwhile
	k.mu.Unlock()
	p := public.Prepare()
	k.mu.Lock()
	defer k.mu.Unlock()
	e.key = p
	return p
}

// place reports whether there is room for one more, taking it from an idle key if need be.
func (k *keys) place(nowMS int64) bool {
	if k.prepared < maxPrepared {
		return true
	}
	looked := 0
	for kid, e := range k.entries { // in random order: a sample is enough
		if e.key != nil && nowMS-e.usedMS > idleToLoseMS {
			delete(k.entries, kid)
			k.prepared--
			return true
		}
		if looked++; looked == 16 {
			break
		}
	}
	return false
}

// forgetCounts keeps the prepared keys only.
func (k *keys) forgetCounts() {
	kept := map[[32]byte]*keyEntry{}
	for kid, e := range k.entries {
		if e.key != nil || e.uses < 0 {
			kept[kid] = e
		}
	}
	k.entries = kept
}
