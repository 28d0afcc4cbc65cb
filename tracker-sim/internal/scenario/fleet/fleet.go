// Package fleet is a seeded demonstration: reefers with trackers on European roads, whose shipments pass through every
// state. The same seed gives the same keys, routes and measurements.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario"
)

// Config of a fleet.
type Config struct {
	Seed       uint64
	Pace       Pace
	Shipments  int    // at play at any moment
	Trackers   int    // at least one for each
	Prefix     string // of all ids
	RuleSet    string // "" = what fits the pace
	Fault      Fault  // of one tracker's sensor; "" = none
	Once       bool   // every slot plays one shipment
	State      string // folder for keys, buffers and the place of each slot
	Drain      time.Duration
	Deployment string
	Dial       device.Dialer
	Parties    scenario.Parties
	Out        io.Writer
	Log        *slog.Logger
}

// Validate says what is wrong, in terms of the flags.
func (c Config) Validate() error {
	switch {
	case c.Shipments < 1 || c.Shipments > 1000:
		return fmt.Errorf("--shipments %d: must be 1 to 1000", c.Shipments)
	case c.Trackers < c.Shipments || c.Trackers > 26*c.Shipments:
		return fmt.Errorf("--trackers %d: must be %d to %d for %d shipments", c.Trackers, c.Shipments, 26*c.Shipments, c.Shipments)
	case !(c.Pace.Speed >= 0.1 && c.Pace.Speed <= 5000):
		return fmt.Errorf("--speed %g: must be 0.1 to 5000", c.Pace.Speed)
	case c.Pace.PerMessage < 1 || c.Pace.PerMessage > 20:
		return fmt.Errorf("--readings-per-message %d: must be 1 to 20", c.Pace.PerMessage)
	case c.Prefix != "" && (!telemetry.ValidID(c.Prefix) || strings.Contains(c.Prefix, ".") || len(c.Prefix) > 24):
		return fmt.Errorf("--name %q: must match [A-Za-z0-9][A-Za-z0-9_-]{0,23}", c.Prefix)
	}
	return c.Fault.validate()
}

// Fleet at play.
type Fleet struct {
	cfg   Config
	slots []*slot

	out sync.Mutex
}

// Run plays until ctx ends, or with Once until every shipment is closed.
func Run(ctx context.Context, cfg Config) (err error) {
	f := &Fleet{cfg: cfg}
	defer func() { err = errors.Join(err, f.release()) }()
	if err := f.lineUp(); err != nil {
		return err
	}
	// A tracker whose store fails speaks no more: the fleet ends with it, instead of going on without.
	links, ctx := errgroup.WithContext(ctx)
	lctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	play, pctx := errgroup.WithContext(ctx)
	for _, s := range f.slots {
		play.Go(func() error {
			if err := s.enrol(pctx, links, lctx); err != nil {
				if pctx.Err() != nil {
					return nil
				}
				return err
			}
			return s.run(pctx)
		})
	}
	err = play.Wait()
	hangUp()
	return errors.Join(err, links.Wait())
}

// lineUp makes slots and trackers; no I/O but the state folder.
func (f *Fleet) lineUp() error {
	for n := range f.cfg.Shipments {
		s := &slot{n: n, f: f, path: filepath.Join(f.cfg.State, fmt.Sprintf("slot-%d.json", n+1))}
		var err error
		if s.place, s.known, err = readPlace(s.path); err != nil {
			return err
		}
		s.kind, s.start, s.ahead, s.lazy = plan(n, f.cfg.Shipments)
		f.slots = append(f.slots, s)
	}
	now := time.Now()
	for i := range f.cfg.Trackers {
		s := f.slots[i%f.cfg.Shipments]
		t := &tracker{n: len(s.trackers), plain: s.kind == Plain}
		letter := "T"
		if t.plain {
			letter = "P"
		}
		t.id = ledger.OwnID(f.cfg.Parties.Carrier.Org, fmt.Sprintf("%s%s-%d%c", f.cfg.Prefix, letter, s.n+1, 'a'+t.n))
		var err error
		if t.home, err = device.OpenHome(f.cfg.State, t.id); err != nil {
			return err
		}
		s.trackers = append(s.trackers, t)
		t.clock = newClock(f.cfg.Seed, t.id, now)
		if i == 0 {
			t.sensor.fault = f.cfg.Fault
		}
	}
	return nil
}

// enrol registers the slot's trackers and connects them.
func (s *slot) enrol(ctx context.Context, links *errgroup.Group, lctx context.Context) error {
	carrier := s.f.cfg.Parties.Carrier
	for _, t := range s.trackers {
		cfg := device.Config{
			ID: t.id, Deployment: s.f.cfg.Deployment, Dial: s.f.cfg.Dial, NextDue: s.f.cfg.Pace.NextDue(), Store: t.home,
			Now: func() time.Time { return t.clock.at(time.Now()) }, Log: s.f.cfg.Log, Patience: 15 * time.Second,
		}
		err := s.do(ctx, "enrol "+t.id, func(ctx context.Context) (err error) {
			if !t.plain {
				cfg.Signer = device.DeriveKey(s.f.cfg.Seed, t.id)
				_, err = carrier.Enrol(ctx, t.id, cfg.Signer, "reefer tracker")
				return err
			}
			cfg.Secret, err = carrier.PlainSecret(ctx, t.home, t.id)
			return err
		})
		if err != nil {
			return err
		}
		if t.dev, err = device.Open(cfg); err != nil {
			return err
		}
		if !t.plain {
			if err := t.dev.Boot(0); err != nil {
				return err
			}
		}
		links.Go(func() error { return t.dev.Run(lctx) })
	}
	return nil
}

func (f *Fleet) release() error {
	var err error
	for _, s := range f.slots {
		for _, t := range s.trackers {
			err = errors.Join(err, t.home.Close())
		}
	}
	return err
}

func (f *Fleet) say(format string, args ...any) {
	f.out.Lock()
	defer f.out.Unlock()
	fmt.Fprintf(f.cfg.Out, time.Now().UTC().Format("15:04:05")+"  "+format+"\n", args...)
}
