// Package journey does what the organisations do with a shipment, so that it can be repeated: a step that was done before
// an interruption is found done.
package journey

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/tracker-sim/internal/rest"
)

// Parties are the clients of the organisations that act.
type Parties struct{ Shipper, Carrier, Consignee *rest.Client }

// Create makes the shipment unless it exists.
func Create(ctx context.Context, by *rest.Client, s rest.NewShipment) (rest.Shipment, error) {
	got, err := by.CreateShipment(ctx, s)
	if rest.Status(err) != http.StatusConflict {
		return got, err
	}
	got, err = by.Shipment(ctx, s.ID)
	if err != nil {
		return got, err
	}
	if got.RuleSet != s.RuleSet {
		return got, fmt.Errorf("shipment %s exists with rule set %s, not %s; use another id", s.ID, got.RuleSet, s.RuleSet)
	}
	return got, nil
}

// Assign binds the tracker from a time on unless it is bound; the zero time means now.
func Assign(ctx context.Context, by *rest.Client, shipment, tracker string, from time.Time) error {
	err := by.Assign(ctx, shipment, tracker, from)
	if rest.Status(err) != http.StatusConflict {
		return err
	}
	s, getErr := by.Shipment(ctx, shipment)
	if getErr != nil {
		return getErr
	}
	for _, a := range s.Assignments {
		if a.Tracker == tracker && a.To == nil {
			return nil
		}
	}
	return err
}

// Hand gives custody from one organisation to another, by the word of both.
func Hand(ctx context.Context, from, to *rest.Client, shipment, note string) error {
	s, err := to.Shipment(ctx, shipment)
	if err != nil {
		return err
	}
	if s.Custodian == to.Org {
		return nil
	}
	if s.Pending == nil {
		if err := from.Propose(ctx, shipment, to.Org, note); err != nil {
			return err
		}
	}
	return to.Accept(ctx, shipment)
}

// Deliver takes the goods to the consignee, who says that they arrived.
func Deliver(ctx context.Context, p Parties, shipment string) error {
	s, err := p.Consignee.Shipment(ctx, shipment)
	if err != nil {
		return err
	}
	if s.State == ledger.Delivered || s.State == ledger.Closed {
		return nil
	}
	from := p.Carrier
	if s.Custodian == p.Shipper.Org {
		from = p.Shipper
	}
	if err := Hand(ctx, from, p.Consignee, shipment, "arrived"); err != nil {
		return err
	}
	return p.Consignee.Deliver(ctx, shipment)
}

// Close seals and closes; the carrier does it.
func Close(ctx context.Context, p Parties, shipment string) error {
	err := p.Carrier.Close(ctx, shipment)
	if rest.Status(err) != http.StatusConflict {
		return err
	}
	s, getErr := p.Carrier.Shipment(ctx, shipment)
	if getErr != nil {
		return getErr
	}
	if s.State == ledger.Closed {
		return nil
	}
	return err
}
