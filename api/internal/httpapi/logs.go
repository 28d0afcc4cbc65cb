package httpapi

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
)

// logRef is one log of a shipment.
type logRef struct {
	ID     string
	Ingest string // "" when only the closing record names it
	Heads  string // id of the ingest instance's heads log
}

// maxInstances bounds how many ingest instances a network has.
const maxInstances = 1000

// logs of a shipment. They are computed, not looked up: a log's id follows from the shipment's creating transaction and the
// ingest instance, so nobody can leave one out by not listing it. Instances are those configured and those with an anchor
// on the ledger; the closing record can add others.
func (s *Server) logs(ctx context.Context, r ledger.Shipment) ([]logRef, error) {
	instances, err := s.instances(ctx)
	if err != nil {
		return nil, err
	}
	var refs []logRef
	for _, ingest := range instances {
		id := anchor.LogID(s.Channel, anchor.Shipment, r.ID, r.CreateTx, ingest)
		heads := anchor.HeadsID(s.Channel, ingest)
		refs = append(refs, logRef{ID: hex.EncodeToString(id[:]), Ingest: ingest, Heads: hex.EncodeToString(heads[:])})
	}
	if r.State == ledger.Closed {
		closed, err := ledger.ShipmentGetClose.Ask(ctx, s.Ledger, ledger.IDArgs{ID: r.ID})
		if err != nil {
			return nil, err
		}
		for _, h := range closed.Heads {
			if !slices.ContainsFunc(refs, func(l logRef) bool { return l.ID == h.Log }) {
				refs = append(refs, logRef{ID: h.Log})
			}
		}
	}
	return refs, nil
}

// instances are the ids of the ingest instances, in a stable order. A new instance is seen within the cache's time.
func (s *Server) instances(ctx context.Context) ([]string, error) {
	return cached(ctx, s.recent, "instances", func(ctx context.Context) ([]string, error) {
		heads, err := ledger.AnchorHeads.All(ctx, s.Ledger, "", maxInstances)
		if err != nil {
			return nil, err
		}
		var ids []string
		for _, i := range s.Ingest {
			ids = append(ids, i.ID())
		}
		for _, h := range heads {
			ids = append(ids, h.Ingest)
		}
		slices.Sort(ids)
		return slices.Compact(ids), nil
	})
}

func logIDs(refs []logRef) []string {
	ids := make([]string, len(refs))
	for i, r := range refs {
		ids[i] = r.ID
	}
	return ids
}
