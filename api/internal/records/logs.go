package records

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/trackseal/trackseal/api/internal/cache"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Logs of shipments.
type Logs struct {
	*Records
	Channel string // of the ledger; part of every log id
	Ingest  ingestclient.Instances
	Cache   *cache.Cache
}

// LogRef is one log of a shipment.
type LogRef struct {
	ID     string
	Ingest string   // the life of an instance that wrote it; "" when only the closing record names it
	Heads  []string // ids of the heads logs that may anchor it: of the life of the instance that wrote it, and of later ones
}

// MaxInstances bounds how many ingest instances a network has.
const MaxInstances = 1000

// Of gives the logs of a shipment. They are computed, not looked up: a log's id follows from the shipment's creating transaction and the
// ingest instance, so nobody can leave one out by not listing it. Instances are those configured and those with an anchor
// on the ledger; the closing record can add others.
func (s *Logs) Of(ctx context.Context, r ledger.Shipment) ([]LogRef, error) {
	instances, err := s.instances(ctx)
	if err != nil {
		return nil, err
	}
	var refs []LogRef
	for _, ingest := range instances {
		id := anchor.LogID(s.Channel, anchor.Shipment, r.ID, r.CreateTx, ingest)
		ref := LogRef{ID: hex.EncodeToString(id[:]), Ingest: ingest}
		for _, life := range instances {
			if life == ingest || ledger.IsLater(life, ingest) {
				heads := anchor.HeadsID(s.Channel, life)
				ref.Heads = append(ref.Heads, hex.EncodeToString(heads[:]))
			}
		}
		refs = append(refs, ref)
	}
	closed, err := s.Close(ctx, r)
	if err != nil {
		return nil, err
	}
	if closed != nil {
		for _, h := range closed.Heads {
			if !slices.ContainsFunc(refs, func(l LogRef) bool { return l.ID == h.Log }) {
				refs = append(refs, LogRef{ID: h.Log})
			}
		}
	}
	return refs, nil
}

// instances are the ids of the ingest instances, in a stable order. A new instance is seen within the cache's time.
func (s *Logs) instances(ctx context.Context) ([]string, error) {
	return cache.Ask(ctx, false, s.Cache, "instances", func(ctx context.Context) ([]string, error) {
		heads, err := ledger.AnchorHeads.All(ctx, s.Ledger, "", MaxInstances)
		if err != nil {
			return nil, err
		}
		var ids []string
		for _, i := range s.Ingest.All() {
			ids = append(ids, i.ID())
		}
		for _, h := range heads {
			ids = append(ids, h.Ingest)
		}
		slices.Sort(ids)
		return slices.Compact(ids), nil
	})
}

// LogIDs of the logs, in their order.
func LogIDs(refs []LogRef) []string {
	ids := make([]string, len(refs))
	for i, r := range refs {
		ids[i] = r.ID
	}
	return ids
}
