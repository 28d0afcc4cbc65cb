package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
)

// slot runs one shipment after the other, with its own trackers.
type slot struct {
	n        int
	kind     Kind
	start    float64 // share of the first trip that lies behind it when the fleet starts
	ahead    bool    // keeps a created shipment waiting
	lazy     bool    // closes a shipment when the next one is delivered, so that one is always delivered
	trackers []*tracker
	f        *Fleet
	path     string // of the file with its place
	place    place
	known    bool // the slot has played before
}

// Times of a trip that shipments spend standing.
const (
	createdFor   = 20 * time.Minute
	deliveredFor = 45 * time.Minute
	// restFor is the least real time between two shipments of a slot.
	restFor = 5 * time.Second
)

// plan gives every slot its part, so that soon after the start, and from then on, there are shipments in every state.
func plan(n, shipments int) (kind Kind, start float64, ahead, lazy bool) {
	kind = []Kind{Normal, DoorOpen, Outage, Plain, Normal}[min(n, 4)]
	start = []float64{0, 0.25, 0.2, 0.55}[min(n, 3)]
	switch {
	case n > 0 && n == shipments-1 && n > 3:
		return kind, 0.96, false, true
	case n > 3:
		start = 0.9 - 0.2*float64((n-4)%4)
	}
	return kind, start, n == 0, false
}

func (s *slot) shipment(ordinal int) string {
	return ledger.OwnID(s.f.cfg.Parties.Shipper.Org, fmt.Sprintf("%sS-%d-%03d", s.f.cfg.Prefix, s.n+1, ordinal))
}

func (s *slot) trip(ordinal, tracker int) *Trip {
	return NewTrip(s.f.cfg.Seed, s.shipment(ordinal), s.n+2*ordinal, tracker, s.kindOf(ordinal), s.f.cfg.Pace)
}

// kindOf alternates: a forgotten door or a long outage is not every trip's fate.
func (s *slot) kindOf(ordinal int) Kind {
	if s.kind == Plain || ordinal%2 == 1 {
		return s.kind
	}
	return Normal
}

func (s *slot) run(ctx context.Context) error {
	for p := &s.place; ctx.Err() == nil; {
		err := s.ship(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && s.f.cfg.Once:
			return fmt.Errorf("shipment %s: %w", s.shipment(p.Ordinal), err)
		case err != nil:
			// One shipment that cannot go on must not end the demonstration.
			s.f.cfg.Log.ErrorContext(ctx, "shipment given up", "shipment", s.shipment(p.Ordinal), "error", err)
			service.Pause(ctx, 30*time.Second)
		}
		if s.f.cfg.Once {
			return nil
		}
		*p, s.known = place{Ordinal: p.Ordinal + 1, Open: p.Open}, true
		if err := p.write(s.path); err != nil {
			return err
		}
		service.Pause(ctx, restFor)
	}
	return nil
}

// ship takes one shipment from wherever it stands to its end.
func (s *slot) ship(ctx context.Context) error {
	p := &s.place
	id := s.shipment(p.Ordinal)
	got, err := s.create(ctx, p.Ordinal)
	if err != nil {
		return err
	}
	trips := make([]*Trip, len(s.trackers))
	for i, t := range s.trackers {
		trips[i] = s.trip(p.Ordinal, t.n)
	}
	if !s.known && p.Ordinal == 1 {
		p.At = time.Duration(s.start * float64(trips[0].Total()))
	}
	switch got.State {
	case ledger.Closed:
		return nil
	case ledger.Delivered:
		return s.finish(ctx, id)
	case ledger.Created:
		if s.start == 0 || p.Ordinal > 1 {
			if !service.Pause(ctx, s.f.cfg.Pace.Real(createdFor)) {
				return nil
			}
		}
	}
	if err := s.depart(ctx, id); err != nil {
		return err
	}
	s.f.say("%s  in transit  %s to %s (%s)", id, trips[0].Route.Origin(), trips[0].Route.Destination(), s.kindOf(p.Ordinal))
	if s.ahead && !s.f.cfg.Once {
		if _, err := s.create(ctx, p.Ordinal+1); err != nil {
			return err
		}
	}
	if err := s.ride(ctx, trips, trips[0].Total()); err != nil || ctx.Err() != nil {
		return err
	}
	if err := s.do(ctx, "deliver", func(ctx context.Context) error { return s.f.cfg.Parties.Deliver(ctx, id) }); err != nil {
		return err
	}
	s.f.say("%s  delivered   %s", id, trips[0].Route.Destination())
	if err := s.ride(ctx, trips, trips[0].Total()+deliveredFor); err != nil || ctx.Err() != nil {
		return err
	}
	return s.finish(ctx, id)
}

