package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/registry"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
)

// SealResult names the final state of a shipment's logs.
type SealResult struct {
	Heads    []ledger.LogHead `json:"heads"`
	Anchored bool             `json:"anchored"` // as final heads, and the ledger has this instance's seal
}

// Why a shipment is not sealed. Sealing cannot be undone, and ends the record of a shipment that is still on its way: so the ledger says
// whether it may be, whoever asks.
var (
	ErrNoShipment   = errors.New("the ledger has no such shipment of which both the caller and this ingest's organisation are parties")
	ErrNotTheirs    = errors.New("only a carrier of the shipment, who has custody of it, or the operator of this ingest seals it")
	ErrNotDelivered = errors.New("the ledger does not say that the shipment was delivered")
)

// Seal ends the logs of a delivered shipment, judges it for the last time, and returns when the final heads are anchored and the ledger has
// this instance's seal, or ctx ends (then Anchored is false, and asking again goes on). Errors: by is the MSP id of the member
// that asks. Errors: ErrNoShipment, ErrNotTheirs, ErrNotDelivered, ledger.ErrUnavailable.
//
// Crash order: the logs end first, so what is anchored as closed stays what was sealed. A crash anywhere leaves the rest to the next time
// that somebody asks: an anchor, and a seal, that are there already are recognised.
func (p *Pipeline) Seal(ctx context.Context, shipment, by string) (SealResult, error) {
	if err := p.sealable(ctx, shipment, by); err != nil {
		return SealResult{}, err
	}
	if err := p.seq.Seal(shipment); err != nil {
		return SealResult{}, err
	}
	// What was accepted until now has to be in InfluxDB before the last judgement.
	if err := p.waitStored(ctx, p.db.QueueEnd()); err == nil {
		if err := p.judge.Finish(ctx, shipment); err != nil {
			p.cfg.Log.Warn("final verdict not on the ledger yet", "shipment", shipment, "err", err)
		}
	}
	for {
		round := p.anchorer.Round()
		logs, err := p.seq.Logs("shipment", shipment)
		if err != nil {
			return SealResult{}, err
		}
		r := SealResult{Heads: []ledger.LogHead{}, Anchored: true}
		for _, l := range logs {
			r.Heads = append(r.Heads, ledger.LogHead{Log: l.Log, Size: l.Size, Root: l.Root})
			r.Anchored = r.Anchored && l.AnchoredClosed
		}
		if r.Anchored {
			err := p.submitSeal(ctx, shipment)
			if ctx.Err() != nil {
				r.Anchored, err = false, nil
			}
			return r, err
		}
		if ctx.Err() != nil {
			return r, nil
		}
		p.anchorer.Kick()
		select {
		case <-round:
		case <-ctx.Done():
		}
	}
}

// submitSeal puts the seals of all lives on the ledger. An instance that has nothing there is waited for by nobody.
func (p *Pipeline) submitSeal(ctx context.Context, shipment string) error {
	finals, err := p.seq.Finals(shipment)
	for i := 0; err == nil && i < len(finals); i++ {
		err = p.submitFinal(ctx, shipment, finals[i])
	}
	return err
}

func (p *Pipeline) submitFinal(ctx context.Context, shipment string, final sequence.Final) error {
	for try := 0; ; try++ {
		_, _, err := ledger.ShipmentSeal.Do(ctx, p.cfg.Ledger, ledger.SealArgs{ID: shipment, Ingest: final.Ingest, Final: final.Head})
		switch ledger.CodeOf(err) {
		case ledger.Exists: // for an instance that was thought to be gone, by another one of the operator
			p.cfg.Log.Error("the shipment was sealed otherwise for this instance", "ingest", final.Ingest, "shipment", shipment, "err", err)
			return nil
		case ledger.NotFound, ledger.BadState: // a peer lags behind the delivery or the anchor
			if try < lagTries && service.Pause(ctx, lagPoll) {
				continue
			}
		}
		return err
	}
}

// sealable asks the ledger. A peer may lag a little behind the one that took the delivery.
func (p *Pipeline) sealable(ctx context.Context, shipment, by string) error {
	for try := 0; ; try++ {
		s, err := ledger.ShipmentGet.Ask(ctx, p.cfg.Ledger, ledger.IDArgs{ID: shipment})
		switch {
		case ledger.CodeOf(err) == ledger.NotFound, err == nil && !s.IsParty(by):
			err = ErrNoShipment
		case err != nil:
			return err
		case !s.Handles(by) && by != p.cfg.Ledger.MSP():
			err = ErrNotTheirs
		case s.DeliveredMS != 0:
			return nil
		default:
			err = fmt.Errorf("%w: it is %s", ErrNotDelivered, s.State)
		}
		if try == lagTries || !service.Pause(ctx, lagPoll) {
			return err
		}
	}
}

// How long a peer may lag behind.
const (
	lagTries = 20
	lagPoll  = 100 * time.Millisecond
)

func (p *Pipeline) waitStored(ctx context.Context, end uint64) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for p.db.QueueHead() < end {
		p.writer.Wake()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Shipment is the ledger's record as far as its events have come here.
func (p *Pipeline) Shipment(id string) (*ledger.Shipment, bool) { return p.registry.Shipment(id) }

// Tracker is what the ledger says of one; of one that is not known here the ledger is asked.
func (p *Pipeline) Tracker(ctx context.Context, id string) (*registry.Tracker, bool) {
	return p.registry.Tracker(ctx, id)
}
