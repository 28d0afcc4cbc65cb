package shipments

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Close is the record that ends a shipment.
type Close struct {
	Shipment string           `json:"shipment"`
	Heads    []ledger.LogHead `json:"heads" doc:"Every log of the shipment, final"`
	By       string           `json:"by"`
	ClosedAt rest.Instant     `json:"closed_at"`
	Tx       string           `json:"tx"`
}

func showClose(names *members.Directory, c ledger.Close) Close {
	return Close{Shipment: c.Shipment, Heads: rest.OrEmpty(c.Heads), By: names.Name(c.By), ClosedAt: rest.Instant(c.TimeMS), Tx: c.Tx}
}

func (s *Resource) closeRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: "/v1/shipments/{id}/close", ID: "close-shipment", Tag: "Shipments", Scope: access.ShipmentsWrite, Write: true,
		Summary: "Seal the shipment's logs and close it", Limit: sealTime,
		About: "Each operator among the parties seals its own logs; it is a 409 that names who has not. " +
			"Repeating it after any failure is safe: logs seal once, and a closed shipment answers its closing record.",
		Errors: []int{http.StatusNotFound}}, s.close)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments/{id}/close", ID: "get-close", Tag: "Shipments", Scope: access.ShipmentsRead,
		Summary: "Get the closing record", Errors: []int{http.StatusNotFound}}, s.getClose)
}

// sealTime covers waiting for an anchor.
const sealTime = 60 * time.Second

// close seals first and writes the record last: after a crash in between, the logs are sealed, the seals are on the ledger, and a repeat goes
// on.
func (s *Resource) close(ctx context.Context, in *struct {
	shapes.ShipmentPath
	rest.Idempotent
}) (*rest.Answer[Close], error) {
	r, err := s.Shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	switch r.State {
	case ledger.Closed:
		return s.closed(ctx, in.ID)
	case ledger.Delivered:
	default:
		// The chaincode would refuse as well, but sealing cannot be taken back.
		return nil, &ledger.Error{Code: ledger.BadState, Message: fmt.Sprintf("shipment %s is %s; only a delivered shipment can be closed", r.ID, r.State)}
	}
	if err := s.seal(ctx, r); err != nil {
		return nil, err
	}
	c, _, err := ledger.ShipmentClose.Do(ctx, s.Ledger, ledger.IDArgs{ID: in.ID})
	switch ledger.CodeOf(err) {
	case ledger.Exists, ledger.BadState: // somebody else was first
		if got, gerr := s.closed(ctx, in.ID); gerr == nil {
			return got, nil
		}
	}
	return rest.Reply(showClose(s.Members, c), err)
}

// seal has every ingest instance of a party that is known here end its logs and put its seal on the ledger. The ledger refuses the close when another's
// is missing.
func (s *Resource) seal(ctx context.Context, r ledger.Shipment) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, ingest := range s.Ingest.OfParties(s.Party(r)) {
		g.Go(func() error {
			sealed, err := ingest.Seal(ctx, r.ID)
			if err == nil && !sealed.Anchored {
				err = problem.New(http.StatusServiceUnavailable, problem.NotAnchored, "the logs are sealed but their heads are not anchored yet; repeat the request").RetryAfter("5")
			}
			return err
		})
	}
	return g.Wait()
}

func (s *Resource) getClose(ctx context.Context, in *shapes.ShipmentPath) (*rest.Answer[Close], error) {
	if _, err := s.Shipment(ctx, in.ID); err != nil {
		return nil, err
	}
	return s.closed(ctx, in.ID)
}

func (s *Resource) closed(ctx context.Context, id string) (*rest.Answer[Close], error) {
	c, err := ledger.ShipmentGetClose.Ask(ctx, s.Ledger, ledger.IDArgs{ID: id})
	return rest.Reply(showClose(s.Members, c), err)
}
