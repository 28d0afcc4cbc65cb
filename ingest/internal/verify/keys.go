package verify

import (
	"sync"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// maxExpanded bounds each of the two generations of expanded keys: about 12 MB in all.
const maxExpanded = 4096

// keys keeps the expanded keys of the trackers that spoke last. When a generation is full the older one is forgotten; who
// still speaks moves to the younger. Safe for concurrent use; the zero value is ready.
type keys struct {
	mu         sync.Mutex
	young, old map[[32]byte]*expandedKey // by kid
}

// get returns nil for a key that has no expanded form.
func (k *keys) get(kid [32]byte, public telemetry.PublicKey) *expandedKey {
	if public.Alg != telemetry.Ed25519 {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.young[kid]; e != nil {
		return e
	}
	e := k.old[kid]
	if e == nil {
		if e = expandKey(public.Raw); e == nil {
			return nil
		}
	}
	if k.young == nil || len(k.young) >= maxExpanded {
		k.young, k.old = make(map[[32]byte]*expandedKey), k.young
	}
	k.young[kid] = e
	return e
}
