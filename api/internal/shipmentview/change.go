package shipmentview

import (
	"context"

	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Change submits unless an earlier attempt of the same request has done it already.
func Change[A ledger.Argument](ctx context.Context, s *View, id string, fn ledger.Change[A, ledger.Shipment], args A, done func(ledger.Shipment) bool) (*rest.Answer[shapes.Shipment], error) {
	r, err := s.Shipment(ctx, id)
	if err != nil {
		return nil, err
	}
	var sent ledger.Result
	if !(rest.WriteOf(ctx).Again && done(r)) {
		if r, sent, err = fn.Do(ctx, s.Ledger, args); err != nil {
			return nil, err
		}
	}
	v := []shapes.Shipment{shapes.ShowShipment(s.Members, r, sent.TxID)}
	s.Enrich(ctx, []ledger.Shipment{r}, v)
	return &rest.Answer[shapes.Shipment]{Body: v[0]}, nil
}
