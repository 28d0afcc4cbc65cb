package run

import (
	"context"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

// SealResult names the final state of a shipment's logs.
type SealResult struct {
	Heads    []ledger.LogHead `json:"heads"`
	Anchored bool             `json:"anchored"`
}

// Seal ends the logs of a shipment, judges it for the last time, and returns when the final heads are anchored or ctx ends
// (then Anchored is false, and asking again goes on).
func (p *Pipeline) Seal(ctx context.Context, shipment string) (SealResult, error) {
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
		if r.Anchored || ctx.Err() != nil {
			return r, nil
		}
		p.anchorer.Kick()
		select {
		case <-round:
		case <-ctx.Done():
		}
	}
}

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

// Assigned tells whether the ledger's event of an assignment has come here.
func (p *Pipeline) Assigned(shipment, tracker string) bool {
	s, ok := p.registry.Shipment(shipment)
	return ok && slices.ContainsFunc(s.Assignments, func(a ledger.Assignment) bool { return a.Tracker == tracker && (a.ToMS == 0 || a.Recorded()) })
}