func (s *slot) create(ctx context.Context, ordinal int) (client.Shipment, error) {
	id := s.shipment(ordinal)
	trip := s.trip(ordinal, 0)
	rules := cmp.Or(s.f.cfg.RuleSet, s.f.cfg.Pace.RuleSet())
	var got client.Shipment
	err := s.do(ctx, "create", func(ctx context.Context) (err error) {
		var made bool // or of an earlier start, whatever rules it had then
		got, made, err = s.f.cfg.Parties.Shipper.Create(ctx, client.CreateBody{
			ID: id, Parties: s.f.cfg.Parties.Roles.Members(), RuleSet: rules,
			Description: trip.Route.Goods, Origin: trip.Route.Origin(), Destination: trip.Route.Destination(),
		})
		if made {
			s.f.say("%s  created     %s, %s to %s", id, trip.Route.Goods, trip.Route.Origin(), trip.Route.Destination())
		}
		return err
	})
	return got, err
}

// depart binds the trackers and gives the goods to the carrier.
func (s *slot) depart(ctx context.Context, id string) error {
	for _, t := range s.trackers {
		err := s.do(ctx, "assign "+t.id, func(ctx context.Context) error {
			return s.f.cfg.Parties.Carrier.Assign(ctx, id, t.id)
		})
		if err != nil {
			return err
		}
	}
	return s.do(ctx, "hand over", func(ctx context.Context) error {
		got, err := s.f.cfg.Parties.Carrier.GetShipment(ctx, id)
		if err != nil || got.Custodian == s.f.cfg.Parties.Consignee.Org {
			return err // a later handover of an earlier start
		}
		return s.f.cfg.Parties.Carrier.Take(ctx, s.f.cfg.Parties.Shipper, id, "loaded")
	})
}

// ride moves all trackers of the shipment to a time of the trip.
func (s *slot) ride(ctx context.Context, trips []*Trip, until time.Duration) error {
	for _, trip := range trips {
		trip.Skip(s.place.At)
	}
	g, gctx := errgroup.WithContext(ctx)
	for i, t := range s.trackers {
		g.Go(func() error {
			return t.ride(gctx, trips[i], s.f.cfg.Pace, until, func(at time.Duration) {
				if i != 0 {
					return
				}
				s.place.At = at // only this goroutine, and its starter after Wait, has the place
				if err := s.place.write(s.path); err != nil {
					s.f.cfg.Log.WarnContext(ctx, "the fleet's place is not kept", "error", err)
				}
			})
		})
	}
	return g.Wait()
}

// finish takes the trackers off, waits until everything that they said has arrived, and closes.
func (s *slot) finish(ctx context.Context, id string) error {
	for _, t := range s.trackers {
		if err := t.dev.End(); err != nil {
			return err
		}
		// What arrives after the seal would land on the tracker's own log.
		drained, cancel := context.WithTimeout(ctx, s.f.cfg.Drain)
		err := t.dev.Drained(drained)
		cancel()
		if err != nil && ctx.Err() == nil {
			s.f.cfg.Log.WarnContext(ctx, "closing before everything was acknowledged", "shipment", id, "tracker", t.id, "messages", t.dev.Pending())
		}
	}
	if s.lazy && !s.f.cfg.Once {
		for _, t := range s.trackers {
			err := s.do(ctx, "unassign "+t.id, func(ctx context.Context) error {
				_, err := s.f.cfg.Parties.Carrier.UnassignTracker(ctx, id, t.id)
				if client.Status(err) == http.StatusNotFound {
					return nil // done before
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		id, s.place.Open = s.place.Open, id
		if err := s.place.write(s.path); err != nil {
			return err
		}
		if id == "" || id == s.place.Open {
			return nil
		}
	}
	err := s.do(ctx, "close", func(ctx context.Context) error { return s.f.cfg.Parties.Close(ctx, id) })
	if err == nil && ctx.Err() == nil {
		s.f.say("%s  closed", id)
	}
	return err
}

// patience is how often a refusal is taken for a moment's state: the API's view of the ledger lags a little.
const patience = 6

// do repeats a REST act until it works, the shipment is refused for good, or ctx ends. An API that is away is waited for.
func (s *slot) do(ctx context.Context, what string, act func(context.Context) error) error {
	wait := time.Second
	for refused := 0; ; {
		err := act(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if status := client.Status(err); status >= 400 && status < 500 {
			if refused++; refused == patience {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
		level := slog.LevelWarn
		if refused == 1 {
			level = slog.LevelDebug // each organisation's view of the ledger lags a little behind the others'
		}
		s.f.cfg.Log.Log(ctx, level, "will try again", "act", what, "slot", s.n+1, "error", err, "in", wait)
		if !service.Pause(ctx, wait) {
			return ctx.Err()
		}
		wait = min(2*wait, 20*time.Second)
	}
}

// place is where a slot stands, over restarts. What happened on the ledger is asked there; this only remembers which shipment is at
// play and how far its trip is. Losing the last write costs a repeated piece of a trip.
type place struct {
	Ordinal int           `json:"ordinal"` // of the shipment at play, from 1
	At      time.Duration `json:"at_ns"`   // of its trip
	Open    string        `json:"open"`    // delivered, to be closed later
}

// readPlace finds a slot at its first shipment when it never played.
func readPlace(path string) (p place, known bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return place{Ordinal: 1}, false, nil
	}
	if err != nil {
		return p, false, err
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, false, fmt.Errorf("%s: %w; remove the file to start the slot's shipments anew", path, err)
	}
	return p, true, nil
}

func (p place) write(path string) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
