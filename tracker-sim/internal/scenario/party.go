package scenario

import (
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// Party is an organisation at its own API. Its acts can be repeated: one that was done before an interruption is found done.
type Party struct {
	Org, MSP string
	*client.Client
}

// Parties of a shipment: those that act, and every role's organisation.
type Parties struct {
	Shipper, Carrier, Consignee Party
	Roles                       Roles
}

// Enrol registers a tracker with proof that its key is held. A tracker that is enrolled already with the same key is fine.
func (p Party) Enrol(ctx context.Context, id string, signer crypto.Signer, model string, sensors ...client.Sensor) (client.Tracker, error) {
	key, err := telemetry.Public(signer)
	if err != nil {
		return client.Tracker{}, err
	}
	public := hex.EncodeToString(key.Raw)
	proof, err := telemetry.Sign(signer, ledger.PossessionBytes(id, p.MSP, int(key.Alg), public))
	if err != nil {
		return client.Tracker{}, err
	}
	made, err := p.EnrolTracker(ctx, client.EnrolBody{
		ID: id, PublicKey: public, Alg: client.EnrolBodyAlg(key.Alg.String()), Proof: hex.EncodeToString(proof), Model: model, Sensors: sensors,
	})
	if client.Status(err) != http.StatusConflict {
		return made, err
	}
	known, getErr := p.GetTracker(ctx, id)
	if getErr != nil {
		return client.Tracker{}, err
	}
	if kid := key.KID(); known.KID != hex.EncodeToString(kid[:]) {
		return client.Tracker{}, fmt.Errorf("tracker %s is enrolled with another key; use another id, or the key file that it was enrolled with", id)
	}
	return known, nil
}

// PlainSecret enrols a tracker that cannot sign, or finds the secret that was kept when it was: the API tells it once.
func (p Party) PlainSecret(ctx context.Context, home *device.Home, id string, sensors ...client.Sensor) (string, error) {
	secret, err := home.Secret()
	if err != nil || secret != "" {
		return secret, err
	}
	t, err := p.EnrolTracker(ctx, client.EnrolBody{ID: id, Unsigned: true, Model: "plain tracker", Sensors: sensors})
	if err != nil {
		return "", err
	}
	if t.Secret == "" {
		return "", errors.New("the API enrolled the tracker but told no secret")
	}
	return t.Secret, home.KeepSecret(t.Secret)
}

// NewSecret replaces the secret of a tracker that cannot sign and keeps it. If it is lost on the way, replacing it once more
// gives another.
func (p Party) NewSecret(ctx context.Context, home *device.Home, id string) (string, error) {
	t, err := p.RotateTracker(ctx, id, client.KeyBody{Unsigned: true})
	if err != nil {
		return "", err
	}
	return t.Secret, home.KeepSecret(t.Secret)
}

// Create makes the shipment, or finds it; made tells which.
func (p Party) Create(ctx context.Context, body client.CreateBody) (s client.Shipment, made bool, err error) {
	s, err = p.CreateShipment(ctx, body)
	if client.Status(err) != http.StatusConflict {
		return s, err == nil, err
	}
	s, err = p.GetShipment(ctx, body.ID)
	return s, false, err
}

// Assign binds the tracker from now on unless it is bound.
func (p Party) Assign(ctx context.Context, shipment, tracker string) error {
	return p.assign(ctx, shipment, client.AssignInputBody{Tracker: tracker})
}

// AssignRecorded binds the tracker for a window that is over, unless it is bound for that one, or from a time on.
func (p Party) AssignRecorded(ctx context.Context, shipment, tracker string, from, to time.Time) error {
	return p.assign(ctx, shipment, client.AssignInputBody{Tracker: tracker, From: from, To: to})
}

func (p Party) assign(ctx context.Context, shipment string, window client.AssignInputBody) error {
	_, err := p.AssignTracker(ctx, shipment, window)
	if client.Status(err) != http.StatusConflict {
		return err
	}
	s, getErr := p.GetShipment(ctx, shipment)
	if getErr != nil {
		return getErr
	}
	if slices.ContainsFunc(s.Assignments, func(a client.Assignment) bool {
		return a.Tracker == window.Tracker && (a.To.IsZero() || a.From.Equal(window.From) && a.To.Equal(window.To))
	}) {
		return nil
	}
	return err
}

// Take has custody given from another organisation to p, by the word of both.
func (p Party) Take(ctx context.Context, from Party, shipment, note string) error {
	s, err := p.GetShipment(ctx, shipment)
	if err != nil || s.Custodian == p.Org {
		return err
	}
	if s.PendingHandover.To == "" {
		if _, err := from.ProposeHandover(ctx, shipment, client.ProposeInputBody{To: p.Org, Note: note}); err != nil {
			return err
		}
	}
	_, err = p.AcceptHandover(ctx, shipment, client.Stated{})
	return err
}

// Deliver takes the goods to the consignee, who says that they arrived.
func (p Parties) Deliver(ctx context.Context, shipment string) error {
	s, err := p.Consignee.GetShipment(ctx, shipment)
	if err != nil || s.State == ledger.Delivered || s.State == ledger.Closed {
		return err
	}
	from := p.Carrier
	if s.Custodian == p.Shipper.Org {
		from = p.Shipper
	}
	if err := p.Consignee.Take(ctx, from, shipment, "arrived"); err != nil {
		return err
	}
	_, err = p.Consignee.DeliverShipment(ctx, shipment, client.Stated{})
	return err
}

// Close seals and closes; the carrier does it.
func (p Parties) Close(ctx context.Context, shipment string) error {
	_, err := p.Carrier.CloseShipment(ctx, shipment)
	if client.Status(err) != http.StatusConflict {
		return err
	}
	if s, getErr := p.Carrier.GetShipment(ctx, shipment); getErr != nil || s.State == ledger.Closed {
		return getErr
	}
	return err
}

// Consignment is one shipment with one tracker, from its beginning to its end.
type Consignment struct {
	Parties Parties
	Body    client.CreateBody
	Tracker string
}

// Begin makes the shipment unless it exists, and binds the tracker to it for a recorded window; the zero times mean from now on.
func (c Consignment) Begin(ctx context.Context, from, to time.Time) error {
	s, _, err := c.Parties.Carrier.Create(ctx, c.Body)
	if err != nil {
		return err
	}
	if s.RuleSet != c.Body.RuleSet {
		return fmt.Errorf("shipment %s exists with rule set %s, not %s; use another id", c.Body.ID, s.RuleSet, c.Body.RuleSet)
	}
	if to.IsZero() {
		return c.Parties.Carrier.Assign(ctx, c.Body.ID, c.Tracker)
	}
	return c.Parties.Carrier.AssignRecorded(ctx, c.Body.ID, c.Tracker, from, to)
}

// End delivers and closes.
func (c Consignment) End(ctx context.Context) error {
	if err := c.Parties.Deliver(ctx, c.Body.ID); err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	if err := c.Parties.Close(ctx, c.Body.ID); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}

// Messages walks what the API shows.
func (c Consignment) Messages(ctx context.Context) iter.Seq2[client.Message, error] {
	return c.Parties.Carrier.Messages(ctx, c.Body.ID)
}
