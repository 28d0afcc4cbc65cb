package details

import (
	"context"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

const (
	again   = time.Minute // between two tries to have what is missing
	listing = 10_000      // of one shipment's records that are looked through
)

// Written tells that something was written about one of our shipments. It never waits.
func (b *Book) Written(shipment string) {
	select {
	case b.written <- shipment:
	default:
		b.behind.Store(true)
	}
}

// Run fetches the details of our shipments as they are written, so that they are here when their writer is gone, until ctx ends.
func (b *Book) Run(ctx context.Context) error {
	lacking := map[string]bool{}
	follow := func(shipment string) {
		if b.follow(ctx, shipment) {
			delete(lacking, shipment)
		} else if len(lacking) < most {
			lacking[shipment] = true
		} else {
			b.behind.Store(true)
		}
	}
	for t := time.NewTicker(again); ; {
		if b.behind.Swap(false) {
			for r, err := range ledger.ShipmentList.Each(ctx, b.Ledger, "") {
				if err != nil {
					b.behind.Store(true)
					b.Log.DebugContext(ctx, "our shipments cannot be listed; trying again", "error", err)
					break
				}
				follow(r.ID)
			}
		}
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case shipment := <-b.written:
			follow(shipment)
		case <-t.C:
			for shipment := range lacking {
				follow(shipment)
			}
		}
	}
}

// follow fetches what is missing of a shipment, and reports whether all of it is here.
func (b *Book) follow(ctx context.Context, shipment string) bool {
	named, err := b.named(ctx, shipment)
	if err != nil {
		b.Log.DebugContext(ctx, "what is written about a shipment cannot be read; trying again", "shipment", shipment, "error", err)
		return ledger.CodeOf(err) == ledger.NotFound
	}
	whole := true
	for hash, by := range named {
		_, ok := b.Read(ctx, shipment, by, hash)
		whole = whole && ok
	}
	return whole
}

// named are the hashes of all details of a shipment, and the MSP ids of those who wrote them.
func (b *Book) named(ctx context.Context, shipment string) (map[string]string, error) {
	r, err := ledger.ShipmentGet.Ask(ctx, b.Ledger, ledger.IDArgs{ID: shipment})
	if err != nil {
		return nil, err
	}
	handovers, err := ledger.ShipmentHandover.All(ctx, b.Ledger, shipment, listing)
	if err != nil {
		return nil, err
	}
	named := map[string]string{}
	for hash, w := range r.Written(handovers) {
		named[hash] = w.By
	}
	acknowledgements, err := ledger.ComplianceAcknowledgements.All(ctx, b.Ledger, shipment, listing)
	if err != nil {
		return nil, err
	}
	for _, a := range acknowledgements {
		named[a.Details] = a.Signature.MSP
	}
	dispositions, err := ledger.ComplianceDispositions.All(ctx, b.Ledger, shipment, listing)
	if err != nil {
		return nil, err
	}
	for _, d := range dispositions {
		named[d.Details] = d.Signature.MSP
	}
	return named, nil
}
