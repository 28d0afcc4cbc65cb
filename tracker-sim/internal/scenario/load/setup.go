package load

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// setupCalls is how many REST calls are under way at once.
const setupCalls = 8

// enrol registers the trackers and binds them to shipments. What exists already is used again. Trackers of one shipment
// are bound one after the other: two at a time would write the same ledger record.
func (r *run) enrol(ctx context.Context) error {
	p, api := r.cfg.Plan, r.cfg.API
	r.cfg.Progress.Phase("enrol", 2*p.Trackers)
	var done atomic.Int64
	step := func() { r.cfg.Progress.Set(int(done.Add(1))) }
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(setupCalls)
	for n := range p.Trackers {
		g.Go(func() error {
			_, err := api.Enrol(gctx, p.Tracker(n), device.DeriveKey(p.Seed, p.Tracker(n)), "load")
			step()
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}

	g, gctx = errgroup.WithContext(ctx)
	g.SetLimit(setupCalls)
	for first := 0; first < p.Trackers; first += r.cfg.PerShip {
		id := fmt.Sprintf("%s-s%04d", p.Name, first/r.cfg.PerShip)
		r.shipments = append(r.shipments, id)
		g.Go(func() error {
			_, _, err := api.Create(gctx, client.CreateBody{
				ID: id, Parties: r.cfg.Roles.Members(), RuleSet: r.cfg.RuleSet, Description: "load test " + p.Name, Origin: "load generator", Destination: "load generator",
			})
			if err != nil {
				return err
			}
			for n := first; n < min(first+r.cfg.PerShip, p.Trackers); n++ {
				if err := api.Assign(gctx, id, p.Tracker(n)); err != nil {
					return err
				}
				step()
			}
			return nil
		})
	}
	return g.Wait()
}
